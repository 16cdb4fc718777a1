// The sum of weighted differences to a base, made sparse by a rule, with or without a vote on signs. The rules are in
// sparsify.ts, the methods in task-arithmetic.ts.
import { eachDifference, makeDifference, partSize, subtract } from "./differences";
import type { TensorJob } from "./method";
import { SignVote } from "./sign-vote";
import type { Keep, Sparsifier } from "./sparsify";
import { addSteps, BLOCK, baseOf, elementwise, flag, number, tasksOf, weightsOf } from "./tensors";

/** mergekit leaves a difference as it is when one of the two sums is smaller. */
const LEAST_SUM = 1e-7;

/** The change of each entry of a part of some length, from what each model keeps of it times its weight. */
type Total = (length: number) => Float64Array;

export async function* mergeTaskVectors(
  job: TensorJob,
  sparsifier: Sparsifier,
  vote: boolean,
): AsyncGenerator<Float32Array> {
  const models = tasksOf(job);
  const base = baseOf(job);
  const weights = weightsOf(job, models);
  const rules = await sparsifier.prepare(job, models);
  const scales = await scalesOf(job, models, sparsifier, rules);
  const keep = rules.map((rule) => rule());
  const size = partSize(job, sparsifier.byRow);
  const part = makeDifference(size);
  const kept = models.map(() => new Float64Array(size));
  const total = vote ? votedTotal(job, weights, kept) : plainTotal(job, weights, kept);
  for await (const chunk of job.chunks({ rows: sparsifier.byRow })) {
    const start = chunk.models[base];
    const out = new Float32Array(start.length);
    for (let from = 0; from < out.length; from += size) {
      const to = Math.min(out.length, from + size);
      for (let k = 0; k < models.length; k++) {
        subtract(part, chunk, models[k], base, from, to);
        keep[k](part, scales[k] * weights[k], kept[k]);
      }
      addSteps(start, total(to - from), out, from, to);
    }
    yield out;
  }
}

/** Task arithmetic itself: every entry of every difference. */
export function mergeDifferences(job: TensorJob): AsyncGenerator<Float32Array> {
  const tasks = tasksOf(job);
  const base = baseOf(job);
  const weights = weightsOf(job, tasks);
  const factor = factorOf(job, weights);
  const sums = new Float64Array(BLOCK);
  return elementwise(job, (models, out, from, to) => {
    const start = models[base];
    sums.fill(0, 0, to - from);
    for (let k = 0; k < tasks.length; k++) {
      const model = models[tasks[k]];
      const weight = factor * weights[k];
      for (let i = from; i < to; i++) sums[i - from] += weight * (model[i] - start[i]);
    }
    addSteps(start, sums, out, from, to);
  });
}

/** What makes the sum of magnitudes after the rule that before it; 1 where the rule divides by its own probability. */
async function scalesOf(
  job: TensorJob,
  models: readonly number[],
  { byRow, random }: Sparsifier,
  rules: readonly (() => Keep)[],
): Promise<number[]> {
  if (!flag(job.shared, "rescale") || (random && job.mode === "exact")) return models.map(() => 1);
  const before = models.map(() => 0);
  const after = models.map(() => 0);
  const keep = rules.map((rule) => rule());
  const into = new Float64Array(partSize(job, byRow));
  await eachDifference(job, models, byRow, (k, part) => {
    keep[k](part, 1, into);
    let [all, left] = [before[k], after[k]];
    for (let i = 0; i < part.length; i++) {
      all += Math.abs(part.values[i]);
      left += Math.abs(into[i]);
    }
    before[k] = all;
    after[k] = left;
  });
  const least = job.mode === "mergekit" ? LEAST_SUM : Number.MIN_VALUE;
  return models.map((_, k) => (before[k] < least || after[k] < least ? 1 : before[k] / after[k]));
}

/** λ, divided by Σ w where wanted and where that is not 0. */
function factorOf(job: TensorJob, weights: readonly number[]): number {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const divisor = flag(job.shared, "normalize") && Math.abs(sum) >= 1e-8 ? sum : 1;
  return number(job.shared, "lambda") / divisor;
}

/** λ Σ w δ / Σ w. */
function plainTotal(job: TensorJob, weights: readonly number[], kept: readonly Float64Array[]): Total {
  const factor = factorOf(job, weights);
  const total = new Float64Array(kept[0].length);
  return (length) => {
    total.fill(0, 0, length);
    for (const part of kept) for (let i = 0; i < length; i++) total[i] += factor * part[i];
    return total;
  };
}

/**
 * The same over entries whose sign wins; the divisor is the weight of those. deviates from mergekit in exact mode: a
 * negative weight counts with its size, where mergekit lets it cancel others and turn the sign of its own difference.
 */
function votedTotal(job: TensorJob, weights: readonly number[], kept: readonly Float64Array[]): Total {
  const lambda = number(job.shared, "lambda");
  const normalize = flag(job.shared, "normalize");
  const shares = weights.map((weight) => (job.mode === "exact" ? Math.abs(weight) : weight));
  const words = kept.map(({ buffer }) => new Int32Array(buffer));
  const signs = new SignVote(kept[0].length);
  const { total, divisor } = signs;
  return (length) => {
    signs.start(length);
    for (const part of kept) signs.vote(part, length);
    for (let k = 0; k < kept.length; k++) signs.count(kept[k], words[k], 1, shares[k], length);
    if (normalize) for (let i = 0; i < length; i++) total[i] = (lambda * total[i]) / (divisor[i] || 1);
    else for (let i = 0; i < length; i++) total[i] *= lambda;
    return total;
  };
}
