// Of many values only the latest goes out, at most one per frame, and none before the last was taken.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { latest } from "./latest";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("the first value at once, then the latest of each frame", async () => {
  const sent: number[] = [];
  const progress = latest<number>(async (value) => void sent.push(value), 16);
  for (let i = 1; i <= 50; i++) progress.push(i);
  expect(sent).toEqual([1]);
  await vi.advanceTimersByTimeAsync(15);
  expect(sent).toEqual([1]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent).toEqual([1, 50]);
  progress.push(51);
  await progress.flush();
  expect(sent).toEqual([1, 50, 51]);
});

test("a page that does not take values gets no more of them", async () => {
  const sent: number[] = [];
  let take = (): void => {};
  const progress = latest<number>((value) => {
    sent.push(value);
    return new Promise((resolve) => {
      take = resolve;
    });
  }, 16);
  progress.push(1);
  progress.push(2);
  progress.push(3);
  await vi.advanceTimersByTimeAsync(1000);
  expect(sent).toEqual([1]);
  take();
  await vi.advanceTimersByTimeAsync(16);
  expect(sent).toEqual([1, 3]);
});
