// Weighted averages and copies: linear, passthrough. One pass, nothing is reduced.
import type { MergeMethod } from "./method";
import { combine, elementwise, flag, weightSum, weightsOf } from "./tensors";

export const linear: MergeMethod = {
  id: "linear",
  title: "Linear",
  formula: "Σ w θ / Σ w, or Σ w θ without normalize",
  source: "Wortsman et al., Model soups, arXiv:2203.05482",
  parameters: {
    weight: { kind: "number", scope: "input", help: "Share of this model" },
    normalize: { kind: "bool", default: true, scope: "shared", help: "Divide by the sum of the weights" },
  },
  base: "none",
  models: [1, Number.POSITIVE_INFINITY],
  merge(job) {
    const weights = weightsOf(
      job,
      job.values.map((_, i) => i),
    );
    const divisor = flag(job.shared, "normalize") ? weightSum(weights, job.name) : 1;
    const shares = weights.map((weight) => weight / divisor);
    return elementwise(job, (models, out, from, to) => combine(models, shares, out, from, to));
  },
};

export const passthrough: MergeMethod = {
  id: "passthrough",
  title: "Passthrough",
  formula: "θ, or scale · θ: for recipes that stack slices of layers",
  source: "mergekit",
  parameters: {
    scale: { kind: "number", default: null, scope: "input", help: "Factor; not set: the tensor as it is" },
  },
  base: "none",
  models: [1, 1],
  merge(job) {
    const { scale } = job.values[0];
    return elementwise(job, ([model], out, from, to) => {
      if (typeof scale === "number") combine([model], [scale], out, from, to);
      else out.set(model.subarray(from, to), from);
    });
  },
};
