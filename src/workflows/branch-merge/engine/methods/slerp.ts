// Interpolation of two models along the sphere: slerp, nuslerp. The angle is taken from float64 inner products.
import { mergeByProducts } from "./inner-products";
import type { MergeMethod, Mode } from "./method";
import { baseOf, flag, number, tasksOf, weightSum, weightsOf } from "./tensors";

/** From here on mergekit's slerp interpolates linearly, and its nuslerp takes two thirds of a zero vector. */
const MERGEKIT_LINEAR_COSINE = 0.9995;

export const slerp: MergeMethod = {
  id: "slerp",
  title: "SLERP",
  formula: "[sin((1−t)Ω) θ0 + sin(tΩ) θ] / sin Ω with Ω the angle between the two tensors",
  source: "Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985",
  parameters: {
    t: { kind: "number", scope: "shared", help: "0 is the base, 1 the other model" },
  },
  base: "required",
  models: [1, 1],
  merge(job) {
    const t = number(job.shared, "t");
    const limit = job.mode === "mergekit" ? MERGEKIT_LINEAR_COSINE : undefined;
    return mergeByProducts(job, { vectors: [baseOf(job), ...tasksOf(job)], group: "tensor" }, (products) =>
      alongArc(products, t, job.mode, limit),
    );
  },
};

export const nuslerp: MergeMethod = {
  id: "nuslerp",
  title: "NuSLERP",
  formula: "SLERP at t = w2 / (w1 + w2), of the tensors or of their differences to a base",
  source: "mergekit",
  parameters: {
    weight: { kind: "number", scope: "task", help: "Share of this model" },
    nuslerp_flatten: {
      kind: "bool",
      default: true,
      scope: "shared",
      help: "One angle for the tensor; off: one for each vector along the last dimension",
    },
    nuslerp_row_wise: {
      kind: "bool",
      default: false,
      scope: "shared",
      help: "Without flatten: one angle for each vector along the first dimension, as mergekit understands rows",
    },
  },
  base: "optional",
  models: [2, 2],
  merge(job) {
    const vectors = tasksOf(job);
    const weights = weightsOf(job, vectors);
    const cancels = job.mode === "mergekit" && Math.abs(weights[0] + weights[1]) < 1e-6;
    const t = cancels ? 0.5 : weights[1] / weightSum(weights, job.name);
    const vector = flag(job.shared, "nuslerp_row_wise") ? "column" : "row";
    const group = flag(job.shared, "nuslerp_flatten") ? "tensor" : vector;
    return mergeByProducts(job, { vectors, origin: job.base, group }, (products) =>
      alongArc(products, t, job.mode),
    );
  },
};

/**
 * Coefficients of two vectors from their inner products. A zero vector has no direction and opposite ones no arc:
 * both are interpolated linearly (mergekit takes a zero vector as orthogonal).
 */
function alongArc([aa, ab, , bb]: Float64Array, t: number, mode: Mode, linearCosine?: number): number[] {
  const scale = Math.sqrt(aa) * Math.sqrt(bb);
  if (scale === 0 && mode === "exact") return [1 - t, t];
  const cos = scale === 0 ? 0 : Math.max(-1, Math.min(1, ab / scale));
  const sin = Math.sqrt((1 - cos) * (1 + cos));
  // Below this angle the two formulas agree to the last digit of float64.
  if (sin < 1e-8 || (linearCosine !== undefined && Math.abs(cos) > linearCosine)) return [1 - t, t];
  const angle = Math.atan2(sin, cos);
  return [Math.sin((1 - t) * angle) / sin, Math.sin(t * angle) / sin];
}
