// Block lists: for each head and query block the ascending key blocks it keeps. Row-wise top-k, the text sink, kept
// mass and share. Plain CPU code on arrays of nq x nk values; nothing here is quadratic in tokens.
import { TesseraError } from "../../../base/errors";

/** Kept blocks of `heads` heads in compressed rows: row r of head h lists indices[offsets[i]..offsets[i+1]), i = h·rows + r. */
export interface BlockLists {
  heads: number;
  /** Query blocks. */
  rows: number;
  /** Key blocks. */
  keys: number;
  offsets: Uint32Array<ArrayBuffer>;
  indices: Uint32Array<ArrayBuffer>;
}

/** Which blocks hold text: kept by hand, besides the budget (paper 4.3). */
export interface Sink {
  /** First key block with a text token; `keys` when there is none. */
  keyFrom: number;
  /** 1 for each query block with a text token: such a row keeps every block. */
  rowIsText: Uint8Array;
}

/** A sink that keeps nothing. */
export const noSink = (rows: number, keys: number): Sink => ({
  keyFrom: keys,
  rowIsText: new Uint8Array(rows),
});

/**
 * Blocks per row that a sparsity leaves of `blocks`, rounded to the nearest and at least 1.
 * @throws TesseraError `params` for a sparsity outside [0, 1).
 */
export function keepCount(sparsity: number, blocks: number): number {
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw new TesseraError("params", `sparsity: must lie in [0, 1), got ${sparsity}`);
  }
  // 0.1 of 15 blocks is 1.5 and rounds up; 1 - 0.9 is a little less than 0.1, which must not round it down.
  return Math.min(blocks, Math.max(1, Math.round((1 - sparsity) * blocks + 1e-9)));
}

/**
 * Row-wise top-k of one head. `score` is [rows, keys], any finite values. Each row keeps the `keep` best key blocks
 * below the sink, ties to the lower index, and every block of the sink; text rows keep all.
 */
export function topk(
  score: ArrayLike<number>,
  rows: number,
  keys: number,
  keep: number,
  sink: Sink,
): BlockLists {
  const free = sink.keyFrom;
  const take = Math.min(keep, free);
  const offsets = new Uint32Array(rows + 1);
  for (let r = 0; r < rows; r++)
    offsets[r + 1] = offsets[r] + (sink.rowIsText[r] ? keys : take + keys - free);
  const indices = new Uint32Array(offsets[rows]);
  const order: number[] = [];
  for (let r = 0; r < rows; r++) {
    let at = offsets[r];
    if (sink.rowIsText[r]) {
      for (let j = 0; j < keys; j++) indices[at++] = j;
      continue;
    }
    order.length = 0;
    for (let j = 0; j < free; j++) order.push(j);
    order.sort((a, b) => score[r * keys + b] - score[r * keys + a] || a - b);
    order.length = take;
    order.sort((a, b) => a - b);
    for (const j of order) indices[at++] = j;
    for (let j = free; j < keys; j++) indices[at++] = j;
  }
  return { heads: 1, rows, keys, offsets, indices };
}

/** Lists that keep everything. */
export function allBlocks(heads: number, rows: number, keys: number): BlockLists {
  const offsets = Uint32Array.from({ length: heads * rows + 1 }, (_, i) => i * keys);
  const indices = Uint32Array.from({ length: heads * rows * keys }, (_, i) => i % keys);
  return { heads, rows, keys, offsets, indices };
}

/** Joins the lists of several heads of equal size. */
export function joinHeads(parts: readonly BlockLists[]): BlockLists {
  const { rows, keys } = parts[0];
  const heads = parts.reduce((sum, p) => sum + p.heads, 0);
  const offsets = new Uint32Array(heads * rows + 1);
  const indices = new Uint32Array(parts.reduce((sum, p) => sum + p.indices.length, 0));
  let row = 0;
  let at = 0;
  for (const part of parts) {
    indices.set(part.indices, at);
    for (let i = 1; i <= part.heads * rows; i++) offsets[row + i] = at + part.offsets[i];
    row += part.heads * rows;
    at += part.indices.length;
  }
  return { heads, rows, keys, offsets, indices };
}

/** Kept blocks / all blocks. */
export const keptShare = (lists: BlockLists): number =>
  lists.indices.length / Math.max(1, lists.heads * lists.rows * lists.keys);

/** 1 for kept: [heads, rows, keys]. */
export function toMask(lists: BlockLists): Uint8Array<ArrayBuffer> {
  const mask = new Uint8Array(lists.heads * lists.rows * lists.keys);
  for (let i = 0; i + 1 < lists.offsets.length; i++) {
    for (let at = lists.offsets[i]; at < lists.offsets[i + 1]; at++)
      mask[i * lists.keys + lists.indices[at]] = 1;
  }
  return mask;
}

/** The reverse of `toMask`. */
export function fromMask(mask: ArrayLike<number>, heads: number, rows: number, keys: number): BlockLists {
  const offsets = new Uint32Array(heads * rows + 1);
  const indices: number[] = [];
  for (let i = 0; i < heads * rows; i++) {
    for (let j = 0; j < keys; j++) if (mask[i * keys + j]) indices.push(j);
    offsets[i + 1] = indices.length;
  }
  return { heads, rows, keys, offsets, indices: Uint32Array.from(indices) };
}

/**
 * Softmax mass that each row block keeps, divided by its tokens: recall per row block (eq. 9 on blocks). `mass` is
 * [heads·rows, keys] as probabilities summed over the block, `tokens` the query rows of each row block.
 */
export function rowRecalls(
  mass: ArrayLike<number>,
  lists: BlockLists,
  tokens: ArrayLike<number>,
): Float64Array {
  const recalls = new Float64Array(lists.heads * lists.rows);
  for (let i = 0; i < recalls.length; i++) {
    let kept = 0;
    for (let at = lists.offsets[i]; at < lists.offsets[i + 1]; at++)
      kept += mass[i * lists.keys + lists.indices[at]];
    recalls[i] = kept / tokens[i % lists.rows];
  }
  return recalls;
}

/** Recall of a head: mean over its query rows. */
export function headRecall(recalls: ArrayLike<number>, tokens: ArrayLike<number>): number {
  let sum = 0;
  let count = 0;
  for (let r = 0; r < tokens.length; r++) {
    sum += recalls[r] * tokens[r];
    count += tokens[r];
  }
  return sum / Math.max(1, count);
}
