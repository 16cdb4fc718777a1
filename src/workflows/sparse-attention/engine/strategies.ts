// Selection rules on one head: each gives a score per (query block, key block); the blocks of highest score are kept,
// row by row, with the same budget for every rule. Exact and stale masses come from the GPU; the rest is made here.
import { throwIfCancelled } from "../../../base/errors";
import { Random } from "../../../base/random";
import type { Grid } from "../protocol";
import type { Settings } from "../protocol-params";
import { headRecall, keepCount, rowRecalls, type Sink, topk } from "./lists";
import { type HeadArrays, logSumExp, scoreRow } from "./reference";
import { coordinates, type RowSample, tokenOrder, videoTokens } from "./tokens";

/** One head as the rules see it: q holds the sampled rows only, k and v all keys, all in the token order asked. */
export interface HeadView {
  arrays: HeadArrays;
  sample: RowSample;
  grid: Grid;
  order: Settings["order"];
  sink: Sink;
  seed: number;
}

/** Scores [nq, nk], higher = kept first, and what the rule did on this head. */
export interface Scored {
  score: Float32Array<ArrayBuffer>;
  note: string;
}

const keysOf = (view: HeadView): number => Math.ceil(view.arrays.keys / view.sample.side);

/** Mean query times mean key: SpargeAttn, VSA, DraftAttention. deviates: no self-similarity test, no coarse output. */
export function pooled({ arrays: a, sample }: HeadView): Scored {
  const { side } = sample;
  const meanK = blockMeans(a.k, a.keys, a.dim, side);
  const meanQ = blockMeans(a.q, a.rows, a.dim, side);
  const nk = Math.ceil(a.keys / side);
  const nq = sample.blocks.length;
  const score = new Float32Array(nq * nk);
  for (let i = 0; i < nq; i++)
    for (let j = 0; j < nk; j++) {
      let sum = 0;
      for (let d = 0; d < a.dim; d++) sum += meanQ[i * a.dim + d] * meanK[j * a.dim + d];
      score[i * nk + j] = sum * a.scale;
    }
  return { score, note: "" };
}

/** Means of blocks of `side` rows; a shorter last block is divided by its own length. */
function blockMeans(data: ArrayLike<number>, rows: number, dim: number, side: number): Float64Array {
  const blocks = Math.ceil(rows / side);
  const means = new Float64Array(blocks * dim);
  for (let i = 0; i < rows; i++) {
    const b = Math.floor(i / side);
    const n = Math.min(side, rows - b * side);
    for (let d = 0; d < dim; d++) means[b * dim + d] += data[i * dim + d] / n;
  }
  return means;
}

/**
 * XAttention: sums of scores along strided antidiagonals, a softmax over the strided keys, summed per block. Query
 * token S-1-n of a group meets key token n. Costs L²D/S operations; `signal` is looked at between row blocks.
 */
export function antidiagonal({ arrays: a, sample }: HeadView, stride: number, signal?: AbortSignal): Scored {
  const { side } = sample;
  const nk = Math.ceil(a.keys / side);
  const groups = Math.ceil(a.keys / stride);
  const perBlock = side / stride;
  const score = new Float32Array(sample.blocks.length * nk);
  const logits = new Float64Array(groups);
  const folded = new Float64Array(a.dim * stride);
  for (let i = 0; i < sample.blocks.length; i++) {
    throwIfCancelled(signal);
    for (let g = 0; g * stride < sample.tokens[i]; g++) {
      for (let n = 0; n < stride; n++) {
        const row = g * stride + stride - 1 - n;
        for (let d = 0; d < a.dim; d++) {
          folded[n * a.dim + d] = row < sample.tokens[i] ? a.q[(i * side + row) * a.dim + d] : 0;
        }
      }
      for (let j = 0; j < groups; j++) {
        const from = j * stride * a.dim;
        const length = Math.min(folded.length, a.keys * a.dim - from);
        let sum = 0;
        for (let x = 0; x < length; x++) sum += folded[x] * a.k[from + x];
        logits[j] = (sum * a.scale) / stride;
      }
      const lse = logSumExp(logits);
      for (let j = 0; j < groups; j++) score[i * nk + Math.floor(j / perBlock)] += Math.exp(logits[j] - lse);
    }
  }
  return { score, note: `stride ${stride}` };
}

/** Mean place of each block in the video grid, per block of `numbers`; text tokens do not count. */
function centres(grid: Grid, order: Uint32Array, side: number, numbers: ArrayLike<number>): Float64Array {
  const video = videoTokens(grid);
  const out = new Float64Array(numbers.length * 3);
  for (let i = 0; i < numbers.length; i++) {
    let count = 0;
    for (let t = numbers[i] * side; t < Math.min((numbers[i] + 1) * side, order.length); t++) {
      if (order[t] >= video) continue;
      const place = coordinates(grid, order[t]);
      for (let c = 0; c < 3; c++) out[i * 3 + c] += place[c];
      count++;
    }
    for (let c = 0; c < 3; c++) out[i * 3 + c] /= Math.max(1, count);
  }
  return out;
}

function byDistance(
  view: HeadView,
  distance: (df: number, dy: number, dx: number) => number,
): Float32Array<ArrayBuffer> {
  const { sample, grid, arrays } = view;
  const order = tokenOrder(grid, arrays.keys, view.order);
  const nk = keysOf(view);
  const rows = centres(grid, order, sample.side, sample.blocks);
  const keys = centres(
    grid,
    order,
    sample.side,
    Uint32Array.from({ length: nk }, (_, i) => i),
  );
  const score = new Float32Array(sample.blocks.length * nk);
  for (let i = 0; i < sample.blocks.length; i++)
    for (let j = 0; j < nk; j++) {
      const [df, dy, dx] = [0, 1, 2].map((c) => Math.abs(rows[i * 3 + c] - keys[j * 3 + c]));
      score[i * nk + j] = -distance(df, dy, dx);
    }
  return score;
}

