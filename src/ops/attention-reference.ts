// Float64 attention and its gradient in the plainest form, for the checks of the attention records.
import { sizeOf } from "../tensor/shape";
import type { RefArray } from "./op";

export interface AttentionAttrs {
  /** Row i sees keys up to i + Lk - Lq. */
  causal?: boolean;
  /** Factor on q·k; 1/√D when left out. */
  scale?: number;
  /**
   * The gradient computes scores twice instead of keeping a number for each pair of query and key. It does so anyway where
   * they would take more than 128 MiB.
   */
  lean?: boolean;
}

export interface AttentionSizes {
  heads: number;
  lq: number;
  lk: number;
  d: number;
  scale: number;
}

/** Sizes of q [..., Lq, D] and k [..., Lk, D]; all leading axes together are the heads. */
export function attentionSizes(
  q: { shape: readonly number[] },
  k: { shape: readonly number[] },
  attrs: AttentionAttrs,
): AttentionSizes {
  const [lq, d] = q.shape.slice(-2);
  return {
    heads: sizeOf(q.shape.slice(0, -2)),
    lq,
    lk: k.shape.at(-2) ?? 0,
    d,
    scale: attrs.scale ?? 1 / Math.sqrt(d),
  };
}

/** Calls `visit` for every query row with the scaled scores of the keys it sees; offsets are in elements. */
function eachRow(
  q: RefArray,
  k: RefArray,
  attrs: AttentionAttrs,
  visit: (scores: Float64Array, at: { q: number; k: number; row: number }) => void,
): void {
  const { heads, lq, lk, d, scale } = attentionSizes(q, k, attrs);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < lq; i++) {
      const seen = attrs.causal ? Math.min(lk, i + lk - lq + 1) : lk;
      const at = { q: (h * lq + i) * d, k: h * lk * d, row: h * lq + i };
      const scores = Float64Array.from({ length: seen }, (_, j) => {
        let dot = 0;
        for (let c = 0; c < d; c++) dot += q.data[at.q + c] * k.data[at.k + j * d + c];
        return dot * scale;
      });
      visit(scores, at);
    }
  }
}

/** o = softmax(q kᵀ · scale) v and lse = log Σ exp, row by row. */
export function attentionReference([q, k, v]: readonly RefArray[], attrs: AttentionAttrs): RefArray[] {
  const d = q.shape.at(-1) ?? 0;
  const o = new Float64Array(q.data.length);
  const lse = new Float64Array(d === 0 ? 0 : q.data.length / d);
  eachRow(q, k, attrs, (scores, at) => {
    const top = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    lse[at.row] = top + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0));
    scores.forEach((s, j) => {
      const w = Math.exp(s - lse[at.row]);
      for (let c = 0; c < d; c++) o[at.q + c] += w * v.data[at.k + j * d + c];
    });
  });
  return [
    { shape: q.shape, data: o },
    { shape: q.shape.slice(0, -1), data: lse },
  ];
}

/** [dq, dk, dv] from the gradients of o and lse, with o and lse as given (they are a gradient where they fit q, k, v). */
export function attentionBackwardReference(
  [dy, dlse, q, k, v, o, lse]: readonly RefArray[],
  attrs: AttentionAttrs,
): RefArray[] {
  const { d, scale } = attentionSizes(q, k, attrs);
  const [dq, dk, dv] = [q, k, v].map((x) => new Float64Array(x.data.length));
  eachRow(q, k, attrs, (scores, at) => {
    let delta = -dlse.data[at.row];
    for (let c = 0; c < d; c++) delta += dy.data[at.q + c] * o.data[at.q + c];
    scores.forEach((s, j) => {
      const w = Math.exp(s - lse.data[at.row]);
      let dw = 0;
      for (let c = 0; c < d; c++) dw += dy.data[at.q + c] * v.data[at.k + j * d + c];
      const ds = w * (dw - delta) * scale;
      for (let c = 0; c < d; c++) {
        const key = at.k + j * d + c;
        dq[at.q + c] += ds * k.data[key];
        dk[key] += ds * q.data[at.q + c];
        dv[key] += w * dy.data[at.q + c];
      }
    });
  });
  return [
    { shape: q.shape, data: dq },
    { shape: k.shape, data: dk },
    { shape: v.shape, data: dv },
  ];
}
