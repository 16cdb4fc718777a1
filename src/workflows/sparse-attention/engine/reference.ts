// The plainest float64 form of every step on the CPU: the oracle of the tests and of small inputs. Quadratic in tokens.
import type { BlockLists } from "./lists";

/** One head: q [rows, D], k and v [keys, D], row-major. */
export interface HeadArrays {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
  rows: number;
  keys: number;
  dim: number;
  scale: number;
}

export interface AttentionResult {
  /** [rows, D]. */
  out: Float64Array;
  /** Natural logarithm of Σ exp(scale·q·k) over the keys seen: [rows]. */
  lse: Float64Array;
}

/** Scores scale·q_i·k_j of one query row: [keys]. */
export function scoreRow(a: HeadArrays, row: number, out = new Float64Array(a.keys)): Float64Array {
  for (let j = 0; j < a.keys; j++) {
    let sum = 0;
    for (let d = 0; d < a.dim; d++) sum += a.q[row * a.dim + d] * a.k[j * a.dim + d];
    out[j] = sum * a.scale;
  }
  return out;
}

/** Log of Σ exp, shifted by the maximum. */
export function logSumExp(values: ArrayLike<number>): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) top = Math.max(top, values[i]);
  if (top === Number.NEGATIVE_INFINITY) return top;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - top);
  return top + Math.log(sum);
}

/** Softmax attention over the keys that `keeps` allows (all, when left out), renormalised over them (eq. 12). */
export function attention(a: HeadArrays, keeps?: (row: number, key: number) => boolean): AttentionResult {
  const out = new Float64Array(a.rows * a.dim);
  const lse = new Float64Array(a.rows);
  const scores = new Float64Array(a.keys);
  for (let i = 0; i < a.rows; i++) {
    scoreRow(a, i, scores);
    if (keeps) for (let j = 0; j < a.keys; j++) if (!keeps(i, j)) scores[j] = Number.NEGATIVE_INFINITY;
    lse[i] = logSumExp(scores);
    for (let j = 0; j < a.keys; j++) {
      const p = Math.exp(scores[j] - lse[i]);
      if (p > 0) for (let d = 0; d < a.dim; d++) out[i * a.dim + d] += p * a.v[j * a.dim + d];
    }
  }
  return { out, lse };
}

/** Block-sparse attention of one head: keys of the listed blocks only. */
export function sparseAttention(a: HeadArrays, lists: BlockLists, side: number): AttentionResult {
  const kept = Array.from(
    { length: lists.rows },
    (_, r) => new Set(lists.indices.subarray(lists.offsets[r], lists.offsets[r + 1])),
  );
  return attention(a, (i, j) => kept[Math.floor(i / side)].has(Math.floor(j / side)));
}

/** Block masses Σ exp(s - lse_i) over each block (eq. 13; the listing's `Log` must be `exp` by eq. 4): [nq, nk]. */
export function blockMass(a: HeadArrays, lse: ArrayLike<number>, side: number): Float64Array {
  const nk = Math.ceil(a.keys / side);
  const mass = new Float64Array(Math.ceil(a.rows / side) * nk);
  const scores = new Float64Array(a.keys);
  for (let i = 0; i < a.rows; i++) {
    scoreRow(a, i, scores);
    const base = Math.floor(i / side) * nk;
    for (let j = 0; j < a.keys; j++) mass[base + Math.floor(j / side)] += Math.exp(scores[j] - lse[i]);
  }
  return mass;
}

/** Recall per query row from the two LSEs: exp(lse of the kept keys - lse of all keys). */
export function lseRecalls(sparse: ArrayLike<number>, dense: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: dense.length }, (_, i) => Math.exp(sparse[i] - dense[i]));
}
