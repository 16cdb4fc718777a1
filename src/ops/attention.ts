// Dense flash attention with its log-sum-exp, and its gradient as an op of its own. No Lq x Lk buffer exists anywhere.

import { TesseraError } from "../base/errors";
import { formatShape, sameShape } from "../tensor/shape";
import { type Tensor, type TensorSpec, zeros } from "../tensor/tensor";
import { APART, type AttentionPlan, recordAttention, recordAttentionBackward } from "./attention-launch";
import {
  type AttentionAttrs,
  attentionBackwardReference,
  attentionReference,
  attentionSizes,
} from "./attention-reference";
import { ATTENTION_VARIANTS } from "./attention-variants";
import { defineOp, expectFloat, expectSameDtype, type SampleInput } from "./op";

const MAX_WIDTH = 256;

/** @throws TesseraError `shape` unless the kernels have this head width. */
export function expectHeadWidth(d: number, what: string): void {
  if (d === 0 || d % 4 !== 0 || d > MAX_WIDTH) {
    throw new TesseraError(
      "shape",
      `${what}: the head width must be a multiple of 4 from 4 to ${MAX_WIDTH}, got ${d}; pad q, k and v with zeros`,
    );
  }
}

/** @throws TesseraError unless q [..., Lq, D], k and v [..., Lk, D] fit each other and the kernels. */
export function expectAttention(
  q: TensorSpec,
  k: TensorSpec,
  v: TensorSpec,
  attrs: AttentionAttrs,
  what = "attention",
): void {
  expectFloat(q, `${what}: q`);
  expectSameDtype(q, k, `${what}: q and k`);
  expectSameDtype(q, v, `${what}: q and v`);
  const shapes = `q is ${formatShape(q.shape)}, k is ${formatShape(k.shape)}, v is ${formatShape(v.shape)}`;
  if (q.shape.length < 2)
    throw new TesseraError(
      "shape",
      `${what}: q needs at least 2 axes [tokens, width], got ${formatShape(q.shape)}`,
    );
  if (!sameShape(k.shape, v.shape))
    throw new TesseraError("shape", `${what}: k and v must have one shape; ${shapes}`);
  if (!sameShape(q.shape.slice(0, -2), k.shape.slice(0, -2)) || q.shape.at(-1) !== k.shape.at(-1)) {
    throw new TesseraError("shape", `${what}: q and k must agree in heads and width; ${shapes}`);
  }
  const { lq, lk, d } = attentionSizes(q, k, attrs);
  expectHeadWidth(d, what);
  if (lk === 0) throw new TesseraError("shape", `${what}: there is no key to attend to; ${shapes}`);
  if (attrs.causal && lq > lk)
    throw new TesseraError(
      "shape",
      `${what}: causal needs at least as many keys as queries, got ${lk} and ${lq}`,
    );
}

/** Heads one after the other. */
const planOf = (q: Tensor, k: Tensor, attrs: AttentionAttrs): AttentionPlan => ({
  ...attentionSizes(q, k, attrs),
  causal: attrs.causal ?? false,
  lean: attrs.lean ?? false,
  layout: APART,
});

