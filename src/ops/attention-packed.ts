// Self-attention on packed rows [q heads | k heads | v heads], as one product with the weights of all three gives them: no
// head is moved, and fewer key heads than query heads (grouped heads) are read where they lie.
import { TesseraError } from "../base/errors";
import { formatShape, sameShape, sizeOf } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec, zeros } from "../tensor/tensor";
import { expectHeadWidth } from "./attention";
import { type AttentionPlan, recordAttention, recordAttentionBackward } from "./attention-launch";
import { type AttentionAttrs, attentionBackwardReference, attentionReference } from "./attention-reference";
import { ATTENTION_VARIANTS } from "./attention-variants";
import { defineOp, expectFloat, expectSameDtype, type RefArray, type Sample, type SampleInput } from "./op";

export interface PackedAttrs extends AttentionAttrs {
  /** Query heads. */
  heads: number;
  /** Key and value heads, a divisor of `heads`; as many when left out. */
  kvHeads?: number;
}

interface PackedSizes {
  batch: readonly number[];
  length: number;
  heads: number;
  kvHeads: number;
  d: number;
}

function sizesOf(qkv: TensorSpec, { heads, kvHeads = heads }: PackedAttrs, what: string): PackedSizes {
  expectFloat(qkv, `${what}: qkv`);
  if (!Number.isInteger(heads) || heads < 1 || !Number.isInteger(heads / kvHeads))
    throw new TesseraError(
      "arguments",
      `${what}: the number of query heads must be a multiple of that of key heads, got ${heads} and ${kvHeads}`,
    );
  const row = qkv.shape.at(-1) ?? 0;
  const d = row / (heads + 2 * kvHeads);
  if (qkv.shape.length < 2 || !Number.isInteger(d))
    throw new TesseraError(
      "shape",
      `${what}: qkv must be [tokens, ${heads + 2 * kvHeads} · head width] with leading batch axes, got ${formatSpec(qkv)}`,
    );
  expectHeadWidth(d, what);
  return { batch: qkv.shape.slice(0, -2), length: qkv.shape.at(-2)!, heads, kvHeads, d };
}

function planOf(qkv: Tensor, attrs: PackedAttrs): AttentionPlan {
  const { batch, length, heads, kvHeads, d } = sizesOf(qkv, attrs, "attention-packed");
  return {
    heads: sizeOf(batch) * heads,
    lq: length,
    lk: length,
    d,
    scale: attrs.scale ?? 1 / Math.sqrt(d),
    causal: attrs.causal ?? false,
    lean: attrs.lean ?? false,
    layout: {
      heads,
      group: heads / kvHeads,
      slots: heads + 2 * kvHeads,
      k_slot: heads,
      v_shift: kvHeads,
    },
  };
}

/** Rows of one head's q, k or v apart, and back: the way between the packed layout and that of the plain reference. */
function unpack(qkv: RefArray, { batch, length, heads, kvHeads, d }: PackedSizes): RefArray[] {
  const slots = heads + 2 * kvHeads;
  const shape = [sizeOf(batch) * heads, length, d];
  return [0, 1, 2].map((part) => {
    const data = new Float64Array(sizeOf(shape));
    for (let row = 0; row < shape[0] * length; row++) {
      const [h, t] = [Math.floor(row / length), row % length];
      const at = slotOf(part, h % heads, heads, kvHeads) + (Math.floor(h / heads) * length + t) * slots;
      data.set(qkv.data.subarray(at * d, at * d + d), row * d);
    }
    return { shape, data };
  });
}

const slotOf = (part: number, head: number, heads: number, kvHeads: number): number =>
  part === 0 ? head : heads + (part - 1) * kvHeads + Math.floor((head * kvHeads) / heads);

/** [H, L, D] of all batches to [..., L, H·D], or the reverse. */
function turn(x: RefArray, { batch, length, heads, d }: PackedSizes, apart: boolean): RefArray {
  const data = new Float64Array(x.data.length);
  for (let row = 0; row < sizeOf(batch) * heads * length; row++) {
    const [h, t] = [Math.floor(row / length), row % length];
    const beside = (Math.floor(h / heads) * length + t) * heads + (h % heads);
    const [from, to] = apart ? [beside, row] : [row, beside];
    data.set(x.data.subarray(from * d, from * d + d), to * d);
  }
  return { shape: apart ? [sizeOf(batch) * heads, length, d] : [...batch, length, heads * d], data };
}

