// One or more merges for every method, with parameters that matter and data full of equal magnitudes and entries that do
// not move. For tests only.

import { bell } from "./golden-models";
import type { JobSketch } from "./methods-testing";

export interface Sample extends JobSketch {
  title: string;
}

const SHAPE = [12, 37] as const;

/** Models around one base, the base first. All numbers are exact, differences multiples of 2^-10: many are equal. */
export function sampleModels(tasks: number, shape: readonly number[] = SHAPE, spread = 0.02): Float32Array[] {
  const count = shape.reduce((all, side) => all * side, 1);
  const base = Float32Array.from(bell(count, 1), (x) => Math.round(x * 0.05 * 2 ** 20) / 2 ** 20);
  const moved = Array.from({ length: tasks }, (_, k) => {
    const steps = bell(count, 100 + k);
    return base.map((x, i) => x + Math.round(steps[i] * spread * 1024) / 1024);
  });
  return [base, ...moved];
}

const models = sampleModels(3);
const three: readonly Record<string, number>[] = [{}, { weight: 0.6 }, { weight: 0.5 }, { weight: 0.3 }];
const sparse = (more: Record<string, number> = {}): readonly Record<string, number>[] => [
  {},
  { weight: 0.6, density: 0.5, ...more },
  { weight: -0.4, density: 0.29, ...more },
  { weight: 0.7, density: 0.8, ...more },
];
const onBase = { models, shape: SHAPE, base: 0 };
const pair = { models: models.slice(0, 2), shape: SHAPE, base: 0 };

export const SAMPLES: readonly Sample[] = [
  { title: "linear", method: "linear", models, shape: SHAPE, values: [{ weight: 0.1 }, ...three.slice(1)] },
  {
    title: "linear of five",
    method: "linear",
    models: sampleModels(4),
    shape: SHAPE,
    shared: { normalize: false },
    values: [0.1, -0.2, 0.7, 0.3, 0.4].map((weight) => ({ weight })),
  },
  { title: "passthrough", method: "passthrough", models: [models[1]], shape: SHAPE },
  {
    title: "passthrough scaled",
    method: "passthrough",
    models: [models[1]],
    shape: SHAPE,
    values: [{ scale: 0.3 }],
  },
  { title: "nearswap", method: "nearswap", ...pair, shared: { t: 0.004 } },
  { title: "slerp", method: "slerp", ...pair, shared: { t: 0.3 } },
  {
    title: "slerp of siblings",
    method: "slerp",
    models: sampleModels(1, SHAPE, 0.0005),
    shape: SHAPE,
    base: 0,
    shared: { t: 0.3 },
  },
  {
    title: "nuslerp",
    method: "nuslerp",
    models: models.slice(1, 3),
    shape: SHAPE,
    values: three.slice(1, 3),
  },
  {
    title: "nuslerp by row on a base",
    method: "nuslerp",
    ...onBase,
    models: models.slice(0, 3),
    shared: { nuslerp_flatten: false },
    values: three.slice(0, 3),
  },
  {
    title: "nuslerp by column",
    method: "nuslerp",
    models: models.slice(1, 3),
    shape: SHAPE,
    shared: { nuslerp_flatten: false, nuslerp_row_wise: true },
    values: three.slice(1, 3),
  },
  {
    title: "nuslerp by column on a base",
    method: "nuslerp",
    ...onBase,
    models: models.slice(0, 3),
    shared: { nuslerp_flatten: false, nuslerp_row_wise: true },
    values: three.slice(0, 3),
  },
  {
    title: "multislerp",
    method: "multislerp",
    models: models.slice(1),
    shape: SHAPE,
    values: three.slice(1),
  },
  {
    title: "multislerp on a base",
    method: "multislerp",
    ...onBase,
    shared: { normalize_weights: false },
    values: three,
  },
  { title: "karcher", method: "karcher", models, shape: SHAPE, shared: { tol: 1e-9 } },
  { title: "karcher cut short", method: "karcher", models, shape: SHAPE, shared: { max_iter: 1 } },
  { title: "model_stock", method: "model_stock", ...onBase },
  { title: "model_stock by row", method: "model_stock", ...onBase, shared: { filter_wise: true } },
  { title: "task_arithmetic", method: "task_arithmetic", ...onBase, shared: { lambda: 0.8 }, values: three },
  {
    title: "task_arithmetic normalised",
    method: "task_arithmetic",
    ...onBase,
    shared: { normalize: true },
    values: three,
  },
  { title: "ties", method: "ties", ...onBase, values: sparse() },
  {
    title: "ties with votes that are even",
    method: "ties",
    ...onBase,
    models: models.slice(0, 3),
    values: [{}, { weight: 0.5, density: 0.9 }, { weight: 0.5, density: 0.6 }],
  },
  {
    title: "ties rescaled",
    method: "ties",
    ...onBase,
    shared: { normalize: false, rescale: true, lambda: 1.3 },
    values: sparse(),
  },
  { title: "breadcrumbs", method: "breadcrumbs", ...onBase, values: sparse({ gamma: 0.1 }) },
  {
    title: "breadcrumbs that cannot keep so many",
    method: "breadcrumbs",
    ...onBase,
    shared: { rescale: true },
    values: sparse({ gamma: 0.3 }),
  },
  { title: "breadcrumbs_ties", method: "breadcrumbs_ties", ...onBase, values: sparse({ gamma: 0.05 }) },
  { title: "sce", method: "sce", ...onBase },
  { title: "sce of some", method: "sce", ...onBase, shared: { select_topk: 0.3 } },
  { title: "ram", method: "ram", ...onBase, shared: { epsilon: 0.01 } },
  { title: "ramplus_tl", method: "ramplus_tl", ...onBase, shared: { epsilon: 0.01, r: 0.3, alpha: 1.5 } },
  { title: "arcee_fusion", method: "arcee_fusion", ...pair },
  { title: "arcee_fusion, tensor", method: "arcee_fusion", ...pair, shared: { per_row: false, lambda: 0.8 } },
  { title: "arcee_fusion, difference", method: "arcee_fusion", ...pair, shared: { divergence: false } },
  { title: "arcee_fusion, changed", method: "arcee_fusion", ...pair, shared: { changed_only: true } },
  ...["dare_linear", "dare_ties", "della_linear", "della"].map((method) => ({
    title: method,
    method,
    ...onBase,
    values: sparse(method.startsWith("della") ? { epsilon: 0.1 } : {}),
  })),
];
