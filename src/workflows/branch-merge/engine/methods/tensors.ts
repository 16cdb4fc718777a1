// What every merge method needs of a tensor job: sizes, who is merged, parameters by type. It merges nothing.
import { TesseraError } from "../../../../base/errors";
import type { Value } from "../recipe/settings";
import type { TensorJob } from "./method";

/** Elements that are worked on at a time: their scratch arrays fit the first cache. */
export const BLOCK = 2048;

export function elementCount({ shape }: TensorJob): number {
  return shape.reduce((count, side) => count * side, 1);
}

/** Elements of a row: of the last dimension; a scalar is a row of one. */
export function rowLength({ shape }: TensorJob): number {
  return shape.at(-1) ?? 1;
}

/** Index of the base. Recipes without one are refused before a tensor is read. */
export function baseOf(job: TensorJob): number {
  if (job.base === undefined) throw new TesseraError("recipe", `This method needs a base_model: ${job.name}`);
  return job.base;
}

/** Indices of the models other than the base, in the recipe's order. */
export function tasksOf(job: TensorJob): number[] {
  return job.values.map((_, i) => i).filter((i) => i !== job.base);
}

/** A numeric parameter; what a recipe leaves out has its default by now. */
export function number(values: Readonly<Record<string, Value>>, name: string): number {
  const value = values[name];
  if (typeof value !== "number")
    throw new TesseraError("recipe", `${name}: a number is expected, got ${value}`);
  return value;
}

export function flag(values: Readonly<Record<string, Value>>, name: string): boolean {
  return values[name] === true;
}

/** The weights of some models. */
export function weightsOf(job: TensorJob, models: readonly number[]): number[] {
  return models.map((i) => number(job.values[i], "weight"));
}

/** What divides a weighted sum. @throws TesseraError `recipe` when the weights cancel. */
export function weightSum(weights: readonly number[], name: string): number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum === 0)
    throw new TesseraError(
      "recipe",
      `The weights sum to 0 and cannot be normalised: ${weights.join(", ")}: ${name}`,
    );
  return sum;
}

/**
 * A function of the elements of all models alone, chunk by chunk. `from` and `to` are indices into the arrays.
 * Blocks keep what `work` reads and writes within the first cache.
 */
export async function* elementwise(
  job: TensorJob,
  work: (models: readonly Float32Array[], out: Float32Array, from: number, to: number) => void,
): AsyncGenerator<Float32Array> {
  for await (const { models } of job.chunks()) {
    const out = new Float32Array(models[0].length);
    for (let from = 0; from < out.length; from += BLOCK)
      work(models, out, from, Math.min(from + BLOCK, out.length));
    yield out;
  }
}

/** out = start + steps, which begin at the block; adding 0 would turn −0 into 0. */
export function addSteps(
  start: Float32Array,
  steps: Float64Array,
  out: Float32Array,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const step = steps[i - from];
    out[i] = step === 0 ? start[i] : start[i] + step;
  }
}

/** out = Σ coefficients · models, summed in float64 and rounded once. Few models are read at once: half the time. */
export function combine(
  models: readonly Float32Array[],
  coefficients: readonly number[],
  out: Float32Array,
  from: number,
  to: number,
): void {
  const [a, b, c, d] = models;
  const [u, v, w, x] = coefficients;
  if (models.length === 1) for (let i = from; i < to; i++) out[i] = u * a[i];
  else if (models.length === 2) for (let i = from; i < to; i++) out[i] = u * a[i] + v * b[i];
  else if (models.length === 3) for (let i = from; i < to; i++) out[i] = u * a[i] + v * b[i] + w * c[i];
  else if (models.length === 4)
    for (let i = from; i < to; i++) out[i] = u * a[i] + v * b[i] + w * c[i] + x * d[i];
  else combineMany(models, coefficients, out, from, to);
}

const sums = new Float64Array(BLOCK);

function combineMany(
  models: readonly Float32Array[],
  coefficients: readonly number[],
  out: Float32Array,
  from: number,
  to: number,
): void {
  for (let start = from; start < to; start += BLOCK) {
    const length = Math.min(BLOCK, to - start);
    sums.fill(0, 0, length);
    for (let k = 0; k < models.length; k++) {
      const model = models[k];
      const weight = coefficients[k];
      for (let i = 0; i < length; i++) sums[i] += weight * model[start + i];
    }
    for (let i = 0; i < length; i++) out[start + i] = sums[i];
  }
}