const f32 = (x: RefArray): TensorSpec => ({ shape: x.shape, dtype: "f32" });

const reduced = (
  name: string,
  heads: number,
  kvHeads: number,
  attrs: AttentionAttrs,
): Sample<PackedAttrs> => ({
  name,
  inputs: [{ shape: [2, 7, (heads + 2 * kvHeads) * 4] }],
  attrs: { heads, kvHeads, ...attrs },
});

export const attentionPackedOp = defineOp<PackedAttrs>({
  name: "attention-packed",
  summary: "o and lse of attention for rows [q heads | k heads | v heads]; o has rows of heads",
  inputs: ["qkv"],
  variants: [...ATTENTION_VARIANTS, "tiled"],
  infer([qkv], attrs) {
    const { batch, length, heads, d } = sizesOf(qkv, attrs, "attention-packed");
    return [
      { shape: [...batch, length, heads * d], dtype: qkv.dtype },
      { shape: [...batch, heads, length], dtype: "f32" },
    ];
  },
  launch(context) {
    const [qkv] = context.inputs;
    const [o, lse] = context.outputs;
    if (qkv.size === 0) return;
    recordAttention(context, planOf(qkv, context.attrs), { q: qkv, k: qkv, v: qkv, o, lse });
  },
  vjp([dy, dlse], { inputs: [qkv], outputs: [o, lse], attrs }) {
    if (!dy && !dlse) return [undefined];
    const zeroDy = dy ? undefined : zeros(qkv.gpu, o.shape, o.dtype);
    const zeroDlse = dlse ? undefined : zeros(qkv.gpu, lse.shape);
    const gradients = attentionPackedBackwardOp(
      [(dy ?? zeroDy) as Tensor, (dlse ?? zeroDlse) as Tensor, qkv, o, lse],
      attrs,
    );
    zeroDy?.free();
    zeroDlse?.free();
    return gradients;
  },
  reference([qkv], attrs) {
    const sizes = sizesOf(f32(qkv), attrs, "attention-packed");
    const [o, lse] = attentionReference(unpack(qkv, sizes), attrs);
    const shape = [...sizes.batch, sizes.heads, sizes.length];
    return [turn(o, sizes, false), { shape, data: lse.data }];
  },
  samples: [
    { name: "one", inputs: [{ shape: [1, 12] }], attrs: { heads: 1 } },
    reduced("heads", 2, 2, {}),
    reduced("grouped heads", 4, 2, { scale: 0.4 }),
    reduced("one key head, causal", 3, 1, { causal: true }),
    {
      name: "causal over groups",
      inputs: [{ shape: [131, 4 * 16] }],
      attrs: { heads: 2, kvHeads: 1, causal: true },
      noGradient: "size; the gradient's own record has this shape",
    },
    { name: "no tokens", inputs: [{ shape: [2, 0, 24] }], attrs: { heads: 2 } },
  ],
  rejects: [
    {
      inputs: [{ shape: [4, 20], dtype: "f32" }],
      attrs: { heads: 2 },
      says: "attention-packed: qkv must be [tokens, 6 · head width] with leading batch axes, got f32[4, 20]",
    },
    {
      inputs: [{ shape: [4, 24], dtype: "f32" }],
      attrs: { heads: 3, kvHeads: 2 },
      says: "attention-packed: the number of query heads must be a multiple of that of key heads, got 3 and 2",
    },
    {
      inputs: [{ shape: [4, 18], dtype: "f32" }],
      attrs: { heads: 1 },
      says: "attention-packed: the head width must be a multiple of 4 from 4 to 256, got 6; pad q, k and v with zeros",
    },
  ],
  bound: {
    f32: { rel: 1e-5, scaled: 5e-6, why: "as attention, whose kernels these are" },
    f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-8, why: "one rounding of o to f16 (4.9e-4); all sums are f32" },
    gradient: { rel: 1e-5, scaled: 1e-5, why: "as attention" },
  },
});

