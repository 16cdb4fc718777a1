// Jobs for the tests of merge methods: tensors in memory, cut into chunks of any size. For tests only.
import { findMethod } from "./engine/methods/index";
import type { Chunk, Mode, TensorJob } from "./engine/methods/method";
import type { Value } from "./engine/recipe/settings";

export interface JobSketch {
  method: string;
  models: readonly Float32Array[];
  shape?: readonly number[];
  base?: number;
  shared?: Record<string, Value>;
  /** For each model, in order; missing ones have the defaults alone. */
  values?: readonly Partial<Record<string, Value>>[];
  mode?: Mode;
  seed?: number;
  name?: string;
  /** Elements of a chunk; rows are kept whole where a method asks for it. */
  chunk?: number;
}

/** Parameters that the sketch leaves out have their defaults. */
export function sketchJob(sketch: JobSketch): TensorJob {
  const { method, models, shape = [models[0].length], base, mode = "exact", seed = 1, name = "w" } = sketch;
  const parameters = Object.entries(findMethod(method).parameters);
  const defaults = (isShared: boolean): Record<string, Value> =>
    Object.fromEntries(
      parameters
        .filter(([, { scope, default: value }]) => (scope === "shared") === isShared && value !== undefined)
        .map(([id, { default: value }]) => [id, value!]),
    );
  const job: Omit<TensorJob, "chunks"> = {
    name,
    shape,
    base,
    shared: { ...defaults(true), ...sketch.shared },
    values: models.map((_, i) => ({ ...defaults(false), ...(sketch.values?.[i] as Record<string, Value>) })),
    seed,
    mode,
  };
  return { ...job, chunks: (options) => cut(models, shape, sketch.chunk ?? models[0].length, options?.rows) };
}

export async function* cut(
  models: readonly Float32Array[],
  shape: readonly number[],
  size: number,
  rows = false,
): AsyncGenerator<Chunk> {
  const row = shape.at(-1) ?? 1;
  const step = Math.max(1, rows ? Math.max(1, Math.floor(size / row)) * row : size);
  for (let at = 0; at < models[0].length; at += step)
    yield { at, models: models.map((model) => model.slice(at, at + step)) };
}

/** The merged tensor as a whole. */
export async function mergeAll(job: TensorJob, method: string): Promise<Float32Array> {
  const count = job.shape.reduce((all, side) => all * side, 1);
  const out = new Float32Array(count);
  let at = 0;
  for await (const part of findMethod(method).merge(job)) {
    out.set(part, at);
    at += part.length;
  }
  if (at !== count) throw new Error(`${method}: ${at} of ${count} elements came`);
  return out;
}

export const mergeSketch = (sketch: JobSketch): Promise<Float32Array> =>
  mergeAll(sketchJob(sketch), sketch.method);