export const attentionOp = defineOp<AttentionAttrs>({
  name: "attention",
  summary: "o = softmax(q·kᵀ·scale)·v and lse = log Σ exp(q·kᵀ·scale), in one pass over the keys",
  inputs: ["q", "k", "v"],
  variants: [...ATTENTION_VARIANTS, "tiled"],
  infer([q, k, v], attrs) {
    expectAttention(q, k, v, attrs);
    return [
      { shape: q.shape, dtype: q.dtype },
      { shape: q.shape.slice(0, -1), dtype: "f32" },
    ];
  },
  launch(context) {
    const [q, k, v] = context.inputs;
    const [o, lse] = context.outputs;
    recordAttention(context, planOf(q, k, context.attrs), { q, k, v, o, lse });
  },
  vjp([dy, dlse], { inputs: [q, k, v], outputs: [o, lse], attrs }) {
    if (!dy && !dlse) return [undefined, undefined, undefined];
    const zeroDy = dy ? undefined : zeros(q.gpu, o.shape, o.dtype);
    const zeroDlse = dlse ? undefined : zeros(q.gpu, lse.shape);
    const gradients = attentionBackwardOp(
      [(dy ?? zeroDy) as Tensor, (dlse ?? zeroDlse) as Tensor, q, k, v, o, lse],
      attrs,
    );
    zeroDy?.free();
    zeroDlse?.free();
    return gradients;
  },
  reference: attentionReference,
  samples: [
    { name: "one", inputs: [{ shape: [1, 1, 4] }, { shape: [1, 1, 4] }, { shape: [1, 1, 4] }], attrs: {} },
    {
      name: "odd",
      inputs: [{ shape: [2, 7, 16] }, { shape: [2, 13, 16] }, { shape: [2, 13, 16] }],
      attrs: {},
    },
    {
      name: "batch and heads",
      inputs: [{ shape: [2, 3, 66, 32] }, { shape: [2, 3, 66, 32] }, { shape: [2, 3, 66, 32] }],
      attrs: {},
      noGradient: "size; the odd sample covers it",
    },
    {
      name: "causal",
      inputs: [{ shape: [1, 21, 16] }, { shape: [1, 30, 16] }, { shape: [1, 30, 16] }],
      attrs: { causal: true },
    },
    {
      name: "causal over groups",
      inputs: [{ shape: [1, 131, 16] }, { shape: [1, 131, 16] }, { shape: [1, 131, 16] }],
      attrs: { causal: true },
      noGradient: "size; attention-backward has this shape",
    },
    {
      name: "long",
      inputs: [{ shape: [1, 5, 64] }, { shape: [1, 1027, 64] }, { shape: [1, 1027, 64] }],
      attrs: {},
      noGradient: "size",
    },
    {
      name: "wide",
      inputs: [{ shape: [1, 9, 128] }, { shape: [1, 11, 128] }, { shape: [1, 11, 128] }],
      attrs: { scale: 0.05 },
      noGradient: "size",
    },
    {
      name: "large scores",
      inputs: [
        { shape: [1, 12, 16], fill: { kind: "normal", scale: 12 } },
        { shape: [1, 40, 16], fill: { kind: "normal", scale: 2 } },
        { shape: [1, 40, 16] },
      ],
      attrs: {},
      noGradient: "saturated: differences vanish",
    },
    {
      name: "no queries",
      inputs: [{ shape: [1, 0, 16] }, { shape: [1, 3, 16] }, { shape: [1, 3, 16] }],
      attrs: {},
      noGradient: "nothing to differentiate",
    },
  ],
  rejects: [
    { inputs: three([8]), attrs: {}, says: "attention: q needs at least 2 axes [tokens, width], got [8]" },
    {
      inputs: three([1, 4, 6]),
      attrs: {},
      says: "attention: the head width must be a multiple of 4 from 4 to 256, got 6; pad q, k and v with zeros",
    },
    {
      inputs: [spec([1, 4, 8]), spec([1, 4, 8]), spec([1, 5, 8])],
      attrs: {},
      says: "attention: k and v must have one shape; q is [1, 4, 8], k is [1, 4, 8], v is [1, 5, 8]",
    },
    {
      inputs: [spec([2, 4, 8]), spec([1, 4, 8]), spec([1, 4, 8])],
      attrs: {},
      says: "attention: q and k must agree in heads and width; q is [2, 4, 8], k is [1, 4, 8], v is [1, 4, 8]",
    },
    {
      inputs: [spec([1, 4, 8]), spec([1, 0, 8]), spec([1, 0, 8])],
      attrs: {},
      says: "attention: there is no key to attend to; q is [1, 4, 8], k is [1, 0, 8], v is [1, 0, 8]",
    },
    {
      inputs: [spec([1, 4, 8]), spec([1, 3, 8]), spec([1, 3, 8])],
      attrs: { causal: true },
      says: "attention: causal needs at least as many keys as queries, got 3 and 4",
    },
    {
      inputs: [{ shape: [1, 4, 8], dtype: "u32" }, spec([1, 4, 8]), spec([1, 4, 8])],
      attrs: {},
      says: "attention: q must be f32 or f16, got u32[1, 4, 8]; cast it first",
    },
  ],
  bound: {
    f32: {
      rel: 1e-5,
      scaled: 5e-6,
      why: "a score of size s has error s·2⁻²⁴·√D, which the exponential turns into a relative error of the weight: 5e-6 at s = 40",
    },
    f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-8, why: "one rounding of o to f16 (4.9e-4); all sums are f32" },
    gradient: {
      rel: 1e-5,
      scaled: 1e-5,
      why: "dy·v - delta cancels; relative to the largest entry it stays near the forward bound",
    },
  },
});

