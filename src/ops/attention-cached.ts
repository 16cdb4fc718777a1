// Attention of new tokens over a cache that holds their keys and values and those of all tokens before them: decoding, one
// token at a time. How long the cache is lies in a tensor, so that a recorded step can be replayed while it grows.
import sourceText from "../../shaders/ops/attention_cached.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { expectHeadWidth } from "./attention";
import { attentionReference } from "./attention-reference";
import { expectIndex } from "./csr";
import { defineOp, type Sample } from "./op";

const source: KernelSource = { file: "ops/attention_cached.wgsl", text: sourceText };

export interface CachedAttrs {
  heads: number;
  /** A divisor of `heads`. */
  kvHeads: number;
}

/** Head width. @throws TesseraError `shape`, `dtype`, `arguments`. */
function expectCached(qkv: TensorSpec, cache: TensorSpec, start: TensorSpec, attrs: CachedAttrs): number {
  const { heads, kvHeads } = attrs;
  if (!(kvHeads >= 1 && Number.isInteger(heads / kvHeads)))
    throw new TesseraError(
      "arguments",
      `attention-cached: the number of query heads must be a multiple of that of key heads, got ${heads} and ${kvHeads}`,
    );
  const d = (qkv.shape.at(-1) ?? 0) / (heads + 2 * kvHeads);
  if (qkv.dtype !== "f32" || qkv.shape.length !== 2 || !Number.isInteger(d))
    throw new TesseraError(
      "shape",
      `attention-cached: qkv must be f32[tokens, ${heads + 2 * kvHeads} · head width], got ${formatSpec(qkv)}`,
    );
  expectHeadWidth(d, "attention-cached");
  if (cache.dtype !== "f32" || cache.shape.length !== 2 || cache.shape[1] !== 2 * kvHeads * d)
    throw new TesseraError(
      "shape",
      `attention-cached: cache must be f32[capacity, ${2 * kvHeads * d}], got ${formatSpec(cache)}`,
    );
  expectIndex(start, "attention-cached: start");
  return d;
}

export const attentionCachedOp = defineOp<CachedAttrs>({
  name: "attention-cached",
  summary:
    "o of attention for the queries of rows [q | k | v heads]: row i sees the rows [k | v heads] of the cache up to start + i",
  inputs: ["qkv", "cache", "start"],
  variants: ["tiled"],
  infer([qkv, cache, start], attrs) {
    const d = expectCached(qkv, cache, start, attrs);
    return [{ shape: [qkv.shape[0], attrs.heads * d], dtype: "f32" }];
  },
  launch({ inputs: [qkv, cache, start], outputs: [o], attrs, dispatch }) {
    const { heads, kvHeads } = attrs;
    const d = expectCached(qkv, cache, start, attrs);
    dispatch({
      variants: [
        {
          name: "tiled",
          kernel: kernel(source),
          groups: qkv.shape[0] * heads,
          uniforms: {
            heads,
            group: heads / kvHeads,
            kv_heads: kvHeads,
            d4: d / 4,
            scale: Math.LOG2E / Math.sqrt(d),
          },
        },
      ],
      bindings: [qkv, cache, start, o],
      // The cache may be full: how much of it is used is not known here.
      work: 4 * qkv.shape[0] * heads * cache.shape[0] * d,
    });
  },
  vjp: { none: "the cache is for models that are run, not trained" },
  reference([qkv, cache, start], { heads, kvHeads }) {
    const slots = heads + 2 * kvHeads;
    const [tokens, d] = [qkv.shape[0], qkv.shape[1] / slots];
    const length = start.data[0] + tokens;
    /** Rows of one head's numbers. */
    const rows = (from: Float64Array, count: number, width: number, slot: number) => ({
      shape: [count, d],
      data: Float64Array.from(
        { length: count * d },
        (_, i) => from[(Math.floor(i / d) * width + slot) * d + (i % d)],
      ),
    });
    const data = new Float64Array(tokens * heads * d);
    for (let h = 0; h < heads; h++) {
      const shared = Math.floor((h * kvHeads) / heads);
      const [o] = attentionReference(
        [
          rows(qkv.data, tokens, slots, h),
          rows(cache.data, length, 2 * kvHeads, shared),
          rows(cache.data, length, 2 * kvHeads, kvHeads + shared),
        ],
        { causal: true },
      );
      for (let t = 0; t < tokens; t++) data.set(o.data.subarray(t * d, t * d + d), (t * heads + h) * d);
    }
    return [{ shape: [tokens, heads * d], data }];
  },
  samples: [
    sample("the first token", 1, 2, 2, 4, 5, 0),
    sample("one token, grouped heads", 1, 4, 2, 24, 80, 70),
    sample("several tokens over tiles", 5, 3, 1, 16, 140, 126),
    sample("wide heads", 2, 2, 2, 256, 70, 66),
    sample("no tokens", 0, 2, 1, 8, 4, 0),
  ],
  rejects: [
    {
      inputs: [f32(1, 16), f32(9, 8), { shape: [1], dtype: "u32" }],
      attrs: { heads: 3, kvHeads: 2 },
      says: "attention-cached: the number of query heads must be a multiple of that of key heads, got 3 and 2",
    },
    {
      inputs: [f32(1, 17), f32(9, 8), { shape: [1], dtype: "u32" }],
      attrs: { heads: 2, kvHeads: 1 },
      says: "attention-cached: qkv must be f32[tokens, 4 · head width], got f32[1, 17]",
    },
    {
      inputs: [f32(1, 16), f32(9, 4), { shape: [1], dtype: "u32" }],
      attrs: { heads: 2, kvHeads: 1 },
      says: "attention-cached: cache must be f32[capacity, 8], got f32[9, 4]",
    },
  ],
  bound: {
    f32: { rel: 1e-5, scaled: 5e-6, why: "as attention: scores, exp2 and a weighted sum in f32" },
  },
});

function f32(...shape: number[]): TensorSpec {
  return { shape, dtype: "f32" };
}

function sample(
  name: string,
  tokens: number,
  heads: number,
  kvHeads: number,
  d: number,
  capacity: number,
  start: number,
): Sample<CachedAttrs> {
  return {
    name,
    inputs: [
      { shape: [tokens, (heads + 2 * kvHeads) * d], dtype: "f32" },
      { shape: [capacity, 2 * kvHeads * d], dtype: "f32" },
      { shape: [1], dtype: "u32", fill: { kind: "values", values: [start] } },
    ],
    attrs: { heads, kvHeads },
  };
}

/**
 * Queries of packed rows f32[T, (heads + 2·kvHeads)·D] over a cache f32[capacity, 2·kvHeads·D] whose rows `start` u32[1] to
 * start + T - 1 hold the keys and values of the same tokens → f32[T, heads·D]. Their sum must not pass the capacity.
 */
export const attentionCached = (qkv: Tensor, cache: Tensor, start: Tensor, attrs: CachedAttrs): Tensor =>
  attentionCachedOp([qkv, cache, start], attrs)[0];
