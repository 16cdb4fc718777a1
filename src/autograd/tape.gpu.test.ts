// Tape and reverse sweep on the device: against PyTorch, against float64 formulas, and at their edges.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { addOp } from "../ops/binary";
import { gather } from "../ops/gather";
import { matmul } from "../ops/matmul";
import { defineOp } from "../ops/op";
import { permute } from "../ops/permute";
import { argmax } from "../ops/reduce";
import { softmax } from "../ops/softmax";
import { scoped } from "../tensor/scope";
import { type Tensor, upload } from "../tensor/tensor";
import { gradcheck } from "./gradcheck";
import { Tape } from "./tape";

interface Values {
  shape: number[];
  data: number[];
}
interface Golden {
  index: number[];
  target: Values;
  inputs: Record<string, Values>;
  loss: number;
  gradients: Record<string, Values>;
}

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  gpu.close();
});

/** Σ x² as a product of the flattened tensor with itself. */
const sumOfSquares = (x: Tensor): Tensor =>
  matmul(x.reshape([1, x.size]), x.reshape([1, x.size]), { transposeB: true });

/** Runs in a scope and expects that nothing is left behind. */
async function clean(body: () => Promise<void>): Promise<void> {
  const before = gpu.pool.stats().liveBuffers;
  await scoped(gpu, body);
  expect(gpu.pool.stats().liveBuffers).toBe(before);
}

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>, relativeToLargest: number): void {
  expect(got.length).toBe(wanted.length);
  let top = 0;
  for (let i = 0; i < wanted.length; i++) top = Math.max(top, Math.abs(wanted[i]));
  for (let i = 0; i < wanted.length; i++)
    expect(Math.abs(got[i] - wanted[i])).toBeLessThanOrEqual(relativeToLargest * top);
}

test("one training step agrees with PyTorch", () =>
  clean(async () => {
    const text = readFileSync(new URL("./golden/mlp.json", import.meta.url), "utf8");
    const manifest = JSON.parse(readFileSync(new URL("./golden/manifest.json", import.meta.url), "utf8"));
    expect(createHash("sha256").update(text).digest("hex")).toBe(manifest.sha256["mlp.json"]);
    const golden: Golden = JSON.parse(text);
    const names = ["table", "w1", "b1", "w2", "b2"];
    const inputs = names.map((name) => upload(gpu, golden.inputs[name].data, golden.inputs[name].shape));
    const [table, w1, b1, w2, b2] = inputs;
    const index = upload(gpu, golden.index, [golden.index.length], "u32");
    const minusTarget = upload(
      gpu,
      golden.target.data.map((v) => -v),
      golden.target.shape,
    );
    const tape = new Tape(gpu);
    const loss = tape.run(() => {
      const x = gather(table, index);
      const hidden = matmul(x, w1, { bias: b1, activation: "gelu" });
      const out = softmax(matmul(hidden, w2, { bias: b2, residual: x }));
      return sumOfSquares(addOp([out, minusTarget], {})[0]);
    }, inputs);
    expect(tape.length).toBe(6);
    const gradients = tape.backward(loss, inputs);
    expectClose(await loss.readFloats(), [golden.loss], 2e-6);
    // A chain of five f32 steps: about 10 ULP of the largest entry.
    for (const [i, name] of names.entries())
      expectClose(await gradients[i].readFloats(), golden.gradients[name].data, 2e-6);
  }));

test("a tensor used in two branches, and twice in one op, gets the sum", () =>
  clean(async () => {
    const x = upload(gpu, [1, 2, 3, 4], [2, 2]);
    const tape = new Tape(gpu);
    // f = Σ (x + xᵀ)² + Σ x²: df/dx = 4 (x + xᵀ) + 2 x
    const loss = tape.run(() => {
      const symmetric = addOp([x, permute(x, [1, 0])], {})[0];
      return addOp([sumOfSquares(symmetric), sumOfSquares(x)], {})[0];
    }, [x]);
    const [dx] = tape.backward(loss, [x]);
    expect([...(await dx.readFloats())]).toEqual([10, 24, 26, 40]);
  }));

test("gradients of broadcast operands are summed over the broadcast axes", async () => {
  const before = gpu.pool.stats().liveBuffers;
  const wave = (n: number, phase: number): number[] =>
    Array.from({ length: n }, (_, i) => Math.sin(i * 1.7 + phase));
  const result = await gradcheck(
    gpu,
    ([a, b, bias]) => sumOfSquares(matmul(a, b, { bias, activation: "silu", transposeB: true, scale: 0.7 })),
    [
      { shape: [2, 1, 3, 4], data: wave(24, 0) },
      { shape: [3, 5, 4], data: wave(60, 1) },
      { shape: [5], data: wave(5, 2) },
    ],
  );
  expect(result.passed, result.worst).toBe(true);
  expect(result.errorOverBound).toBeGreaterThan(0);
  expect(gpu.pool.stats().liveBuffers).toBe(before);
});

test("gradcheck notices a wrong gradient", async () => {
  const wrong = defineOp<Record<string, never>>({
    ...addOp,
    name: "wrong",
    vjp: ([dy]) => [dy, undefined],
  });
  const result = await gradcheck(gpu, ([x]) => sumOfSquares(wrong([x, x], {})[0]), [
    { shape: [3], data: [1, -2, 0.5] },
  ]);
  expect(result.passed).toBe(false);
});

test("intermediates that the caller frees early stay for the sweep, and the tape frees them", () =>
  clean(async () => {
    const x = upload(gpu, [1, -2], [1, 2]);
    const tape = new Tape(gpu);
    const loss = tape.run(() => {
      const y = addOp([x, x], {})[0];
      const squares = matmul(y, y, { transposeB: true });
      y.free();
      return squares;
    }, [x]);
    const live = gpu.pool.stats().liveBuffers;
    const [dx] = tape.backward(loss, [x]);
    expect([...(await dx.readFloats())]).toEqual([8, -16]);
    expect(gpu.pool.stats().liveBuffers).toBe(live); // y went, dx came
  }));

test("only what depends on tracked inputs is recorded; an unrelated target gets zeros", () =>
  clean(async () => {
    const x = upload(gpu, [3], [1, 1]);
    const other = upload(gpu, [1, 2], [2, 1]);
    const tape = new Tape(gpu);
    const loss = tape.run(() => {
      sumOfSquares(other);
      return sumOfSquares(x);
    }, [x]);
    expect(tape.length).toBe(1);
    const [dx, none] = tape.backward(loss, [x, other]);
    expect([...(await dx.readFloats())]).toEqual([6]);
    expect([...(await none.readFloats())]).toEqual([0, 0]);
  }));

test("misuse is refused in words", () =>
  clean(async () => {
    const x = upload(gpu, [1, 2], [2, 1]);
    const tape = new Tape(gpu);
    expect(() => tape.backward(x, [x])).toThrow(
      "backward needs a tape that has recorded and was not swept yet; make a new one",
    );
    const y = tape.run(() => addOp([x, x], {})[0], [x]);
    expect(() => tape.run(() => y, [x])).toThrow(
      "This tape has recorded already; make a new one for each step",
    );
    expect(() => tape.backward(y, [x])).toThrow(
      "backward: the loss must have one element, got shape [2, 1]; take a sum or a mean first",
    );
    const second = new Tape(gpu);
    const place = second.run(() => argmax(x), [x]);
    expect(() => second.backward(place, [x])).toThrow(
      "argmax has no gradient (a place is no smooth function of the values), but the loss depends on a tracked input through it",
    );
  }));
