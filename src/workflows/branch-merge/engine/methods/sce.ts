// SCE: select the entries in which the models differ most, calculate a weight for each model and tensor, erase the
// signs of the minority.
import { type Difference, makeDifference, subtract } from "./differences";
import type { Chunk, MergeMethod, TensorJob } from "./method";
import { selectRanks } from "./select";
import { SignVote } from "./sign-vote";
import { addSteps, BLOCK, baseOf, elementCount, number, tasksOf } from "./tensors";

/** Below this sum of mean squares mergekit gives all models the same weight, and never divides by less. */
const MERGEKIT_LEAST = 1e-6;

export const sce: MergeMethod = {
  id: "sce",
  title: "SCE",
  formula:
    "θ0 + Σ w δ / Σ w over the signs of Σ δ, w ∝ Σ δ², of the entries whose variance over the models is largest",
  source: "Wan et al., FuseChat, arXiv:2408.07990",
  parameters: {
    select_topk: {
      kind: "number",
      default: 1,
      scope: "shared",
      help: "Share of the entries in which the models differ that is kept",
    },
    int8_mask: {
      kind: "bool",
      default: false,
      scope: "shared",
      help: "Accepted for mergekit's sake; it changes no result",
    },
  },
  base: "required",
  models: [1, Number.POSITIVE_INFINITY],
  async *merge(job) {
    const select = await selection(job);
    const weights = await weightsOf(job, select());
    const least = job.mode === "mergekit" ? MERGEKIT_LEAST : Number.MIN_VALUE;
    const base = baseOf(job);
    const parts = partsOf(job);
    const mask = select();
    const signs = new SignVote(BLOCK);
    const { total, divisor } = signs;
    for await (const chunk of job.chunks()) {
      const start = chunk.models[base];
      const out = new Float32Array(start.length);
      for (let from = 0; from < out.length; from += BLOCK) {
        const to = Math.min(from + BLOCK, out.length);
        const length = to - from;
        const differences = parts(chunk, from, to);
        mask(differences);
        signs.start(length);
        for (const { values } of differences) signs.vote(values, length);
        for (const [k, { values, words }] of differences.entries())
          signs.count(values, words, weights[k], weights[k], length);
        for (let i = 0; i < length; i++) total[i] /= Math.max(divisor[i], least);
        addSteps(start, total, out, from, to);
      }
      yield out;
    }
  },
};

/** Fills the differences of all models for a block. */
function partsOf(job: TensorJob): (chunk: Chunk, from: number, to: number) => readonly Difference[] {
  const base = baseOf(job);
  const tasks = tasksOf(job);
  const parts = tasks.map(() => makeDifference(BLOCK));
  return (chunk, from, to) => {
    for (const [k, task] of tasks.entries()) subtract(parts[k], chunk, task, base, from, to);
    return parts;
  };
}

async function eachBlock(job: TensorJob, visit: (parts: readonly Difference[]) => void): Promise<void> {
  const parts = partsOf(job);
  for await (const chunk of job.chunks()) {
    const { length } = chunk.models[0];
    for (let from = 0; from < length; from += BLOCK)
      visit(parts(chunk, from, Math.min(length, from + BLOCK)));
  }
}

/** A function that sets to 0, in every difference of a block, what is not selected; each call of it starts anew. */
async function selection(job: TensorJob): Promise<() => (parts: readonly Difference[]) => void> {
  const share = number(job.shared, "select_topk");
  const clear = (parts: readonly Difference[]): void => {
    for (const { values } of parts) values.fill(0);
  };
  if (share >= 1) return () => () => {};
  if (share <= 0) return () => clear;
  const scores = variances(tasksOf(job).length);
  const count = elementCount(job);
  let moved = 0;
  let kept = 0;
  const [[end]] = await selectRanks(
    1,
    () => {
      // As counted in the first of the two passes.
      kept = Math.trunc(moved * share);
      return [count - Math.max(1, kept)];
    },
    (visit) =>
      eachBlock(job, (parts) => {
        const { keys, length } = scores(parts);
        for (let i = 0; i < length; i++) if (keys[i] !== 0) moved++;
        visit(0, keys, length);
      }),
  );
  if (kept === 0) return () => clear;
  const equal = kept - (count - end.below - end.equal);
  return () => {
    let met = 0;
    return (parts) => {
      const { keys, length } = scores(parts);
      for (let i = 0; i < length; i++) {
        if (keys[i] > end.key || (keys[i] === end.key && met++ < equal)) continue;
        for (const { values } of parts) values[i] = 0;
      }
    };
  };
}

/** The variance over the models, float32; it is 0 where they agree, without rounding. */
function variances(models: number): (parts: readonly Difference[]) => { keys: Uint32Array; length: number } {
  const values = new Float32Array(BLOCK);
  const keys = new Uint32Array(values.buffer);
  const sums = new Float64Array(BLOCK);
  return (parts) => {
    const { length } = parts[0];
    sums.fill(0, 0, length);
    for (let a = 0; a < models; a++)
      for (let b = a + 1; b < models; b++) {
        const [x, y] = [parts[a].values, parts[b].values];
        for (let i = 0; i < length; i++) sums[i] += (x[i] - y[i]) ** 2;
      }
    for (let i = 0; i < length; i++) values[i] = sums[i] / models ** 2;
    return { keys, length };
  };
}

/** The share of each model in the sum of squares. */
async function weightsOf(job: TensorJob, mask: (parts: readonly Difference[]) => void): Promise<number[]> {
  const squares = tasksOf(job).map(() => 0);
  await eachBlock(job, (parts) => {
    mask(parts);
    for (const [k, { values, length }] of parts.entries()) {
      let sum = squares[k];
      for (let i = 0; i < length; i++) sum += values[i] * values[i];
      squares[k] = sum;
    }
  });
  const total = squares.reduce((sum, square) => sum + square, 0);
  const least = job.mode === "mergekit" ? MERGEKIT_LEAST * elementCount(job) : Number.MIN_VALUE;
  return squares.map((square) => (total < least ? 1 / squares.length : square / total));
}
