// Reinforced agent merging: entries that one model alone has changed are added whole, shared ones averaged.

import type { MergeMethod, TensorJob } from "./method";
import { BLOCK, baseOf, elementwise, number, tasksOf } from "./tensors";

const SOURCE = "Reinforced agent merging, arXiv:2601.13572";
const epsilon = {
  kind: "number",
  default: 1e-5,
  scope: "shared",
  help: "A smaller difference counts as none",
} as const;

export const ram: MergeMethod = {
  id: "ram",
  title: "RAM",
  formula: "θ0 + Σ δ / n over the n models with |δ| > ε at this entry",
  source: SOURCE,
  parameters: { epsilon },
  base: "required",
  models: [1, Number.POSITIVE_INFINITY],
  merge(job) {
    return merge(
      job,
      tasksOf(job).map(() => 1),
    );
  },
};

export const ramPlus: MergeMethod = {
  id: "ramplus_tl",
  title: "RAM+",
  formula: "RAM with what one model alone has changed times 1 + r · min(shared / own entries, α), by tensor",
  source: SOURCE,
  parameters: {
    epsilon,
    r: { kind: "number", default: 0.1, scope: "shared", help: "How much the share of shared entries counts" },
    alpha: { kind: "number", default: 0.2, scope: "shared", help: "Largest share that counts" },
  },
  base: "required",
  models: [1, Number.POSITIVE_INFINITY],
  async *merge(job) {
    const counts = await countEntries(job);
    const r = number(job.shared, "r");
    const alpha = number(job.shared, "alpha");
    const factors = counts.map(({ own, shared }) => {
      const share = shared / Math.max(own, number(job.shared, "epsilon"));
      return 1 + r * Math.min(alpha, Math.max(0, share));
    });
    yield* merge(job, factors);
  },
};

/** `own`: the factor, for each model, of entries that it alone has changed. */
function merge(job: TensorJob, own: readonly number[]): AsyncIterable<Float32Array> {
  const base = baseOf(job);
  const tasks = tasksOf(job);
  const count = changeCounter(job);
  const sums = new Float64Array(BLOCK);
  const least = number(job.shared, "epsilon");
  return elementwise(job, (models, out, from, to) => {
    const start = models[base];
    const changed = count(models, from, to);
    sums.fill(0, 0, to - from);
    for (const [k, task] of tasks.entries()) {
      const model = models[task];
      for (let i = from; i < to; i++) {
        const step = model[i] - start[i];
        const n = changed[i - from];
        if (Math.abs(step) > least) sums[i - from] += n === 1 ? own[k] * step : step / n;
      }
    }
    for (let i = from; i < to; i++) out[i] = changed[i - from] === 0 ? start[i] : start[i] + sums[i - from];
  });
}

/** How many models have changed each entry of a block. */
function changeCounter(
  job: TensorJob,
): (models: readonly Float32Array[], from: number, to: number) => Uint32Array {
  const base = baseOf(job);
  const tasks = tasksOf(job);
  const least = number(job.shared, "epsilon");
  const changed = new Uint32Array(BLOCK);
  return (models, from, to) => {
    const start = models[base];
    changed.fill(0, 0, to - from);
    for (const task of tasks) {
      const model = models[task];
      for (let i = from; i < to; i++) if (Math.abs(model[i] - start[i]) > least) changed[i - from]++;
    }
    return changed;
  };
}

/** How many entries each model has changed alone, and how many with others. */
async function countEntries(job: TensorJob): Promise<{ own: number; shared: number }[]> {
  const base = baseOf(job);
  const tasks = tasksOf(job);
  const least = number(job.shared, "epsilon");
  const count = changeCounter(job);
  const totals = tasks.map(() => ({ own: 0, shared: 0 }));
  for await (const { models } of job.chunks())
    for (let from = 0; from < models[base].length; from += BLOCK) {
      const to = Math.min(from + BLOCK, models[base].length);
      const changed = count(models, from, to);
      for (const [k, task] of tasks.entries()) {
        const model = models[task];
        const start = models[base];
        let own = 0;
        let all = 0;
        for (let i = from; i < to; i++)
          if (Math.abs(model[i] - start[i]) > least) {
            all++;
            if (changed[i - from] === 1) own++;
          }
        totals[k].own += own;
        totals[k].shared += all - own;
      }
    }
  return totals;
}
