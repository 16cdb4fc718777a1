// The clock of the run bar: pauses do not count, a new run starts at zero, guesses are not made too early.
import { expect, test } from "vitest";
import { clockText, elapsed, type RunClock, tickClock, timeLeft } from "./run-clock";

test("running time leaves pauses out and starts anew with the next run", () => {
  let clock: RunClock = { before: 0 };
  clock = tickClock(clock, "idle", "running", 1000);
  clock = tickClock(clock, "running", "pausing", 3000);
  expect(elapsed(clock, 3500)).toBe(2500);
  clock = tickClock(clock, "pausing", "paused", 4000);
  expect(elapsed(clock, 99_000)).toBe(3000);
  clock = tickClock(clock, "paused", "running", 100_000);
  clock = tickClock(clock, "running", "done", 101_000);
  expect(elapsed(clock, 500_000)).toBe(4000);
  clock = tickClock(clock, "done", "running", 600_000);
  expect(elapsed(clock, 600_500)).toBe(500);
});

test("time left is at the average pace, and unknown at first; what the run says of itself comes first", () => {
  const left = (done: number, total: number, ms: number) => timeLeft({ done, total }, ms);
  expect(left(25, 100, 10_000)).toBe(30_000);
  expect(left(1, 100, 10_000)).toBeUndefined();
  expect(left(50, 100, 100)).toBeUndefined();
  expect(left(0, 0, 10_000)).toBeUndefined();
  expect(left(100, 100, 10_000)).toBe(0);
  expect(timeLeft({ done: 50, total: 100, secondsLeft: 7 }, 100)).toBe(7000);
  expect(timeLeft({ done: 50, total: 100, secondsLeft: null }, 10_000)).toBeUndefined();
});

test("clock words", () => {
  expect([900, 59_400, 200_000, 7_380_000].map(clockText)).toEqual([
    "1 s",
    "59 s",
    "3 min 20 s",
    "2 h 3 min",
  ]);
});
