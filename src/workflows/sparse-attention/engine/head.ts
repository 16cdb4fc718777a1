// One head on the device: upload, dense, search, selection, sparse, and what comes back to the CPU. It decides nothing
// about budgets and keeps nothing between heads.
import { Random } from "../../../base/random";
import type { Gpu } from "../../../gpu/gpu";
import { attention } from "../../../ops/attention";
import { scoped, scopedSync } from "../../../tensor/scope";
import { type Tensor, upload } from "../../../tensor/tensor";
import type { Grid } from "../protocol";
import type { MaskStrategyId, Settings } from "../protocol-params";
import { largest } from "./bound";
import {
  blockMass,
  fusedAttention,
  planBlocks,
  readLists,
  selectBlocks,
  sparseAttention,
  uploadLists,
} from "./kernels";
import { type BlockLists, topk } from "./lists";
import type { Plan } from "./plan";
import type { HeadArrays } from "./reference";
import { antidiagonal, type HeadView, pooled, randomScores, template, window3d } from "./strategies";
import type { HeadValues } from "./synth";
import { gatherRows, tokenOrder } from "./tokens";

/** One head in the token order asked, with the sampled query rows only. */
export interface Head {
  view: HeadView;
  plan: Plan;
  largestValue: number;
}

/** Orders the tokens and takes the sampled rows of q. */
export function prepareHead(
  values: HeadValues,
  dim: number,
  plan: Plan,
  grid: Grid,
  settings: Settings,
): Head {
  const keys = values.k.length / dim;
  const order = tokenOrder(grid, keys, settings.order);
  const isRaster = settings.order === "raster";
  const k = isRaster ? values.k : gatherRows(values.k, dim, order);
  const v = isRaster ? values.v : gatherRows(values.v, dim, order);
  const isWhole = plan.sample.rows.length === keys;
  const q =
    isRaster && isWhole
      ? values.q
      : gatherRows(
          values.q,
          dim,
          plan.sample.rows.map((row) => order[row]),
        );
  const arrays: HeadArrays = { q, k, v, rows: plan.sample.rows.length, keys, dim, scale: plan.scale };
  const view: HeadView = {
    arrays,
    sample: plan.sample,
    grid,
    order: settings.order,
    sink: plan.sink,
    seed: settings.seed,
  };
  return { view, plan, largestValue: largest(v) };
}

interface OnDevice {
  q: Tensor;
  k: Tensor;
  v: Tensor;
}

/** Uploads q [1, M, D], k and v [1, L, D]; they belong to the scope that is open. */
function uploadHead(gpu: Gpu, { q, k, v, rows, keys, dim }: HeadArrays): OnDevice {
  return {
    q: upload(gpu, q, [1, rows, dim]),
    k: upload(gpu, k, [1, keys, dim]),
    v: upload(gpu, v, [1, keys, dim]),
  };
}

/** How a caller follows the work on one head, and stops it. */
export interface Watch {
  signal: AbortSignal;
  /** Share of this piece of work that is done, in [0, 1]. */
  progress?(share: number): void;
}

/** The part of a watch between two shares. */
const part = ({ signal, progress }: Watch, from: number, to: number): Watch => ({
  signal,
  progress: progress && ((share) => progress(from + share * (to - from))),
});

/** Wall milliseconds of what `record` records, on a drained queue, with compiling and tuning done before. */
async function timed<R>(gpu: Gpu, watch: Watch, record: () => R): Promise<{ result: R; ms: number }> {
  scopedSync(gpu, record);
  await gpu.queue.prepare(watch);
  await gpu.queue.finish(watch);
  const started = performance.now();
  const result = record();
  await gpu.queue.finish(watch);
  return { result, ms: performance.now() - started };
}

/** Share of a search that its dense pass takes, for the progress bar only: the mass pass has half the arithmetic. */
const DENSE_SHARE = 2 / 3;

export interface Searched {
  /** Dense output [M, D] and log-sum-exp [M]. */
  out: Float32Array;
  lse: Float32Array;
  /** Block masses [nq, nk]; each row scaled so that it sums to its tokens, which only a stale LSE makes a change. */
  mass: Float32Array<ArrayBuffer>;
  /** Whether the masses are relative to the LSE of another step: then they rank blocks, and are no shares. */
  isStale: boolean;
  /** Largest | row sum - tokens | before that scaling. */
  massError: number;
  redone: number;
  denseMs: number;
  searchMs: number;
}

/** Dense attention and block masses. `cached` is the LSE of another step for the cached and the one-pass search. */
export async function searchHead(
  gpu: Gpu,
  head: Head,
  search: Settings["search"],
  cached: Float32Array | null,
  watch: Watch,
): Promise<Searched> {
  return scoped(gpu, async () => {
    const { q, k, v } = uploadHead(gpu, head.view.arrays);
    const options = { block: head.plan.side, scale: head.plan.scale };
    const dense = await timed(gpu, part(watch, 0, DENSE_SHARE), () =>
      attention(q, k, v, { scale: options.scale }),
    );
    const { o, lse } = dense.result;
    const isStale = search !== "fused" && cached !== null;
    const reference = isStale ? upload(gpu, cached, lse.shape) : lse;
    const found = await timed(gpu, part(watch, DENSE_SHARE, 1), () =>
      search === "one-pass"
        ? fusedAttention(q, k, v, reference, options)
        : { mass: blockMass(q, k, reference, options), redo: null },
    );
    const { mass, redo } = found.result;
    const flags = redo ? await redo.read() : [];
    const raw = (await mass.readFloats()) as Float32Array<ArrayBuffer>;
    return {
      out: await o.readFloats(),
      lse: await lse.readFloats(),
      mass: raw,
      isStale,
      massError: normalise(raw, head.plan),
      redone: Array.from(flags).filter((f) => f !== 0).length,
      denseMs: dense.ms,
      searchMs: found.ms,
    };
  });
}