/** Sliding Tile Attention: nearest blocks by the largest of the three distances, each as a share of its extent. */
export function window3d(view: HeadView): Scored {
  const { frames, height, width } = view.grid;
  return {
    score: byDistance(view, (df, dy, dx) => Math.max(df / frames, dy / height, dx / width)),
    note: "",
  };
}

/**
 * Sparse-VideoGen: a spatial template (nearest frames) or a temporal one (nearest place in the frame, any frame); the
 * one with the smaller mean squared output error on 32 sampled rows. deviates: no token permutation for temporal heads.
 */
export function template(view: HeadView, keep: number): Scored {
  const { frames, height, width } = view.grid;
  const spatial = byDistance(view, (df, dy, dx) => df + (dy / height + dx / width) * 1e-3);
  const temporal = byDistance(view, (df, dy, dx) => dy / height + dx / width + (df / frames) * 1e-3);
  const rows = probeRows(view, 32);
  const [first, second] = [spatial, temporal].map((score) => templateError(view, score, keep, rows));
  return first <= second
    ? { score: spatial, note: "spatial template" }
    : { score: temporal, note: "temporal template" };
}

/** Rows (of the sampled ones) drawn by seed, ascending. */
export function probeRows(view: HeadView, count: number): number[] {
  const random = new Random(view.seed, 23);
  const all = Array.from({ length: view.arrays.rows }, (_, i) => i);
  return random
    .shuffle(all)
    .slice(0, count)
    .sort((x, y) => x - y);
}

function templateError(view: HeadView, score: Float32Array, keep: number, rows: readonly number[]): number {
  const { arrays: a, sample, sink } = view;
  const nk = keysOf(view);
  const lists = topk(score, sample.blocks.length, nk, keep, sink);
  const scores = new Float64Array(a.keys);
  let error = 0;
  for (const row of rows) {
    scoreRow(a, row, scores);
    const dense = mix(a, scores);
    const block = Math.floor(row / sample.side);
    const kept = new Set(lists.indices.subarray(lists.offsets[block], lists.offsets[block + 1]));
    const sparse = mix(a, scores, (j) => kept.has(Math.floor(j / sample.side)));
    for (let d = 0; d < a.dim; d++) error += (sparse[d] - dense[d]) ** 2;
  }
  return error;
}

function mix(
  a: HeadArrays,
  scores: Float64Array,
  keeps: (key: number) => boolean = () => true,
): Float64Array {
  const lse = logSumExp(scores);
  const out = new Float64Array(a.dim);
  let total = 0;
  for (let j = 0; j < a.keys; j++) {
    const p = Math.exp(scores[j] - lse);
    if (p < 1e-12 || !keeps(j)) continue;
    total += p;
    for (let d = 0; d < a.dim; d++) out[d] += p * a.v[j * a.dim + d];
  }
  return out.map((x) => x / Math.max(total, 1e-300));
}

/** The floor: a seeded uniform score. */
export function randomScores(view: HeadView, head: number): Scored {
  const random = new Random(view.seed, 4096 + head);
  const score = Float32Array.from({ length: view.sample.blocks.length * keysOf(view) }, () =>
    random.uniform(),
  );
  return { score, note: "" };
}

/** Shares skipped and recall of one rule at each sparsity. `mass` holds the exact block masses [nq, nk]. */
export function readCurve(
  score: ArrayLike<number>,
  mass: ArrayLike<number>,
  view: Pick<HeadView, "sample" | "sink">,
  keys: number,
  sparsities: readonly number[],
): { skipped: number[]; recall: number[] } {
  const rows = view.sample.blocks.length;
  const points = sparsities.map((s) => {
    const lists = topk(score, rows, keys, keepCount(s, Math.max(1, view.sink.keyFrom)), view.sink);
    return {
      skipped: 1 - lists.indices.length / (rows * keys),
      recall: headRecall(rowRecalls(mass, lists, view.sample.tokens), view.sample.tokens),
    };
  });
  return { skipped: points.map((p) => p.skipped), recall: points.map((p) => p.recall) };
}

/**
 * The ceiling: per row the single tokens of largest probability, as many tokens as the blocks would hold; text tokens
 * are kept as the sink does. On at most `count` rows drawn by seed.
 */
export function oracleCurve(
  view: HeadView,
  sparsities: readonly number[],
  count = 64,
): { skipped: number[]; recall: number[]; note: string } {
  const { arrays: a, sample, sink } = view;
  const rows = probeRows(view, count);
  const free = Math.min(a.keys, sink.keyFrom * sample.side);
  const recall = new Array<number>(sparsities.length).fill(0);
  const skipped = new Array<number>(sparsities.length).fill(0);
  const scores = new Float64Array(a.keys);
  for (const row of rows) {
    scoreRow(a, row, scores);
    const lse = logSumExp(scores);
    const p = scores.map((s) => Math.exp(s - lse));
    const text = p.subarray(free).reduce((x, y) => x + y, 0);
    const sorted = p.slice(0, free).sort().reverse();
    const isText = sink.rowIsText[Math.floor(row / sample.side)] === 1;
    let sum = 0;
    const running = sorted.map((x) => {
      sum += x;
      return sum;
    });
    for (const [n, s] of sparsities.entries()) {
      const keep = isText ? free : Math.max(1, Math.round((1 - s) * free));
      recall[n] += (text + (running[keep - 1] ?? 0)) / rows.length;
      skipped[n] += (free - Math.min(keep, free)) / a.keys / rows.length;
    }
  }
  return { skipped, recall, note: `${rows.length} sampled rows` };
}
