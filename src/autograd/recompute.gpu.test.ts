// Activation recomputation: the same gradients to the bit, less memory between the passes, and nested blocks.
import { afterAll, expect, test } from "vitest";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { matmul } from "../ops/matmul";
import { scoped } from "../tensor/scope";
import { type Tensor, upload } from "../tensor/tensor";
import { recompute } from "./recompute";
import { Tape } from "./tape";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  gpu.close();
});

const wave = (n: number, phase: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + phase));
const sumOfSquares = (x: Tensor): Tensor =>
  matmul(x.reshape([1, x.size]), x.reshape([1, x.size]), { transposeB: true });

/**
 * Three blocks x + silu(silu(x a) b) c. Each weight is used once: the order in which several gradients of one tensor are
 * added differs between the ways, and with it the last bit.
 */
async function run(how: "kept" | "recomputed" | "nested") {
  const before = gpu.pool.stats().liveBuffers;
  const result = await scoped(gpu, async () => {
    const x = upload(gpu, wave(12, 0), [3, 4]);
    const w = Array.from({ length: 9 }, (_, i) => upload(gpu, wave(16, i + 1), [4, 4]));
    const block =
      (a: Tensor, b: Tensor, c: Tensor) =>
      (h: Tensor): Tensor => {
        const inner = (y: Tensor): Tensor =>
          matmul(matmul(y, a, { activation: "silu" }), b, { activation: "silu" });
        return matmul(how === "nested" ? recompute(inner, [h]) : inner(h), c, { residual: h });
      };
    const tape = new Tape(gpu);
    const live = gpu.pool.stats().liveBuffers;
    const loss = tape.run(() => {
      let h = x;
      for (let i = 0; i < 9; i += 3) {
        const body = block(w[i], w[i + 1], w[i + 2]);
        h = how === "kept" ? body(h) : recompute(body, [h]);
      }
      return sumOfSquares(h);
    }, [x, ...w]);
    const kept = gpu.pool.stats().liveBuffers - live;
    const gradients = tape.backward(loss, [x, ...w]);
    const values = [await loss.readFloats()];
    for (const gradient of gradients) values.push(await gradient.readFloats());
    return { kept, values };
  });
  expect(gpu.pool.stats().liveBuffers).toBe(before);
  return result;
}

test("recomputed blocks give the same gradients to the bit and keep only their results", async () => {
  const kept = await run("kept");
  const recomputed = await run("recomputed");
  const nested = await run("nested");
  expect(recomputed.values).toEqual(kept.values);
  expect(nested.values).toEqual(kept.values);
  for (const values of kept.values) expect(values.every((v) => v !== 0)).toBe(true);
  // Per block: two inner products and a result, against the result alone; and the loss.
  expect(kept.kept).toBe(3 * 3 + 1);
  expect(recomputed.kept).toBe(3 + 1);
  expect(nested.kept).toBe(3 + 1);
});

test("a block that depends on nothing tracked leaves no trace on the tape", () =>
  scoped(gpu, async () => {
    const x = upload(gpu, wave(4, 0), [2, 2]);
    const w = upload(gpu, wave(4, 1), [2, 2]);
    const tape = new Tape(gpu);
    const loss = tape.run(() => {
      const fixed = recompute((h) => matmul(h, h), [x]);
      return sumOfSquares(matmul(fixed, w));
    }, [w]);
    expect(tape.length).toBe(2);
    const [dw] = tape.backward(loss, [w]);
    expect((await dw.readFloats()).every((v) => Number.isFinite(v) && v !== 0)).toBe(true);
  }));
