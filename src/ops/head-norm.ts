// QK-norm on packed rows [q heads | k heads | v heads]: RMS norm of each query and key head with a gain of its kind, values
// as they are. Source: Henry et al., "Query-Key Normalization for Transformers", 2020, with RMS norm as in later models.

import sourceText from "../../shaders/ops/head_norm.wgsl?raw";
import backwardText from "../../shaders/ops/head_norm_backward.wgsl?raw";
import gainsText from "../../shaders/ops/head_norm_gains.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { sameShape } from "../tensor/shape";
import { expectSameShape, formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { defineOp, expectFloat, expectSameDtype, type Op, type RefArray, type SampleInput } from "./op";
import { lengthClass, ROW_VARIANTS, rowClass, rowsOf, rowTypes, rowVariants } from "./rows";

const forward: KernelSource = { file: "ops/head_norm.wgsl", text: sourceText };
const backward: KernelSource = { file: "ops/head_norm_backward.wgsl", text: backwardText };
const gains: KernelSource = { file: "ops/head_norm_gains.wgsl", text: gainsText };
const LANES = 64;

export interface HeadNormAttrs {
  /** Query heads, the first of a token's rows; then as many key heads; the rest are values. */
  heads: number;
  kvHeads: number;
  /** Added to the mean square. */
  eps: number;
}

function expectHeads(x: TensorSpec, q: TensorSpec, k: TensorSpec, attrs: HeadNormAttrs, what: string): void {
  expectFloat(x, `${what}: x`);
  const slots = x.shape.at(-2) ?? 0;
  const wanted = attrs.heads + 2 * attrs.kvHeads;
  if (x.shape.length < 2 || slots !== wanted || x.shape.at(-1) === 0)
    throw new TesseraError(
      "shape",
      `${what}: x must be [..., ${wanted}, head width] for ${attrs.heads} query and ${attrs.kvHeads} key heads, got ${formatSpec(x)}`,
    );
  for (const [gain, name] of [
    [q, "q_gain"],
    [k, "k_gain"],
  ] as const) {
    expectSameDtype(x, gain, `${what}: x and ${name}`);
    if (!sameShape(gain.shape, x.shape.slice(-1)))
      throw new TesseraError(
        "shape",
        `${what}: ${name} must be [${x.shape.at(-1)}], got ${formatSpec(gain)}`,
      );
  }
}

const uniformsOf = (
  x: TensorSpec,
  { heads, kvHeads }: HeadNormAttrs,
): Record<"heads" | "normed" | "slots", number> => ({
  heads,
  normed: heads + kvHeads,
  slots: x.shape.at(-2)!,
});

/** Gain of the head in row r of x: that of queries, of keys, or undefined for values. */
const gainOf = <G>(r: number, slots: number, { heads, kvHeads }: HeadNormAttrs, q: G, k: G): G | undefined =>
  r % slots < heads ? q : r % slots < heads + kvHeads ? k : undefined;

export const headNormOp: Op<HeadNormAttrs> = defineOp<HeadNormAttrs>({
  name: "head-norm",
  summary:
    "y = x·gain/rms for the query and key heads of packed rows, x for values, and stats = 1/rms of each head",
  inputs: ["x", "q_gain", "k_gain"],
  variants: ROW_VARIANTS,
  infer([x, q, k], attrs) {
    expectHeads(x, q, k, attrs, "head-norm");
    return [
      { shape: x.shape, dtype: x.dtype },
      { shape: x.shape.slice(0, -1), dtype: "f32" },
    ];
  },
  launch({ inputs: [x, q, k], outputs: [y, stats], attrs, dispatch }) {
    dispatch({
      variants: rowVariants(forward, x, { ...uniformsOf(x, attrs), eps: attrs.eps }),
      bindings: [x, q, k, y, stats],
      work: x.size * 6,
      shapeClass: rowClass(x),
    });
  },
  vjp: ([dy, dstats], { inputs: [x, q, k], outputs: [, stats], attrs }) => {
    if (dstats)
      throw new TesseraError("no-gradient", "head-norm: its statistics are for its own gradient only");
    return dy ? headNormBackwardOp([dy, x, q, k, stats], attrs) : [undefined, undefined, undefined];
  },
  reference([x, q, k], attrs) {
    const [slots, n] = x.shape.slice(-2);
    const stats = new Float64Array(x.data.length / n);
    const data = x.data.slice();
    for (const r of stats.keys()) {
      const row = x.data.subarray(r * n, r * n + n);
      stats[r] = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / n + attrs.eps);
      const gain = gainOf(r, slots, attrs, q, k);
      if (gain) for (let j = 0; j < n; j++) data[r * n + j] = row[j] * stats[r] * gain.data[j];
    }
    return [
      { shape: x.shape, data },
      { shape: x.shape.slice(0, -1), data: stats },
    ];
  },
  samples: [
    ...samples((shape) => [{ shape }, { shape: shape.slice(-1) }, { shape: shape.slice(-1) }]).map((s) => ({
      ...s,
      noGradient:
        "its statistics have none; head-norm-backward is checked by itself and by the layers' tests",
    })),
  ],
  rejects: [
    {
      inputs: [
        { shape: [4, 3, 8], dtype: "f32" },
        { shape: [8], dtype: "f32" },
        { shape: [8], dtype: "f32" },
      ],
      attrs: { heads: 2, kvHeads: 1, eps: 1e-6 },
      says: "head-norm: x must be [..., 4, head width] for 2 query and 1 key heads, got f32[4, 3, 8]",
    },
    {
      inputs: [
        { shape: [4, 3, 8], dtype: "f32" },
        { shape: [8], dtype: "f32" },
        { shape: [4], dtype: "f32" },
      ],
      attrs: { heads: 1, kvHeads: 1, eps: 1e-6 },
      says: "head-norm: k_gain must be [8], got f32[4]",
    },
  ],
  bound: {
    f32: { rel: 2e-6, scaled: 0, why: "as RMS norm" },
    f16: { rel: 1e-3, scaled: 0, abs: 6e-8, why: "one rounding of the result to f16; f32 inside" },
  },
});

