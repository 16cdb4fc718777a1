// What needs no GPU: reading values, the reference count, the example.
import { expect, test } from "vitest";
import { bytesSource } from "../../formats/source";
import { countOnCpu, exampleValues, readValues } from "./engine/session";

test("values are read as little-endian f32", async () => {
  const bytes = new Uint8Array([0, 0, 128, 63, 0, 0, 0, 192]);
  expect([...(await readValues(bytesSource(bytes)))]).toEqual([1, -2]);
});

test("a file of another size is refused with its size", async () => {
  const message = "Raw f32 values take 4 bytes each, got 6 bytes: odd.bin";
  await expect(readValues(bytesSource(new Uint8Array(6), "odd.bin"))).rejects.toThrow(message);
});

test("the largest value is counted in the last bin", () => {
  expect([...countOnCpu(Float32Array.of(0, 1, 2, 3, 4), 4, 0, 1)]).toEqual([1, 1, 1, 2]);
});

test("the example has the moments of a standard normal", () => {
  const values = exampleValues(20_000);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(20_000)); // four standard errors
  expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 20_000));
});
