// Model Stock: how far to go from the base to the average, by the angle between the fine-tuned models.
import { mergeByProducts } from "./inner-products";
import type { MergeMethod } from "./method";
import { baseOf, flag, tasksOf } from "./tensors";

/** mergekit divides by the product of two norms or by this, whichever is larger. */
const LEAST_NORMS = 1e-6;

export const modelStock: MergeMethod = {
  id: "model_stock",
  title: "Model Stock",
  formula: "θ0 + τ · mean δ with τ = N cos / (1 + (N−1) cos), cos the mean over pairs of δ",
  source: "Jang et al., Model Stock, arXiv:2403.19522",
  parameters: {
    filter_wise: { kind: "bool", default: false, scope: "shared", help: "One angle for each row" },
  },
  base: "required",
  models: [2, Number.POSITIVE_INFINITY],
  merge(job) {
    const vectors = tasksOf(job);
    const group = flag(job.shared, "filter_wise") ? "row" : "tensor";
    const least = job.mode === "mergekit" ? LEAST_NORMS : 0;
    return mergeByProducts(job, { vectors, origin: baseOf(job), group }, (products) => {
      const count = vectors.length;
      const cos = meanCosine(products, count, least);
      const divisor = 1 + (count - 1) * cos;
      // Differences that cancel say nothing about the way: the base stays.
      const step = Math.abs(divisor) < 1e-6 ? 0 : (count * cos) / divisor;
      return vectors.map(() => step / count);
    });
  },
};

function meanCosine(products: Float64Array, count: number, least: number): number {
  let sum = 0;
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++) {
      const sizes = Math.sqrt(products[a * count + a]) * Math.sqrt(products[b * count + b]);
      const cos = sizes === 0 ? 0 : products[a * count + b] / Math.max(sizes, least);
      sum += Math.max(-1, Math.min(1, cos));
    }
  return sum / ((count * (count - 1)) / 2);
}
