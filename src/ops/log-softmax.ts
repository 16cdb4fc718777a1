// Log-softmax over the last axis, and its gradient as an op of its own. The kernels are those of softmax.
import sourceText from "../../shaders/ops/softmax.wgsl?raw";
import backwardText from "../../shaders/ops/softmax_backward.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { expectSameShape, type Tensor } from "../tensor/tensor";
import { defineOp, expectSameDtype } from "./op";
import { expectRowsOf, mapRows, ROW_VARIANTS, rowClass, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/softmax.wgsl", text: sourceText };
const backward: KernelSource = { file: "ops/softmax_backward.wgsl", text: backwardText };

export const logSoftmaxOp = defineOp<Record<string, never>>({
  name: "log-softmax",
  summary: "y[…, i] = x[…, i] - max - log Σ exp(x[…, j] - max) over the last axis",
  inputs: ["x"],
  variants: ROW_VARIANTS,
  infer([x]) {
    expectRowsOf(x, "log-softmax: x");
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], dispatch }) {
    dispatch({
      variants: rowVariants(source, x, { log: 1 }),
      bindings: [x, y],
      work: x.size * 10,
      shapeClass: rowClass(x),
    });
  },
  vjp: ([dy], { outputs: [y] }) => [dy && logSoftmaxBackwardOp([dy, y], {})[0]],
  reference: ([x]) => [
    mapRows(x, (row) => {
      const top = Math.max(...row);
      const rest = Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0));
      return row.map((v) => v - top - rest);
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
      name: "a confident row",
      inputs: [{ shape: [2, 5], fill: { kind: "values", values: [9, -1, -3, -2, 0] } }],
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
    {
      inputs: [{ shape: [], dtype: "f32" }],
      attrs: {},
      says: "log-softmax: x needs at least 1 axis, got f32[]",
    },
    {
      inputs: [{ shape: [2, 2], dtype: "i32" }],
      attrs: {},
      says: "log-softmax: x must be f32 or f16, got i32[2, 2]; cast it first",
    },
  ],
  bound: {
    f32: {
      rel: 1e-6,
      scaled: 0,
      abs: 1e-6,
      why: "x - max is rounded once; the logarithm of the sum is off by the relative error of that sum, √n ULP and 3 + 2|x| ULP of exp, 1e-6 at 4,100 values",
    },
    f16: { rel: 1e-3, scaled: 0, abs: 1e-6, why: "one rounding of the result to f16; f32 inside" },
    gradient: {
      rel: 1e-5,
      scaled: 1e-5,
      why: "dy - exp(y)·Σ dy cancels; relative to the largest entry it stays near 10 ULP",
    },
  },
});

/** dx = dy - exp(y)·Σ dy. First order only: its own gradient is not offered. */
export const logSoftmaxBackwardOp = defineOp<Record<string, never>>({
  name: "log-softmax-backward",
  summary: "dx = dy - exp(y)·Σ dy over the last axis",
  inputs: ["dy", "y"],
  variants: ROW_VARIANTS,
  infer([dy, y]) {
    expectRowsOf(y, "log-softmax-backward: y");
    expectSameDtype(dy, y, "log-softmax-backward");
    expectSameShape(dy, y, "log-softmax-backward");
    return [{ shape: y.shape, dtype: y.dtype }];
  },
  launch({ inputs: [dy, y], outputs: [dx], dispatch }) {
    dispatch({
      variants: rowVariants(backward, y, { log: 1 }),
      bindings: [dy, y, dx],
      work: y.size * 8,
      shapeClass: rowClass(y),
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference: ([dy, y]) => [
    mapRows(y, (row, start) => {
      const total = row.reduce((sum, _, i) => sum + dy.data[start + i], 0);
      return row.map((v, i) => dy.data[start + i] - Math.exp(v) * total);
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
        { shape: [2, 3], dtype: "f32" },
        { shape: [2, 4], dtype: "f32" },
      ],
      attrs: {},
      says: "log-softmax-backward: shapes differ, [2, 3] and [2, 4]",
    },
  ],
  bound: {
    f32: {
      rel: 1e-6,
      scaled: 3e-6,
      why: "Σ dy carries √n ULP of its largest partial sum, exp 3 + 2|y| ULP; relative to the largest entry",
    },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});

/** Logarithm of the softmax over the last axis: x f[…, n] → f[…, n]. */
export const logSoftmax = (x: Tensor): Tensor => logSoftmaxOp([x], {})[0];
