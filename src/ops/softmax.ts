// Softmax over the last axis, and its gradient as an op of its own.
import sourceText from "../../shaders/ops/softmax.wgsl?raw";
import backwardText from "../../shaders/ops/softmax_backward.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { expectSameShape, type Tensor } from "../tensor/tensor";
import { defineOp, expectSameDtype } from "./op";
import { expectRowsOf, mapRows, ROW_VARIANTS, rowClass, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/softmax.wgsl", text: sourceText };
const backward: KernelSource = { file: "ops/softmax_backward.wgsl", text: backwardText };

export const softmaxOp = defineOp<Record<string, never>>({
  name: "softmax",
  summary: "y[…, i] = exp(x[…, i] - max) / Σ exp(x[…, j] - max) over the last axis",
  inputs: ["x"],
  variants: ROW_VARIANTS,
  infer([x]) {
    expectRowsOf(x, "softmax: x");
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], dispatch }) {
    dispatch({
      variants: rowVariants(source, x, { log: 0 }),
      bindings: [x, y],
      work: x.size * 12,
      shapeClass: rowClass(x),
    });
  },
  vjp: ([dy], { outputs: [y] }) => [dy && softmaxBackwardOp([dy, y], {})[0]],
  reference: ([x]) => [
    mapRows(x, (row) => {
      const top = Math.max(...row);
      const weights = row.map((v) => Math.exp(v - top));
      const sum = weights.reduce((a, b) => a + b, 0);
      return weights.map((w) => w / sum);
    }),
  ],
  samples: [
    { name: "one", inputs: [{ shape: [1, 1] }], attrs: {} },
    { name: "odd", inputs: [{ shape: [4, 7] }], attrs: {} },
    { name: "by fours", inputs: [{ shape: [67, 12] }], attrs: {} },
    { name: "long row", inputs: [{ shape: [3, 4097] }], attrs: {} },
    {
      name: "long row by fours",
      inputs: [{ shape: [2, 4100] }],
      attrs: {},
      noGradient: "size: the shorter rows cover it",
    },
    { name: "many rows", inputs: [{ shape: [5, 131, 3] }], attrs: {} },
    {
      name: "maximum found late",
      inputs: [{ shape: [2, 9], fill: { kind: "values", values: [-4, -2, -1, 0, 1, 2, 3, 5, 4] } }],
      attrs: {},
    },
    {
      name: "large values",
      inputs: [{ shape: [2, 8], fill: { kind: "normal", scale: 1e4 } }],
      attrs: {},
      noGradient: "saturated: differences vanish",
    },
    { name: "no rows", inputs: [{ shape: [0, 8] }], attrs: {} },
  ],
  rejects: [
    { inputs: [{ shape: [], dtype: "f32" }], attrs: {}, says: "softmax: x needs at least 1 axis, got f32[]" },
    {
      inputs: [{ shape: [2, 2], dtype: "u32" }],
      attrs: {},
      says: "softmax: x must be f32 or f16, got u32[2, 2]; cast it first",
    },
  ],
  bound: {
    f32: {
      rel: 4e-6,
      scaled: 1e-7,
      why: "exp allows 3 + 2|x| ULP for |x| ≤ 16 where it matters, the sum adds √n ULP",
    },
    f16: {
      rel: 1e-3,
      scaled: 0,
      abs: 6e-8,
      why: "half a unit in the last place of f16 is 4.9e-4; subnormals below 6e-5 round to 6e-8",
    },
    gradient: {
      rel: 1e-5,
      scaled: 1e-5,
      why: "y·(dy - Σ dy·y) cancels; relative to the largest entry it stays near 10 ULP",
    },
  },
});

/** dx = y·(dy - Σ dy·y). First order only: its own gradient is not offered. */
export const softmaxBackwardOp = defineOp<Record<string, never>>({
  name: "softmax-backward",
  summary: "dx = y·(dy - Σ dy·y) over the last axis",
  inputs: ["dy", "y"],
  variants: ROW_VARIANTS,
  infer([dy, y]) {
    expectRowsOf(y, "softmax-backward: y");
    expectSameDtype(dy, y, "softmax-backward");
    expectSameShape(dy, y, "softmax-backward");
    return [{ shape: y.shape, dtype: y.dtype }];
  },
  launch({ inputs: [dy, y], outputs: [dx], dispatch }) {
    dispatch({
      variants: rowVariants(backward, y, { log: 0 }),
      bindings: [dy, y, dx],
      work: y.size * 6,
      shapeClass: rowClass(y),
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference: ([dy, y]) => [
    mapRows(y, (row, start) => {
      const dot = row.reduce((sum, v, i) => sum + v * dy.data[start + i], 0);
      return row.map((v, i) => v * (dy.data[start + i] - dot));
    }),
  ],
  samples: [
    { name: "odd", inputs: [{ shape: [4, 7] }, { shape: [4, 7] }], attrs: {} },
    { name: "by fours", inputs: [{ shape: [67, 12] }, { shape: [67, 12] }], attrs: {} },
    { name: "long row", inputs: [{ shape: [2, 1025] }, { shape: [2, 1025] }], attrs: {} },
    { name: "no rows", inputs: [{ shape: [0, 3] }, { shape: [0, 3] }], attrs: {} },
  ],
  rejects: [
    {
      inputs: [
        { shape: [2], dtype: "f32" },
        { shape: [2], dtype: "f16" },
      ],
      attrs: {},
      says: "softmax-backward: element types differ, f32[2] and f16[2]; cast one of them",
    },
    {
      inputs: [
        { shape: [2, 3], dtype: "f32" },
        { shape: [3, 2], dtype: "f32" },
      ],
      attrs: {},
      says: "softmax-backward: shapes differ, [2, 3] and [3, 2]",
    },
  ],
  bound: {
    f32: { rel: 1e-6, scaled: 3e-6, why: "a sum of n products relative to the largest entry: √n ULP" },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});

/** Softmax over the last axis: x f[…, n] → f[…, n]. */
export const softmax = (x: Tensor): Tensor => softmaxOp([x], {})[0];
