// Gradient of cross-entropy for the logits, from the log-sum-exp that the forward pass kept.
import sourceText from "../../shaders/ops/cross_entropy_backward.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { formatShape, sameShape } from "../tensor/shape";
import { formatSpec, type TensorSpec } from "../tensor/tensor";
import { expectIndex } from "./csr";
import { defineOp } from "./op";
import { expectKept, expectRowsOf, ROW_VARIANTS, rowClass, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/cross_entropy_backward.wgsl", text: sourceText };

/** A target that takes its row out of the loss. */
export const IGNORED = 0xffffffff;

/** Shape of the rows. @throws TesseraError unless there is one u32 target for each row of at least one class. */
export function expectTargets(what: string, x: TensorSpec, targets: TensorSpec): number[] {
  expectRowsOf(x, `${what}: logits`);
  expectIndex(targets, `${what}: targets`);
  const rows = x.shape.slice(0, -1);
  if (!sameShape(targets.shape, rows))
    throw new TesseraError(
      "shape",
      `${what}: targets must be ${formatShape(rows)}, one for each row of logits, got ${formatShape(targets.shape)}`,
    );
  if (x.shape.at(-1) === 0)
    throw new TesseraError("shape", `${what}: logits has no class to choose from, got ${formatSpec(x)}`);
  return rows;
}

/** dx = exp(x - lse)·(dloss + dlse) - dloss at the target. First order only: its own gradient is not offered. */
export const crossEntropyBackwardOp = defineOp<Record<string, never>>({
  name: "cross-entropy-backward",
  summary:
    "dx[…, j] = exp(logits[…, j] - lse)·(dloss + dlse) - dloss·[j = target]; dloss is 0 where the target is no class",
  inputs: ["dloss", "dlse", "logits", "targets", "lse"],
  variants: ROW_VARIANTS,
  infer([dloss, dlse, x, targets, lse]) {
    const shape = expectTargets("cross-entropy-backward", x, targets);
    for (const [name, spec] of Object.entries({ dloss, dlse, lse }))
      expectKept(`cross-entropy-backward: ${name}`, spec, shape);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [dloss, dlse, x, targets, lse], outputs: [dx], dispatch }) {
    dispatch({
      variants: rowVariants(source, x, {}, "single"),
      bindings: [dloss, dlse, x, targets, lse, dx],
      work: x.size * 10,
      shapeClass: rowClass(x),
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference([dloss, dlse, x, targets, lse]) {
    const n = x.shape.at(-1)!;
    const data = x.data.map((v, i) => {
      const r = Math.floor(i / n);
      const slope = targets.data[r] < n ? dloss.data[r] : 0;
      const hit = targets.data[r] === i % n ? slope : 0;
      return Math.exp(v - lse.data[r]) * (slope + dlse.data[r]) - hit;
    });
    return [{ shape: x.shape, data }];
  },
  samples: [
    {
      name: "odd, with an ignored row",
      inputs: [
        { shape: [3], dtype: "f32" },
        { shape: [3], dtype: "f32" },
        { shape: [3, 5] },
        { shape: [3], dtype: "u32", fill: { kind: "values", values: [4, IGNORED, 0] } },
        { shape: [3], dtype: "f32", fill: { kind: "uniform", from: 2, to: 4 } },
      ],
      attrs: {},
    },
    {
      name: "more rows and classes than lanes",
      inputs: [
        { shape: [67], dtype: "f32" },
        { shape: [67], dtype: "f32" },
        { shape: [67, 131] },
        { shape: [67], dtype: "u32", fill: { kind: "index", below: 140 } },
        { shape: [67], dtype: "f32", fill: { kind: "uniform", from: 5, to: 6 } },
      ],
      attrs: {},
    },
    {
      name: "no rows",
      inputs: [
        { shape: [0], dtype: "f32" },
        { shape: [0], dtype: "f32" },
        { shape: [0, 5] },
        { shape: [0], dtype: "u32" },
        { shape: [0], dtype: "f32" },
      ],
      attrs: {},
    },
  ],
  rejects: [
    {
      inputs: [
        { shape: [4], dtype: "f32" },
        { shape: [4], dtype: "f32" },
        { shape: [4, 3], dtype: "f32" },
        { shape: [3], dtype: "u32" },
        { shape: [4], dtype: "f32" },
      ],
      attrs: {},
      says: "cross-entropy-backward: targets must be [4], one for each row of logits, got [3]",
    },
    {
      inputs: [
        { shape: [4], dtype: "f32" },
        { shape: [4], dtype: "f16" },
        { shape: [4, 3], dtype: "f32" },
        { shape: [4], dtype: "u32" },
        { shape: [4], dtype: "f32" },
      ],
      attrs: {},
      says: "cross-entropy-backward: dlse must be f32[4], got f16[4]",
    },
  ],
  bound: {
    f32: {
      rel: 2e-6,
      scaled: 1e-6,
      why: "exp allows 3 + 2|x| ULP, the difference at the target rounds once",
    },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});
