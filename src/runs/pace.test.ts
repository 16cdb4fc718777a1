// When a state is due: by time with a soft start, by steps, on request, and never for more than a hundredth of the time.
import { expect, test } from "vitest";
import { createPace } from "./pace";

/** A run of steps of `stepMs` each, whose states take `costMs`; gives the steps after which one was handed out. */
function handedOut(
  options: { everyMs: number; everySteps?: number },
  { steps, stepMs, costMs, askAt }: { steps: number; stepMs: number; costMs: number; askAt?: number },
): number[] {
  let clock = 5000;
  const pace = createPace({ ...options, now: () => clock });
  const found: number[] = [];
  for (let step = 1; step <= steps; step++) {
    if (step === askAt) pace.ask();
    clock += stepMs;
    if (!pace.isDue(step)) continue;
    found.push(step);
    clock += costMs;
    pace.handedOut(costMs);
  }
  return found;
}

test("by time: after an eighth of it, then twice as long each time, up to all of it", () => {
  // 30 s with steps of 0.5 s: 3.75, 7.5, 15, 30 and 30 s apart.
  expect(handedOut({ everyMs: 30_000 }, { steps: 240, stepMs: 500, costMs: 0 })).toEqual([
    8, 23, 53, 113, 173, 233,
  ]);
});

test("states that take long to hand out come so seldom that they take a hundredth of the time", () => {
  const [first, second, third] = handedOut({ everyMs: 8000 }, { steps: 3000, stepMs: 100, costMs: 1000 });
  expect([first, second - first, third - second]).toEqual([10, 1000, 1000]);
});

test("by steps, whatever a state takes; on request after the step that runs, and only once", () => {
  const slow = { steps: 25, stepMs: 1, costMs: 50 };
  expect(handedOut({ everyMs: 1e9, everySteps: 10 }, slow)).toEqual([10, 20]);
  expect(handedOut({ everyMs: 1e9 }, { ...slow, askAt: 7 })).toEqual([7]);
});