/** dqkv from [dy, dlse, qkv, o, lse]. First order only. */
export const attentionPackedBackwardOp = defineOp<PackedAttrs>({
  name: "attention-packed-backward",
  summary: "gradient of the packed rows of attention from those of o and lse",
  inputs: ["dy", "dlse", "qkv", "o", "lse"],
  variants: ATTENTION_VARIANTS,
  infer([dy, dlse, qkv, o, lse], attrs) {
    const what = "attention-packed-backward";
    const { batch, length, heads, d } = sizesOf(qkv, attrs, what);
    for (const [x, name, shape] of [
      [dy, "dy", [...batch, length, heads * d]],
      [o, "o", [...batch, length, heads * d]],
      [dlse, "dlse", [...batch, heads, length]],
      [lse, "lse", [...batch, heads, length]],
    ] as const) {
      if (!sameShape(x.shape, shape))
        throw new TesseraError(
          "shape",
          `${what}: ${name} must be ${formatShape(shape)}, got ${formatShape(x.shape)}`,
        );
    }
    expectSameDtype(qkv, dy, `${what}: qkv and dy`);
    return [{ shape: qkv.shape, dtype: qkv.dtype }];
  },
  launch(context) {
    const [dy, dlse, qkv, o, lse] = context.inputs;
    const [dqkv] = context.outputs;
    if (qkv.size === 0) return;
    const tensors = { dy, dlse, q: qkv, k: qkv, v: qkv, o, lse, dq: dqkv, dk: dqkv };
    recordAttentionBackward(context, planOf(qkv, context.attrs), tensors);
  },
  vjp: { none: "second derivatives are not offered" },
  reference([dy, dlse, qkv, o, lse], attrs) {
    const sizes = sizesOf(f32(qkv), attrs, "attention-packed-backward");
    const { heads, kvHeads, length, d } = sizes;
    const gradients = attentionBackwardReference(
      [turn(dy, sizes, true), dlse, ...unpack(qkv, sizes), turn(o, sizes, true), lse],
      attrs,
    );
    const data = new Float64Array(qkv.data.length);
    const slots = heads + 2 * kvHeads;
    for (const [part, gradient] of gradients.entries()) {
      gradient.data.forEach((v, i) => {
        const row = Math.floor(i / d);
        const [h, t] = [Math.floor(row / length), row % length];
        const at = slotOf(part, h % heads, heads, kvHeads) + (Math.floor(h / heads) * length + t) * slots;
        data[at * d + (i % d)] += v; // query heads of a group meet in one key head
      });
    }
    return [{ shape: qkv.shape, data }];
  },
  samples: [
    { name: "odd", inputs: backwardInputs(2, 7, 2, 2, 4), attrs: { heads: 2 } },
    {
      name: "grouped, causal over groups",
      inputs: backwardInputs(1, 131, 2, 1, 16),
      attrs: { heads: 2, kvHeads: 1, causal: true },
    },
    {
      name: "grouped, causal over groups, lean",
      inputs: backwardInputs(1, 131, 2, 1, 16),
      attrs: { heads: 2, kvHeads: 1, causal: true, lean: true },
    },
  ],
  rejects: [
    {
      inputs: [
        [1, 3, 8],
        [1, 2, 3],
        [1, 3, 24],
        [1, 3, 8],
        [1, 3, 2],
      ].map((shape) => ({ shape, dtype: "f32" })),
      attrs: { heads: 2 },
      says: "attention-packed-backward: lse must be [1, 2, 3], got [1, 3, 2]",
    },
  ],
  bound: {
    f32: { rel: 1e-5, scaled: 1e-5, why: "as the gradient of attention" },
    f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-8, why: "one rounding of the result to f16; all sums are f32" },
  },
});

/** dy, dlse, qkv, o, lse; the lse lies above every score, so that weights stay at most near 1. */
function backwardInputs(
  batch: number,
  length: number,
  heads: number,
  kvHeads: number,
  d: number,
): SampleInput[] {
  const rows = { shape: [batch, length, heads * d] };
  const sums = { shape: [batch, heads, length], dtype: "f32" } as const;
  return [
    rows,
    sums,
    { shape: [batch, length, (heads + 2 * kvHeads) * d] },
    rows,
    { ...sums, fill: { kind: "uniform", from: 3, to: 6 } },
  ];
}

/**
 * Self-attention of packed rows qkv f[..., L, (heads + 2·kvHeads)·D] → f[..., L, heads·D]. D a multiple of 4 up to 256.
 * @throws TesseraError `shape`, `arguments`.
 */
export const attentionPacked = (qkv: Tensor, attrs: PackedAttrs): Tensor =>
  attentionPackedOp([qkv], attrs)[0];
