// The differences of models to their base, part by part: what task arithmetic and its kin work on. Every part is seen
// once and in order. It merges nothing.
import type { Chunk, TensorJob } from "./method";
import { BLOCK, baseOf, rowLength } from "./tensors";

/** Part of one model's difference. */
export interface Difference {
  values: Float64Array;
  /** The bits of the values rounded to float32: what magnitudes are compared by. */
  words: Uint32Array;
  rounded: Float32Array;
  /** Flat index of the first element; how many there are. */
  at: number;
  length: number;
}

export const MAGNITUDE = 0x7fffffff;

/** Elements of a part: a row each, or as many as suit the cache. */
export const partSize = (job: TensorJob, byRow: boolean): number => (byRow ? rowLength(job) : BLOCK);

/** Room for the parts of one model. */
export function makeDifference(size: number): Difference {
  const rounded = new Float32Array(size);
  return {
    values: new Float64Array(size),
    rounded,
    words: new Uint32Array(rounded.buffer),
    at: 0,
    length: 0,
  };
}

/** Fills a part with the difference of elements [from, to) of a chunk. */
export function subtract(
  part: Difference,
  chunk: Chunk,
  model: number,
  base: number,
  from: number,
  to: number,
): void {
  const { values, rounded } = part;
  const x = chunk.models[model];
  const y = chunk.models[base];
  part.at = chunk.at + from;
  part.length = to - from;
  for (let i = from; i < to; i++) {
    const step = x[i] - y[i];
    values[i - from] = step;
    rounded[i - from] = step;
  }
}

/** One pass over the differences of some models. `model` counts in `models`. */
export async function eachDifference(
  job: TensorJob,
  models: readonly number[],
  byRow: boolean,
  visit: (model: number, part: Difference) => void,
): Promise<void> {
  const base = baseOf(job);
  const size = partSize(job, byRow);
  const part = makeDifference(size);
  for await (const chunk of job.chunks({ rows: byRow })) {
    const { length } = chunk.models[base];
    for (let from = 0; from < length; from += size)
      for (const [k, model] of models.entries()) {
        subtract(part, chunk, model, base, from, Math.min(length, from + size));
        visit(k, part);
      }
  }
}
