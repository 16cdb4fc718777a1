// NearSwap: where the two models differ little the other one is taken, elsewhere the base moves by at most t.
import type { MergeMethod } from "./method";
import { baseOf, elementwise, number, tasksOf } from "./tensors";

/** mergekit divides by the difference or by this, whichever is larger. */
const LEAST_DIFFERENCE = 1e-6;

export const nearswap: MergeMethod = {
  id: "nearswap",
  title: "NearSwap",
  formula: "θ0 + δ · min(1, t / |δ|): each element moves by at most t",
  source: "https://huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
  parameters: {
    t: { kind: "number", scope: "shared", help: "Largest step away from the base" },
  },
  base: "required",
  models: [1, 1],
  merge(job) {
    const t = Math.max(0, number(job.shared, "t"));
    const base = baseOf(job);
    const [other] = tasksOf(job);
    const least = job.mode === "mergekit" ? LEAST_DIFFERENCE : 0;
    return elementwise(job, (models, out, from, to) => {
      const a = models[base];
      const b = models[other];
      for (let i = from; i < to; i++) {
        const step = b[i] - a[i];
        const size = Math.max(Math.abs(step), least);
        out[i] = size <= t ? b[i] : a[i] + (step * t) / size;
      }
    });
  },
};