/** dx, dq_gain, dk_gain from [dy, x, q_gain, k_gain, stats]. */
export const headNormBackwardOp = defineOp<HeadNormAttrs>({
  name: "head-norm-backward",
  summary: "gradients of head-norm for x and for the gains of queries and keys",
  inputs: ["dy", "x", "q_gain", "k_gain", "stats"],
  variants: ROW_VARIANTS,
  infer([dy, x, q, k], attrs) {
    expectHeads(x, q, k, attrs, "head-norm-backward");
    expectSameShape(dy, x, "head-norm-backward: dy and x");
    return [x, q, k].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  launch({ inputs: [dy, x, q, k, stats], outputs: [dx, dq, dk], attrs, dispatch }) {
    const extra = uniformsOf(x, attrs);
    dispatch({
      variants: rowVariants(backward, x, extra),
      bindings: [dy, x, q, k, stats, dx],
      work: x.size * 10,
      shapeClass: rowClass(x),
    });
    const { types, n } = rowTypes(x);
    const tokens = rowsOf(x).rows / extra.slots;
    const variant = (wide: boolean) => ({
      name: ROW_VARIANTS[wide ? 0 : 1],
      kernel: kernel(gains, { types, constants: { WIDE: wide ? 1 : 0 } }),
      groups: wide ? 2 * n : Math.ceil((2 * n) / LANES),
      uniforms: { tokens, n, ...extra },
    });
    dispatch({
      variants: [variant(true), variant(false)],
      bindings: [dy, x, stats, dq, dk],
      work: x.size * 4,
      label: "head-norm gains",
      shapeClass: `${x.dtype} ${lengthClass(n)}x${lengthClass(tokens)}`,
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference([dy, x, q, k, stats], attrs) {
    const [slots, n] = x.shape.slice(-2);
    const data = dy.data.slice();
    const sums: [RefArray, Float64Array][] = [q, k].map((gain) => [gain, new Float64Array(n)]);
    for (const r of stats.data.keys()) {
      const found = gainOf(r, slots, attrs, sums[0], sums[1]);
      if (!found) continue;
      const [gain, sum] = found;
      const s = stats.data[r];
      let along = 0;
      for (let j = 0; j < n; j++) {
        const normal = x.data[r * n + j] * s;
        along += (dy.data[r * n + j] * gain.data[j] * normal) / n;
        sum[j] += dy.data[r * n + j] * normal;
      }
      for (let j = 0; j < n; j++)
        data[r * n + j] = s * (dy.data[r * n + j] * gain.data[j] - x.data[r * n + j] * s * along);
    }
    return [{ shape: x.shape, data }, ...sums.map(([gain, sum]) => ({ shape: gain.shape, data: sum }))];
  },
  samples: samples((shape) => [
    { shape },
    { shape },
    { shape: shape.slice(-1) },
    { shape: shape.slice(-1) },
    { shape: shape.slice(0, -1), dtype: "f32", fill: { kind: "uniform", from: 0.5, to: 1.5 } },
  ]),
  rejects: [
    {
      inputs: [[2, 3, 4], [2, 3, 8], [8], [8], [2, 3]].map((shape) => ({ shape, dtype: "f32" })),
      attrs: { heads: 1, kvHeads: 1, eps: 1e-6 },
      says: "head-norm-backward: dy and x: shapes differ, [2, 3, 4] and [2, 3, 8]",
    },
  ],
  bound: {
    f32: {
      rel: 2e-6,
      scaled: 3e-6,
      why: "as the gradient of RMS norm; the gains sum over all heads and tokens",
    },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});

function samples(inputs: (shape: number[]) => SampleInput[]) {
  const make = (name: string, shape: number[], heads: number, kvHeads: number) => ({
    name,
    inputs: inputs(shape),
    attrs: { heads, kvHeads, eps: 1e-6 },
  });
  return [
    make("one", [1, 3, 1], 1, 1),
    make("odd", [5, 4, 7], 2, 1),
    make("by fours, many tokens", [2, 131, 6, 12], 2, 2),
    make("no tokens", [0, 3, 8], 1, 1),
  ];
}

/**
 * RMS norm of the query and key heads of packed rows x f[..., heads + 2·kvHeads, D] with gains f[D]; values are copied.
 * @throws TesseraError `shape`, `dtype`.
 */
export const headNorm = (
  x: Tensor,
  gainsOfHeads: { q: Tensor; k: Tensor },
  { heads, kvHeads, eps = 1e-6 }: { heads: number; kvHeads: number; eps?: number },
): Tensor => headNormOp([x, gainsOfHeads.q, gainsOfHeads.k], { heads, kvHeads, eps })[0];