/** [dq, dk, dv] from [dy, dlse, q, k, v, o, lse]. First order only: its own gradient is not offered. */
export const attentionBackwardOp = defineOp<AttentionAttrs>({
  name: "attention-backward",
  summary:
    "dq, dk, dv of attention from the gradients of o and lse, with the weights computed again from lse",
  inputs: ["dy", "dlse", "q", "k", "v", "o", "lse"],
  variants: ATTENTION_VARIANTS,
  infer([dy, dlse, q, k, v, o, lse], attrs) {
    expectAttention(q, k, v, attrs, "attention-backward");
    const rows = q.shape.slice(0, -1);
    for (const [x, name, shape] of [
      [dy, "dy", q.shape],
      [o, "o", q.shape],
      [dlse, "dlse", rows],
      [lse, "lse", rows],
    ] as const) {
      if (!sameShape(x.shape, shape))
        throw new TesseraError(
          "shape",
          `attention-backward: ${name} must be ${formatShape(shape)}, got ${formatShape(x.shape)}`,
        );
    }
    expectSameDtype(q, dy, "attention-backward: q and dy");
    return [q, k, v].map(({ shape, dtype }) => ({ shape, dtype }));
  },
  launch(context) {
    const [dy, dlse, q, k, v, o, lse] = context.inputs;
    const [dq, dk, dv] = context.outputs;
    const tensors = { dy, dlse, q, k, v, o, lse, dq, dk, dv };
    recordAttentionBackward(context, planOf(q, k, context.attrs), tensors);
  },
  vjp: { none: "second derivatives are not offered" },
  reference: attentionBackwardReference,
  samples: [
    { name: "odd", inputs: backwardInputs(2, 7, 13, 16), attrs: {} },
    { name: "odd, lean", inputs: backwardInputs(2, 7, 13, 16), attrs: { lean: true } },
    { name: "causal over groups", inputs: backwardInputs(1, 131, 140, 32), attrs: { causal: true } },
    {
      name: "causal over groups, lean",
      inputs: backwardInputs(1, 131, 140, 32),
      attrs: { causal: true, lean: true },
    },
    { name: "long and wide", inputs: backwardInputs(1, 5, 260, 128), attrs: { scale: 0.05 } },
  ],
  rejects: [
    {
      inputs: [
        spec([1, 4, 8]),
        spec([1, 4]),
        spec([1, 4, 8]),
        spec([1, 4, 8]),
        spec([1, 4, 8]),
        spec([1, 4, 8]),
        spec([1, 5]),
      ],
      attrs: {},
      says: "attention-backward: lse must be [1, 4], got [1, 5]",
    },
  ],
  bound: {
    f32: { rel: 1e-5, scaled: 1e-5, why: "as the gradient bound of attention" },
    f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-8, why: "one rounding of each result to f16; all sums are f32" },
  },
});

export interface AttentionResult {
  /** [..., Lq, D], element type of q. */
  o: Tensor;
  /** Natural log-sum-exp of the scaled scores of each row, [..., Lq], f32. */
  lse: Tensor;
}

/**
 * Dense attention of q [..., Lq, D] over k, v [..., Lk, D]; leading axes are batch and heads. D a multiple of 4 up to
 * 256, f32 or f16 storage, f32 sums. @throws TesseraError `shape`, `dtype`.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, attrs: AttentionAttrs = {}): AttentionResult {
  const [o, lse] = attentionOp([q, k, v], attrs);
  return { o, lse };
}

/** dy, dlse, q, k, v, o, lse; the lse lies above every score, so that weights stay at most near 1. */
function backwardInputs(heads: number, lq: number, lk: number, d: number): SampleInput[] {
  const [q, k, row] = [
    [heads, lq, d],
    [heads, lk, d],
    [heads, lq],
  ].map((shape) => ({ shape }));
  const f32Row: SampleInput = { ...row, dtype: "f32" };
  return [q, f32Row, q, k, k, q, { ...f32Row, fill: { kind: "uniform", from: 3, to: 6 } }];
}

function spec(shape: readonly number[]): TensorSpec {
  return { shape, dtype: "f32" };
}

function three(shape: readonly number[]): TensorSpec[] {
  return [spec(shape), spec(shape), spec(shape)];
}
