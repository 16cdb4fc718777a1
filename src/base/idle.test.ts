// The counter of work under way: nesting, double ends, and waiting.
import { expect, test } from "vitest";
import { busy, pendingWork, workDone } from "./idle";

test("ends are counted once each, and waiting ends when the last one does", async () => {
  const first = busy();
  const second = busy();
  let isDone = false;
  const waited = workDone().then(() => {
    isDone = true;
  });
  first();
  first();
  await Promise.resolve();
  expect(pendingWork()).toBe(1);
  expect(isDone).toBe(false);
  second();
  await waited;
  expect(pendingWork()).toBe(0);
  await workDone();
});
