// Random streams on the device: the same numbers however they are cut, and those of the CPU generator.
import { afterAll, expect, test } from "vitest";
import { philox, Random } from "../base/random";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { scoped } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { randomBits, randomNormal, randomUniform, randomUniformOp } from "./random";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  gpu.close();
});

const values = (make: () => Tensor): Promise<number[]> => scoped(gpu, async () => [...(await make().read())]);

test("the device gives the published words of Philox 4x32-10", async () => {
  // First known answer of Random123's kat_vectors; the CPU's test has the others, which need a longer counter.
  const words = await values(() => randomBits(gpu, [4], { seed: 0 }));
  expect(words).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
});

test.each([
  ["bits", randomBits],
  ["uniform", randomUniform],
  ["normal", randomNormal],
] as const)("%s: a stream does not depend on how it is cut", async (_, make) => {
  const whole = await values(() => make(gpu, [5, 9], { seed: 9, stream: 2 }));
  const parts: number[] = [];
  for (const [offset, length] of [
    [0, 1],
    [1, 2],
    [3, 8],
    [11, 0],
    [11, 30],
    [41, 4],
  ])
    parts.push(...(await values(() => make(gpu, [length], { seed: 9, stream: 2, offset }))));
  expect(parts).toEqual(whole);
});

test("uniforms are those of base/random, and so are the normals at even places", async () => {
  const n = 1000;
  const uniforms = await values(() => randomUniform(gpu, [n], { seed: 42, stream: 7 }));
  const cpu = new Random(42, 7);
  expect(uniforms).toEqual(Array.from({ length: n }, () => cpu.uniform()));
  const normals = await values(() => randomNormal(gpu, [2 * n], { seed: 42, stream: 7 }));
  const again = new Random(42, 7);
  for (let i = 0; i < n; i++) {
    const wanted = again.normal();
    expect(Math.abs(normals[2 * i] - wanted)).toBeLessThanOrEqual(1e-6 * Math.abs(wanted) + 6e-7);
  }
});

test("different seeds and streams differ in every word", async () => {
  const base = await values(() => randomBits(gpu, [256], { seed: 1, stream: 0 }));
  for (const attrs of [
    { seed: 2, stream: 0 },
    { seed: 1, stream: 1 },
  ]) {
    const other = await values(() => randomBits(gpu, [256], attrs));
    expect(other.some((word, i) => word === base[i])).toBe(false);
  }
});

test("more blocks than one row of the grid holds", async () => {
  const n = 65_536 * 64 * 4 + 3;
  const offset = 2 ** 34 - 5; // the block number carries into its upper word on the way
  const tail = await scoped(gpu, async () => {
    const all = randomUniform(gpu, [n], { seed: 5, offset });
    return [...new Float32Array(await gpu.read(all.allocation, (n - 8) * 4, 32))];
  });
  const wanted = Array.from({ length: 8 }, (_, i) => {
    const at = offset + n - 8 + i;
    const block = Math.floor(at / 4);
    return (philox([block % 2 ** 32, Math.floor(block / 2 ** 32), 0, 0], [5, 0])[at % 4] >>> 8) / 2 ** 24;
  });
  expect(tail).toEqual(wanted);
});

test("an op without inputs asks for a device", () => {
  expect(() => randomUniformOp([], { shape: [2], seed: 1 })).toThrow(
    "random-uniform: an op without inputs is called with a device",
  );
});