/** Scales rows in place to sum to their tokens; returns how far off the worst was. */
function normalise(mass: Float32Array, { keys, sample }: Plan): number {
  let worst = 0;
  for (let r = 0; r < sample.tokens.length; r++) {
    let sum = 0;
    for (let j = 0; j < keys; j++) sum += mass[r * keys + j];
    worst = Math.max(worst, Math.abs(sum - sample.tokens[r]));
    if (Math.abs(sum - sample.tokens[r]) < 1e-2 || sum <= 0) continue;
    const scale = sample.tokens[r] / sum;
    for (let j = 0; j < keys; j++) mass[r * keys + j] *= scale;
  }
  return worst;
}

/** The LSE of a head alone: what a later step would find in its cache. */
export async function lseOfHead(gpu: Gpu, head: Head, signal: AbortSignal): Promise<Float32Array> {
  return scoped(gpu, async () => {
    const { q, k, v } = uploadHead(gpu, head.view.arrays);
    const { lse } = attention(q, k, v, { scale: head.plan.scale });
    await gpu.queue.finish({ signal });
    return lse.readFloats();
  });
}

/** Noise on q and k, as a share of their root mean square, when a file has no second step. */
const PERTURBATION = 0.2;

/** Block masses with an LSE that is not of these tensors: of another step, or of perturbed q and k. */
export async function staleMass(
  gpu: Gpu,
  head: Head,
  stale: Float32Array | null,
  signal: AbortSignal,
): Promise<{ score: Float32Array<ArrayBuffer>; note: string }> {
  const { arrays } = head.view;
  const lse =
    stale ??
    (await lseOfHead(
      gpu,
      { ...head, view: { ...head.view, arrays: perturbed(arrays, head.view.seed) } },
      signal,
    ));
  return scoped(gpu, async () => {
    const { q, k } = uploadHead(gpu, arrays);
    const mass = blockMass(q, k, upload(gpu, lse, [1, arrays.rows]), {
      block: head.plan.side,
      scale: head.plan.scale,
    });
    await gpu.queue.finish({ signal });
    const score = (await mass.readFloats()) as Float32Array<ArrayBuffer>;
    return {
      score,
      note: stale
        ? "LSE of another step"
        : `LSE of q and k with ${PERTURBATION * 100} % noise (simulated step)`,
    };
  });
}

function perturbed(arrays: HeadArrays, seed: number): HeadArrays {
  const shake = (data: ArrayLike<number>, stream: number): Float32Array => {
    const random = new Random(seed, stream);
    let squares = 0;
    for (let i = 0; i < data.length; i++) squares += data[i] ** 2;
    const scale = PERTURBATION * Math.sqrt(squares / data.length);
    return Float32Array.from(data, (x) => x + scale * random.normal());
  };
  return { ...arrays, q: shake(arrays.q, 31), k: shake(arrays.k, 32) };
}

/** Stride of the antidiagonals: XAttention's finer setting. */
const STRIDE = 8;

/** Scores of a rule that is made on the CPU. */
export function cpuScores(
  strategy: Exclude<MaskStrategyId, "adaspa" | "stale-lse">,
  head: Head,
  number: number,
  signal: AbortSignal,
): { score: Float32Array<ArrayBuffer>; note: string } {
  switch (strategy) {
    case "pooled":
      return pooled(head.view);
    case "antidiagonal":
      return antidiagonal(head.view, STRIDE, signal);
    case "template":
      return template(head.view, head.plan.keep);
    case "window":
      return window3d(head.view);
    case "random":
      return randomScores(head.view, number);
  }
}

export interface SparseRun {
  out: Float32Array;
  lse: Float32Array;
  lists: BlockLists;
  selectMs: number;
  sparseMs: number;
}

/**
 * Selects `keep` video blocks per row by `score` [nq, nk], on the device or on the CPU, and runs sparse attention over
 * them. Text blocks are kept besides.
 */
export async function sparseHead(
  gpu: Gpu,
  head: Head,
  score: Float32Array,
  keep: number,
  onDevice: boolean,
  watch: Watch,
): Promise<SparseRun> {
  const { plan, view } = head;
  const { sink, keys, sample } = plan;
  const rows = sample.blocks.length;
  return scoped(gpu, async () => {
    const { q, k, v } = uploadHead(gpu, view.arrays);
    const options = { block: plan.side, scale: plan.scale };
    const counts = Array.from(sink.rowIsText, (t) =>
      t ? keys : Math.min(keep, sink.keyFrom) + keys - sink.keyFrom,
    );
    let selectMs: number;
    let blocks: ReturnType<typeof uploadLists>;
    if (onDevice) {
      const scores = upload(gpu, score, [1, rows, keys]);
      const blockPlan = planBlocks(gpu, counts, 1, rows, keys);
      const selected = await timed(gpu, { signal: watch.signal }, () =>
        selectBlocks(scores, blockPlan, sink.keyFrom),
      );
      blocks = { plan: blockPlan, list: selected.result.list };
      selectMs = selected.ms;
    } else {
      const started = performance.now();
      const lists = topk(score, rows, keys, keep, sink);
      selectMs = performance.now() - started;
      blocks = uploadLists(gpu, lists);
    }
    const sparse = await timed(gpu, watch, () => sparseAttention(q, k, v, blocks.plan, blocks.list, options));
    return {
      out: await sparse.result.o.readFloats(),
      lse: await sparse.result.lse.readFloats(),
      lists: await readLists(blocks.plan, blocks.list),
      selectMs,
      sparseMs: sparse.ms,
    };
  });
}
