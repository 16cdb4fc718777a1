// Sums a tensor over its leading axis, and undoes broadcasting: what gradients of broadcast operands need.
import sourceText from "../../shaders/ops/sum_rows.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { sameShape, sizeOf } from "../tensor/shape";
import { formatSpec, type Tensor } from "../tensor/tensor";
import { defineOp, expectFloat } from "./op";
import { permute } from "./permute";

const source: KernelSource = { file: "ops/sum_rows.wgsl", text: sourceText };
const CHUNK = 64;
const LANES = 64;

export const sumRowsOp = defineOp<Record<string, never>>({
  name: "sum-rows",
  summary: "y[…] = Σ_r x[r, …] over the first axis",
  inputs: ["x"],
  variants: ["chunks"],
  infer([x]) {
    expectFloat(x, "sum-rows: x");
    if (x.shape.length === 0)
      throw new TesseraError("shape", `sum-rows: x needs at least 1 axis, got ${formatSpec(x)}`);
    return [{ shape: x.shape.slice(1), dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], temp, dispatch }) {
    const n = y.size;
    let rows = x.shape[0];
    let current = x;
    do {
      const chunks = Math.max(1, Math.ceil(rows / CHUNK));
      const next = chunks === 1 ? y : temp([chunks, n]);
      dispatch({
        variants: [
          {
            name: "chunks",
            kernel: kernel(source, { types: { T: current.dtype, R: next.dtype } }),
            groups: Math.ceil((chunks * n) / LANES),
            uniforms: { rows, n },
          },
        ],
        bindings: [current, next],
        work: rows * n + chunks * n,
      });
      rows = chunks;
      current = next;
    } while (current !== y);
  },
  vjp: { none: "used inside gradients; second derivatives are not offered" },
  reference: ([x]) => {
    const data = new Float64Array(sizeOf(x.shape.slice(1)));
    x.data.forEach((v, i) => {
      data[i % data.length] += v;
    });
    return [{ shape: x.shape.slice(1), data }];
  },
  samples: [
    { name: "one row", inputs: [{ shape: [1, 3] }], attrs: {} },
    { name: "odd", inputs: [{ shape: [65, 7] }], attrs: {} },
    { name: "three levels", inputs: [{ shape: [70_001, 3] }], attrs: {} },
    { name: "vector", inputs: [{ shape: [100] }], attrs: {} },
    { name: "no rows give zeros", inputs: [{ shape: [0, 5] }], attrs: {} },
    { name: "empty", inputs: [{ shape: [4, 0] }], attrs: {} },
    {
      name: "large values",
      inputs: [{ shape: [130, 2], fill: { kind: "uniform", from: 1e3, to: 2e3 }, dtype: "f32" }],
      attrs: {},
    },
  ],
  rejects: [
    {
      inputs: [{ shape: [], dtype: "f32" }],
      attrs: {},
      says: "sum-rows: x needs at least 1 axis, got f32[]",
    },
    {
      inputs: [{ shape: [2, 2], dtype: "i32" }],
      attrs: {},
      says: "sum-rows: x must be f32 or f16, got i32[2, 2]; cast it first",
    },
  ],
  bound: {
    f32: {
      rel: 2e-6,
      scaled: 2e-6,
      why: "64 additions a level, at most 32 ULP of the running sum each, three levels of random sign",
    },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});

/** Sum over the first axis: f[R, ...] → f[...]. The order of additions is fixed. */
export const sumRows = (x: Tensor): Tensor => sumRowsOp([x], {})[0];

/** Sums `x` over the axes along which `shape` was broadcast to x's shape: the gradient of that broadcast. */
export function sumToShape(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const summed = x.shape.flatMap((n, i) => (i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : []));
  if (summed.length === 0) return x.reshape(shape);
  const kept = x.shape.flatMap((_, i) => (summed.includes(i) ? [] : [i]));
  const order = [...summed, ...kept];
  const moved = order.every((axis, i) => axis === i) ? x : permute(x, order);
  const rows = summed.reduce((product, i) => product * x.shape[i], 1);
  return sumRows(moved.reshape([rows, sizeOf(shape)])).reshape(shape);
}
