// Cross-entropy of logits against class numbers, row by row; no [rows, n] tensor of probabilities is kept in between.
import sourceText from "../../shaders/ops/cross_entropy.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { type Tensor, zeros } from "../tensor/tensor";
import { crossEntropyBackwardOp, expectTargets, IGNORED } from "./cross-entropy-backward";
import { defineOp, type RefArray, type SampleInput } from "./op";
import { ROW_VARIANTS, rowClass, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/cross_entropy.wgsl", text: sourceText };

function logSumExp(row: Float64Array): number {
  const top = row.reduce((a, b) => Math.max(a, b));
  return top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0));
}

const rowOf = (x: RefArray, r: number): Float64Array => {
  const n = x.shape.at(-1)!;
  return x.data.subarray(r * n, (r + 1) * n);
};

const targetsInput = (shape: readonly number[], below: number): SampleInput => ({
  shape,
  dtype: "u32",
  fill: { kind: "index", below },
});

export const crossEntropyOp = defineOp<Record<string, never>>({
  name: "cross-entropy",
  summary:
    "loss[…] = lse[…] - logits[…, targets[…]], 0 where the target is no class, and lse[…] = log Σ exp(logits[…, j])",
  inputs: ["logits", "targets"],
  variants: ROW_VARIANTS,
  infer([x, targets]) {
    const shape = expectTargets("cross-entropy", x, targets);
    return [
      { shape, dtype: "f32" },
      { shape, dtype: "f32" },
    ];
  },
  launch({ inputs: [x, targets], outputs: [loss, lse], dispatch }) {
    dispatch({
      variants: rowVariants(source, x),
      bindings: [x, targets, loss, lse],
      work: x.size * 8,
      shapeClass: rowClass(x),
    });
  },
  vjp([dloss, dlse], { inputs: [x, targets], outputs: [loss, lse] }) {
    if (!dloss && !dlse) return [undefined, undefined];
    const none = dloss && dlse ? undefined : zeros(x.gpu, loss.shape);
    const [dx] = crossEntropyBackwardOp(
      [(dloss ?? none) as Tensor, (dlse ?? none) as Tensor, x, targets, lse],
      {},
    );
    none?.free();
    return [dx, undefined];
  },
  reference([x, targets]) {
    const lse = targets.data.map((_, r) => logSumExp(rowOf(x, r)));
    const loss = targets.data.map((t, r) => (t < x.shape.at(-1)! ? lse[r] - rowOf(x, r)[t] : 0));
    return [
      { shape: targets.shape, data: loss },
      { shape: targets.shape, data: lse },
    ];
  },
  samples: [
    { name: "one class", inputs: [{ shape: [1, 1] }, targetsInput([1], 1)], attrs: {} },
    { name: "odd", inputs: [{ shape: [5, 7] }, targetsInput([5], 7)], attrs: {} },
    { name: "by fours", inputs: [{ shape: [2, 35, 12] }, targetsInput([2, 35], 12)], attrs: {} },
    { name: "one row, no batch axis", inputs: [{ shape: [9] }, targetsInput([], 9)], attrs: {} },
    { name: "long row", inputs: [{ shape: [3, 4097] }, targetsInput([3], 4097)], attrs: {} },
    {
      name: "long row by fours",
      inputs: [{ shape: [2, 4100] }, targetsInput([2], 4100)],
      attrs: {},
      noGradient: "size: the shorter rows cover it",
    },
    { name: "many rows", inputs: [{ shape: [700, 3] }, targetsInput([700], 3)], attrs: {} },
    {
      name: "ignored and impossible targets",
      inputs: [
        { shape: [4, 6] },
        { shape: [4], dtype: "u32", fill: { kind: "values", values: [IGNORED, 5, 6, 0] } },
      ],
      attrs: {},
    },
    {
      name: "confident rows",
      inputs: [
        { shape: [2, 5], fill: { kind: "values", values: [9, -1, -3, -2, 0] } },
        { shape: [2], dtype: "u32", fill: { kind: "values", values: [0, 2] } },
      ],
      attrs: {},
    },
    {
      name: "large logits",
      inputs: [{ shape: [3, 8], fill: { kind: "normal", scale: 1e4 } }, targetsInput([3], 8)],
      attrs: {},
      noGradient: "saturated: differences vanish",
    },
    { name: "no rows", inputs: [{ shape: [0, 8] }, targetsInput([0], 8)], attrs: {} },
  ],
  rejects: [
    {
      inputs: [
        { shape: [4, 3], dtype: "f32" },
        { shape: [3], dtype: "u32" },
      ],
      attrs: {},
      says: "cross-entropy: targets must be [4], one for each row of logits, got [3]",
    },
    {
      inputs: [
        { shape: [4, 3], dtype: "f32" },
        { shape: [4], dtype: "f32" },
      ],
      attrs: {},
      says: "cross-entropy: targets must be u32, got f32[4]",
    },
    {
      inputs: [
        { shape: [4, 0], dtype: "f16" },
        { shape: [4], dtype: "u32" },
      ],
      attrs: {},
      says: "cross-entropy: logits has no class to choose from, got f16[4, 0]",
    },
  ],
  bound: {
    f32: {
      rel: 1e-6,
      scaled: 0,
      abs: 1e-6,
      why: "max - x is rounded once; the logarithm of the sum is off by the relative error of that sum, √n ULP and 3 + 2|x| ULP of exp, 1e-6 at 4,100 classes. f16 logits give f32 losses of the same accuracy",
    },
    f16: { rel: 0, scaled: 0, why: "no output is f16: losses are f32 whatever the type of the logits" },
    gradient: {
      rel: 1e-5,
      scaled: 1e-5,
      why: "exp(x - lse) and one subtraction: near 10 ULP of the largest entry",
    },
  },
});

/**
 * Loss of each row: logits f[…, n], targets u32[…] → f32[…]; take `mean` of it. A target of n or more (`IGNORED`) gives
 * a loss of 0 and no gradient, and still counts as a row in a plain mean.
 */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor =>
  crossEntropyOp([logits, targets], {})[0];
