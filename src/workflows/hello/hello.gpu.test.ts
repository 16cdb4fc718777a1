// The kernel against independent counts, on this run's adapter.
import { afterAll, expect, test } from "vitest";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { openGpu } from "../../gpu/gpu";
import { exampleValues, histogram } from "./engine/session";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => gpu.close());

test.each([1, 63, 64, 65, 10_001])("%i values that are exact in f32 are counted exactly", async (n) => {
  // Multiples of 1/8 between 0 and 8, with both ends present from n = 65 on.
  const values = Float32Array.from({ length: n }, (_, i) => (i % 65) / 8);
  const { counts, high, differingBins } = await histogram(gpu, values, 4, plainContext());
  const expected = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const eighths = i % 65;
    const top = Math.min(n - 1, 64);
    expected[top === 0 ? 0 : Math.min(3, Math.floor((4 * eighths) / top))]++;
  }
  if (n === 1 || n >= 65) expect([...counts]).toEqual(expected); // else the bin width is not exact in f32
  expect(counts.reduce((a, b) => a + b)).toBe(n);
  expect(high).toBe(Math.min(n - 1, 64) / 8);
  if (n === 1 || n >= 65) expect(differingBins).toBe(0);
});

test("the example is counted whole, nothing leaks and no stray error is left", async () => {
  const { counts } = await histogram(gpu, exampleValues(), 64, plainContext());
  expect(counts.reduce((a, b) => a + b)).toBe(100_000);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  expect(gpu.strayErrors).toEqual([]);
});

test("values that are not finite are refused by index, and a cancel ends the work", async () => {
  const bad = histogram(gpu, Float32Array.of(1, Number.NaN), 4, plainContext());
  await expect(bad).rejects.toThrow("Value 1 is NaN; a histogram needs finite values.");
  const signal = AbortSignal.abort();
  await expect(histogram(gpu, Float32Array.of(1, 2), 4, plainContext({ signal }))).rejects.toMatchObject({
    code: "cancelled",
  });
});
