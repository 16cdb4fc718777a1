// The sum of weighted differences to a base, made sparse by a rule, with or without a vote on signs. The rules are in
// sparsify.ts, the methods in task-arithmetic.ts.
import { eachDifference, makeDifference, partSize, subtract } from "./differences";
import type { TensorJob } from "./method";
import type { Keep, Sparsifier } from "./sparsify";
import { baseOf, flag, number, tasksOf, weightsOf } from "./tensors";

export interface TaskVectorKind {
  sparsifier: Sparsifier;
  /** Entries whose sign loses the vote are left out. */
  vote: boolean;
}

/** mergekit leaves a difference as it is when one of the two sums is smaller. */
const LEAST_SUM = 1e-7;

/** The change of each entry of a part, from what each model keeps times its weight. */
type Total = (kept: readonly Float64Array[], length: number) => Float64Array;

export async function* mergeTaskVectors(
  job: TensorJob,
  { sparsifier, vote }: TaskVectorKind,
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
  const total = vote ? votedTotal(job, weights, size) : plainTotal(job, weights, size);
  for await (const chunk of job.chunks({ rows: sparsifier.byRow })) {
    const start = chunk.models[base];
    const out = new Float32Array(start.length);
    for (let from = 0; from < out.length; from += size) {
      const to = Math.min(out.length, from + size);
      for (let k = 0; k < models.length; k++) {
        subtract(part, chunk, models[k], base, from, to);
        keep[k](part, scales[k] * weights[k], kept[k]);
      }
      const step = total(kept, to - from);
      // Adding 0 would turn −0 into 0.
      for (let i = from; i < to; i++) out[i] = step[i - from] === 0 ? start[i] : start[i] + step[i - from];
    }
    yield out;
  }
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

/** λ Σ w δ, divided by Σ w where wanted and where it is not 0. */
function plainTotal(job: TensorJob, weights: readonly number[], size: number): Total {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const divisor = flag(job.shared, "normalize") && Math.abs(sum) >= 1e-8 ? sum : 1;
  const factor = number(job.shared, "lambda") / divisor;
  const total = new Float64Array(size);
  return (kept, length) => {
    total.fill(0, 0, length);
    for (const part of kept) for (let i = 0; i < length; i++) total[i] += factor * part[i];
    return total;
  };
}

/**
 * The same over entries whose sign is that of their sum, 0 counting as positive; the divisor is the weight of those.
 * deviates from mergekit in exact mode: a negative weight counts with its size, where mergekit lets it cancel others
 * and turn the sign of its own difference.
 */
function votedTotal(job: TensorJob, weights: readonly number[], size: number): Total {
  const lambda = number(job.shared, "lambda");
  const normalize = flag(job.shared, "normalize");
  const shares = weights.map((weight) => (job.mode === "exact" ? Math.abs(weight) : weight));
  const votes = new Float64Array(size);
  const total = new Float64Array(size);
  const divisor = new Float64Array(size);
  return (kept, length) => {
    votes.fill(0, 0, length);
    total.fill(0, 0, length);
    divisor.fill(0, 0, length);
    for (const part of kept) for (let i = 0; i < length; i++) votes[i] += part[i];
    for (let k = 0; k < kept.length; k++) {
      const part = kept[k];
      const share = shares[k];
      for (let i = 0; i < length; i++) {
        const value = part[i];
        if (votes[i] >= 0 ? value > 0 : value < 0) {
          total[i] += value;
          divisor[i] += share;
        }
      }
    }
    if (normalize) for (let i = 0; i < length; i++) total[i] = (lambda * total[i]) / (divisor[i] || 1);
    else for (let i = 0; i < length; i++) total[i] *= lambda;
    return total;
  };
}
