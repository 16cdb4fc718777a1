// Means of several models on the sphere: multislerp, karcher. Every iterate is a combination of the models, so that
// the iterations need their inner products alone and no further pass over the data.
import { TesseraError } from "../../../../base/errors";
import { mergeByProducts } from "./inner-products";
import type { MergeMethod, Mode } from "./method";
import { flag, number, tasksOf, weightSum, weightsOf } from "./tensors";

export const multislerp: MergeMethod = {
  id: "multislerp",
  title: "Multi-SLERP",
  formula: "Σ w ‖θ‖ · m / ‖m‖ with m = Σ w θ / ‖θ‖, of the tensors or of their differences to a base",
  source: "https://goddard.blog/posts/multislerp-wow-what-a-cool-idea",
  parameters: {
    weight: { kind: "number", scope: "task", help: "Share of this model" },
    normalize_weights: {
      kind: "bool",
      default: true,
      scope: "shared",
      help: "Divide by the sum of the weights",
    },
    eps: { kind: "number", default: 1e-8, scope: "shared", help: "A shorter mean has no direction" },
  },
  base: "optional",
  models: [1, Number.POSITIVE_INFINITY],
  merge(job) {
    const vectors = tasksOf(job);
    const span = { vectors, origin: job.base, group: "tensor" } as const;
    if (vectors.length === 1) return mergeByProducts(job, span, () => [1]);
    const weights = weightsOf(job, vectors);
    const divisor = flag(job.shared, "normalize_weights") ? weightSum(weights, job.name) : 1;
    const shares = weights.map((weight) => weight / divisor);
    const eps = number(job.shared, "eps");
    return mergeByProducts(job, span, (products) => sphericalMean(products, shares, eps, job.mode, job.name));
  },
};

export const karcher: MergeMethod = {
  id: "karcher",
  title: "Karcher mean",
  formula: "the mean of ‖θ‖ times the point of the sphere nearest to all θ / ‖θ‖ in squared angle",
  source: "arXiv:2603.04972",
  parameters: {
    max_iter: { kind: "whole", default: 10, scope: "shared", help: "Steps at most" },
    tol: {
      kind: "number",
      default: 1e-5,
      scope: "shared",
      help: "A smaller step, in radians, ends the search",
    },
  },
  base: "none",
  models: [1, Number.POSITIVE_INFINITY],
  merge(job) {
    const vectors = job.values.map((_, i) => i);
    if (vectors.length === 1) return mergeByProducts(job, { vectors, group: "tensor" }, () => [1]);
    const most = number(job.shared, "max_iter");
    const tol = number(job.shared, "tol");
    return mergeByProducts(job, { vectors, group: "tensor" }, (products) =>
      karcherMean(products, most, tol, job.mode),
    );
  },
};

/** x' G y for coefficients of vectors with the inner products G. */
function product(g: Float64Array, x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  for (let a = 0; a < x.length; a++)
    for (let b = 0; b < y.length; b++) sum += x[a] * y[b] * g[a * y.length + b];
  return sum;
}

/** Rounding may leave a tiny negative square. */
const length = (g: Float64Array, x: readonly number[]): number => Math.sqrt(Math.max(0, product(g, x, x)));

function norms(g: Float64Array): number[] {
  const size = Math.sqrt(g.length);
  return Array.from({ length: size }, (_, a) => Math.sqrt(g[a * size + a]));
}

function sphericalMean(
  g: Float64Array,
  weights: readonly number[],
  eps: number,
  mode: Mode,
  name: string,
): readonly number[] {
  const lengths = norms(g);
  // mergekit refuses three tensors that all equal the base; they merge to it.
  if (mode === "exact" && lengths.every((size) => size === 0)) return weights.map(() => 0);
  const pad = mode === "mergekit" ? eps : 0;
  const mean = weights.map((weight, a) => (lengths[a] + pad === 0 ? 0 : weight / (lengths[a] + pad)));
  const size = length(g, mean);
  if (size < eps) {
    if (weights.length === 2) return weights;
    throw new TesseraError("merge-direction", `The weighted directions cancel, there is no mean: ${name}`);
  }
  const scale = weights.reduce((sum, weight, a) => sum + weight * lengths[a], 0);
  return mean.map((share) => (share * scale) / size);
}

function karcherMean(g: Float64Array, most: number, tol: number, mode: Mode): readonly number[] {
  const lengths = norms(g);
  const least = mode === "mergekit" ? tol : 0;
  const valid = lengths.flatMap((size, a) => (size > least ? [a] : []));
  if (valid.length === 0) return lengths.map(() => 0);
  const cosines = new Float64Array(valid.length ** 2);
  for (const [i, a] of valid.entries())
    for (const [j, b] of valid.entries())
      cosines[i * valid.length + j] = g[a * lengths.length + b] / lengths[a] / lengths[b];
  const unit = (x: readonly number[]): number[] => x.map((share) => share / length(cosines, x));

  let mean = valid.map(() => 1 / valid.length);
  mean = length(cosines, mean) < tol ? valid.map((_, i) => (i === 0 ? 1 : 0)) : unit(mean);
  for (let step = 0; step < most; step++) {
    const tangent = valid.map(() => 0);
    for (let i = 0; i < valid.length; i++) {
      const self = valid.map((_, j) => (i === j ? 1 : 0));
      const cos = Math.max(-1, Math.min(1, product(cosines, mean, self)));
      const angle = Math.acos(cos);
      if (angle < tol) continue;
      const pull = angle / Math.sin(angle) / valid.length;
      for (let j = 0; j < valid.length; j++) tangent[j] += pull * (self[j] - cos * mean[j]);
    }
    const size = length(cosines, tangent);
    if (size < tol) break;
    mean = unit(mean.map((share, j) => Math.cos(size) * share + (Math.sin(size) * tangent[j]) / size));
  }
  const scale = lengths.reduce((sum, size) => sum + size, 0) / lengths.length;
  return lengths.map((size, a) => (valid.includes(a) ? (scale * mean[valid.indexOf(a)]) / size : 0));
}
