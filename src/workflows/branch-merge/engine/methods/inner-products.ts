// Merges whose result is a linear combination of the models with coefficients that follow from their inner products:
// of whole tensors, of rows or of columns. It knows no method; sums are float64, element by element in order.
import type { TensorJob } from "./method";
import { BLOCK, combine, elementCount, rowLength } from "./tensors";

export interface Span {
  /** Models that are combined. */
  vectors: readonly number[];
  /** A model that all others are seen from: then differences are combined and added to it. */
  origin?: number;
  /** What one vector is. A column runs along the first dimension. */
  group: "tensor" | "row" | "column";
}

/** From the inner products, N × N, to a coefficient for each of the N vectors. */
export type Coefficients = (products: Float64Array) => readonly number[];

export function mergeByProducts(
  job: TensorJob,
  span: Span,
  coefficients: Coefficients,
): AsyncGenerator<Float32Array> {
  if (span.group === "row") return mergeRows(job, span, coefficients);
  if (span.group === "column" && job.shape.length > 1) return mergeColumns(job, span, coefficients);
  return mergeWhole(job, span, coefficients);
}

async function* mergeWhole(
  job: TensorJob,
  span: Span,
  coefficients: Coefficients,
): AsyncGenerator<Float32Array> {
  const products = new Float64Array(span.vectors.length ** 2);
  for await (const { models } of job.chunks()) addProducts(models, span, 0, models[0].length, products);
  const shares = withOrigin(coefficients(mirrored(products)), span);
  for await (const { models } of job.chunks()) {
    const out = new Float32Array(models[0].length);
    combine(chosen(models, span), shares, out, 0, out.length);
    yield out;
  }
}

async function* mergeRows(
  job: TensorJob,
  span: Span,
  coefficients: Coefficients,
): AsyncGenerator<Float32Array> {
  const length = rowLength(job);
  const products = new Float64Array(span.vectors.length ** 2);
  for await (const { models } of job.chunks({ rows: true })) {
    const out = new Float32Array(models[0].length);
    const parts = chosen(models, span);
    for (let from = 0; from < out.length; from += length) {
      addProducts(models, span, from, from + length, products.fill(0));
      combine(parts, withOrigin(coefficients(mirrored(products)), span), out, from, from + length);
    }
    yield out;
  }
}

async function* mergeColumns(
  job: TensorJob,
  span: Span,
  coefficients: Coefficients,
): AsyncGenerator<Float32Array> {
  const size = span.vectors.length;
  const columns = elementCount(job) / job.shape[0];
  const products = Array.from({ length: size ** 2 }, () => new Float64Array(columns));
  for await (const { at, models } of job.chunks())
    for (const { from, to, column } of stretches(at, models[0].length, columns))
      for (let a = 0; a < size; a++)
        for (let b = a; b < size; b++) {
          const [x, y] = [models[span.vectors[a]], models[span.vectors[b]]];
          const origin = span.origin === undefined ? undefined : models[span.origin];
          addColumnProducts(x, y, origin, from, to, products[a * size + b], column);
        }
  const parts = size + (span.origin === undefined ? 0 : 1);
  const shares = Array.from({ length: parts }, () => new Float64Array(columns));
  for (let column = 0; column < columns; column++) {
    const all = mirrored(Float64Array.from(products, (one) => one[column]));
    for (const [k, share] of withOrigin(coefficients(all), span).entries()) shares[k][column] = share;
  }
  for await (const { at, models } of job.chunks()) {
    const sums = new Float64Array(models[0].length);
    for (const [k, model] of chosen(models, span).entries())
      for (const { from, to, column } of stretches(at, model.length, columns)) {
        const share = shares[k];
        for (let i = from; i < to; i++) sums[i] += share[column + i - from] * model[i];
      }
    yield Float32Array.from(sums);
  }
}

/** Elements of a chunk at flat index `at` that follow each other through the columns. */
function* stretches(
  at: number,
  length: number,
  columns: number,
): Generator<{ from: number; to: number; column: number }> {
  for (let from = 0; from < length; ) {
    const column = (at + from) % columns;
    const to = Math.min(length, from + columns - column);
    yield { from, to, column };
    from = to;
  }
}

function addColumnProducts(
  x: Float32Array,
  y: Float32Array,
  origin: Float32Array | undefined,
  from: number,
  to: number,
  sums: Float64Array,
  column: number,
): void {
  const shift = column - from;
  if (!origin) for (let i = from; i < to; i++) sums[shift + i] += x[i] * y[i];
  else for (let i = from; i < to; i++) sums[shift + i] += (x[i] - origin[i]) * (y[i] - origin[i]);
}

function chosen(models: readonly Float32Array[], { vectors, origin }: Span): Float32Array[] {
  return (origin === undefined ? vectors : [...vectors, origin]).map((i) => models[i]);
}

/** θ0 + Σ c (θ − θ0) as a sum over the models and the origin. */
function withOrigin(shares: readonly number[], { origin }: Span): readonly number[] {
  return origin === undefined ? shares : [...shares, 1 - shares.reduce((sum, share) => sum + share, 0)];
}

const scratch: Float64Array[] = [];

/** Adds the products of elements [from, to) to the upper triangle. */
function addProducts(
  models: readonly Float32Array[],
  { vectors, origin }: Span,
  from: number,
  to: number,
  products: Float64Array,
): void {
  const size = vectors.length;
  if (size === 2 && origin === undefined) {
    addPair(models[vectors[0]], models[vectors[1]], from, to, products);
    return;
  }
  while (scratch.length < size) scratch.push(new Float64Array(BLOCK));
  for (let start = from; start < to; start += BLOCK) {
    const length = Math.min(BLOCK, to - start);
    for (let k = 0; k < size; k++) {
      const model = models[vectors[k]];
      const part = scratch[k];
      if (origin === undefined) for (let i = 0; i < length; i++) part[i] = model[start + i];
      else {
        const base = models[origin];
        for (let i = 0; i < length; i++) part[i] = model[start + i] - base[start + i];
      }
    }
    for (let a = 0; a < size; a++)
      for (let b = a; b < size; b++)
        products[a * size + b] = addProduct(scratch[a], scratch[b], length, products[a * size + b]);
  }
}

/** All three of two models in one loop, for slerp. */
function addPair(x: Float32Array, y: Float32Array, from: number, to: number, products: Float64Array): void {
  let [xx, xy, , yy] = products;
  for (let i = from; i < to; i++) {
    const a = x[i];
    const b = y[i];
    xx += a * a;
    xy += a * b;
    yy += b * b;
  }
  products[0] = xx;
  products[1] = xy;
  products[3] = yy;
}

function addProduct(a: Float64Array, b: Float64Array, length: number, start: number): number {
  let sum = start;
  for (let i = 0; i < length; i++) sum += a[i] * b[i];
  return sum;
}

function mirrored(products: Float64Array): Float64Array {
  const size = Math.sqrt(products.length);
  for (let a = 1; a < size; a++) for (let b = 0; b < a; b++) products[a * size + b] = products[b * size + a];
  return products;
}
