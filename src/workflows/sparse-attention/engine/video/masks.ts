// The block mask of one layer: scores by the rule, head-adaptive tiers, row-wise selection. Masks, scores and LSE stay on
// the device; what comes back at a search is one number pair per row block, to set the tiers.
import { matmul } from "../../../../ops/matmul";
import { type Tensor, upload } from "../../../../tensor/tensor";
import type { SparseSettings } from "../../protocol-video";
import { type BlockPlan, blockMass, planBlocks, readLists, selectBlocks } from "../kernels";
import { type BlockLists, keepCount } from "../lists";
import { randomScores, template, window3d } from "../strategies";
import { assignTiers } from "../tiers";
import { type Geometry, headView, recallsOf, rowCounts } from "./geometry";
import type { HeadTensors } from "./layers";
import { usesTiers } from "./schedule";

/** Keeps a tensor beyond the step in which it was made. */
export type Hold = (tensor: Tensor) => Tensor;

export interface Mask {
  plan: BlockPlan;
  /** u32 [plan.total]. */
  list: Tensor;
  /** Share of all blocks. */
  kept: number;
  /** Sums over each row block of kept and of all scores, f32 [heads, blocks, 2]: recalls, where scores are masses. */
  sums: Tensor;
  uniformRecall: number[] | null;
  tiers: number[] | null;
}

export function freeMask({ plan, list, sums }: Mask): void {
  for (const tensor of [plan.spans, plan.jobs, list, sums]) tensor.free();
}

/**
 * The mask that `score` [heads, blocks, blocks] gives: the same budget for every head, then with tiers more for heads of
 * low recall and less for heads of high recall (paper 4.4), each batch entry on its own.
 */
export async function makeMask(
  score: Tensor,
  geometry: Geometry,
  settings: SparseSettings,
  hold: Hold,
): Promise<Mask> {
  const { heads, batch, config } = geometry;
  const uniform = Array.from({ length: heads }, () => settings.sparsity);
  if (!usesTiers(settings))
    return { ...select(score, geometry, uniform, hold), uniformRecall: null, tiers: null };
  const first = select(score, geometry, uniform, hold);
  const recalls = recallsOf(geometry, await first.sums.readFloats());
  const parts = Array.from({ length: batch }, (_, b) =>
    assignTiers(recalls.slice(b * config.heads, (b + 1) * config.heads), settings.sparsity),
  );
  const tiers = parts.flatMap((p) => p.tier);
  if (tiers.every((tier) => tier === 0)) return { ...first, uniformRecall: recalls, tiers };
  freeMask({ ...first, uniformRecall: null, tiers: null });
  const sparsity = parts.flatMap((p) => p.sparsity);
  return { ...select(score, geometry, sparsity, hold), uniformRecall: recalls, tiers };
}

function select(
  score: Tensor,
  geometry: Geometry,
  sparsity: readonly number[],
  hold: Hold,
): Pick<Mask, "plan" | "list" | "kept" | "sums"> {
  const { heads, blocks, sink } = geometry;
  const plan = planBlocks(score.gpu, rowCounts(geometry, sparsity), heads, blocks, blocks);
  const { list, kept: sums } = selectBlocks(score, plan, sink.keyFrom);
  for (const tensor of [plan.spans, plan.jobs, list, sums]) hold(tensor);
  return { plan, list, sums, kept: plan.total / (heads * blocks * blocks) };
}

/** Gives scores f32 [heads, blocks, blocks] of one layer at one step, higher = kept first. */
export type Scorer = (asked: HeadTensors, lse: Tensor) => Promise<Tensor> | Tensor;

/**
 * The scores of a rule; made once for a run (its tensors belong to the current scope). Rules without masses do not look
 * at the LSE. deviates: methods that choose anew in every step are refreshed at the search steps here, as AdaSpa is.
 */
export function makeScorer(
  gpu: Tensor["gpu"],
  geometry: Geometry,
  settings: SparseSettings,
  seed: number,
): Scorer {
  const { heads, blocks, side, length } = geometry;
  const shape = [heads, blocks, blocks];
  const joined = (parts: readonly Float32Array[]): Tensor =>
    upload(
      gpu,
      parts.flatMap((p) => [...p]),
      shape,
    );
  const none = { q: [], k: [], v: [] };
  const eachHead = <R>(make: (head: number) => R): R[] => Array.from({ length: heads }, (_, h) => make(h));
  switch (settings.rule) {
    case "adaspa":
      return ({ q, k }, lse) => blockMass(q, k, lse, { block: side });
    case "pooled": {
      const pool = upload(gpu, poolingMatrix(geometry), [blocks, length]);
      return ({ q, k }) => {
        const [mq, mk] = [q, k].map((x) => matmul(pool, x.reshape([heads, length, x.shape.at(-1) ?? 0])));
        return matmul(mq, mk, { transposeB: true });
      };
    }
    case "window": {
      const { score } = window3d(headView(geometry, none, seed));
      const scores = joined(eachHead(() => score));
      return () => scores;
    }
    case "random": {
      const scores = joined(eachHead((h) => randomScores(headView(geometry, none, seed), h).score));
      return () => scores;
    }
    case "template": {
      const keep = keepCount(settings.sparsity, Math.max(1, geometry.sink.keyFrom));
      return async (asked) => {
        const { q, k, v } = await readHeads(asked);
        const size = q.length / heads;
        const cut = (x: Float32Array, h: number): Float32Array => x.subarray(h * size, (h + 1) * size);
        return joined(
          eachHead(
            (h) =>
              template(headView(geometry, { q: cut(q, h), k: cut(k, h), v: cut(v, h) }, seed), keep).score,
          ),
        );
      };
    }
  }
}

async function readHeads(asked: HeadTensors) {
  return { q: await asked.q.readFloats(), k: await asked.k.readFloats(), v: await asked.v.readFloats() };
}

/** [blocks, L]: row b averages the tokens of block b. */
function poolingMatrix({ blocks, side, length, sample }: Geometry): Float32Array {
  const matrix = new Float32Array(blocks * length);
  for (let i = 0; i < length; i++) {
    const b = Math.floor(i / side);
    matrix[b * length + i] = 1 / sample.tokens[b];
  }
  return matrix;
}

/** Share of the blocks of `wanted` that `got` has too. */
export function overlap(got: BlockLists, wanted: BlockLists): number {
  let common = 0;
  const has = new Uint8Array(wanted.keys);
  for (let i = 0; i + 1 < wanted.offsets.length; i++) {
    has.fill(0);
    for (let at = got.offsets[i]; at < got.offsets[i + 1]; at++) has[got.indices[at]] = 1;
    for (let at = wanted.offsets[i]; at < wanted.offsets[i + 1]; at++) common += has[wanted.indices[at]];
  }
  return common / Math.max(1, wanted.indices.length);
}

/** The mask as lists on the CPU. */
export const readMask = ({ plan, list }: Mask): Promise<BlockLists> => readLists(plan, list);
