// The differences of models to their base, part by part: what task arithmetic and its kin work on. Every part is seen
// once and in order. It merges nothing.
import type { Chunk, TensorJob } from "./method";
import { BLOCK, baseOf, rowLength } from "./tensors";

/** Part of one model's difference. */
export interface Difference {
  values: Float64Array;
  /** Their bits, the lower half of each first. */
  words: Int32Array;
  /** Their magnitudes rounded to float32, and the bits of those: keys that rise with the magnitude. */
  sizes: Float32Array;
  keys: Uint32Array;
  /** Flat index of the first element; how many there are. */
  at: number;
  length: number;
}

/** Elements of a part: a row each, or as many as suit the cache. */
export const partSize = (job: TensorJob, byRow: boolean): number => (byRow ? rowLength(job) : BLOCK);

/** Room for the parts of one model. */
export function makeDifference(size: number): Difference {
  const values = new Float64Array(size);
  const sizes = new Float32Array(size);
  const [words, keys] = [new Int32Array(values.buffer), new Uint32Array(sizes.buffer)];
  return { values, words, sizes, keys, at: 0, length: 0 };
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
  const { values, sizes } = part;
  const x = chunk.models[model];
  const y = chunk.models[base];
  part.at = chunk.at + from;
  part.length = to - from;
  for (let i = from; i < to; i++) {
    const step = x[i] - y[i];
    values[i - from] = step;
    sizes[i - from] = Math.abs(step);
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
      for (let k = 0; k < models.length; k++) {
        subtract(part, chunk, models[k], base, from, Math.min(length, from + size));
        visit(k, part);
      }
  }
}
