// What a merge method is: a record with its parameters, and a merge of one tensor chunk by chunk. It reads no file.
import type { MethodParameter, Value } from "../recipe/settings";

/** `mergekit` repeats mergekit 0.1.5, its traps included; `exact` is the published formula with the traps mended. */
export type Mode = "exact" | "mergekit";

/** Part of one tensor: the same elements of every model, at flat index `at`. */
export interface Chunk {
  at: number;
  /** In the order of `TensorJob.values`; each of the same length. A method does not write into them. */
  models: readonly Float32Array[];
}

/** One tensor to merge. */
export interface TensorJob {
  /** Name in the output; seeds random methods. */
  name: string;
  shape: readonly number[];
  /** Which of the models is the base; undefined without one. */
  base: number | undefined;
  /** Parameters that hold for the whole tensor. */
  shared: Readonly<Record<string, Value>>;
  /** Parameters of each model, in the recipe's order. */
  values: readonly Readonly<Record<string, Value>>[];
  seed: number;
  mode: Mode;
  /**
   * Every chunk in order, from the start at each call. Its arrays hold until the next chunk is asked for. `rows`: chunks hold
   * whole rows of the last dimension.
   */
  chunks(options?: { rows?: boolean }): AsyncIterable<Chunk>;
}

export interface MergeMethod {
  /** As `merge_method` in a recipe. */
  id: string;
  title: string;
  /** The formula, one line of plain text, and where it is published. */
  formula: string;
  source: string;
  parameters: Readonly<Record<string, MethodParameter>>;
  base: "required" | "optional" | "none";
  /** How many models besides the base, [least, most]; all of them where `base` is `none`. */
  models: readonly [number, number];
  /** Yields the merged tensor from its start to its end, in chunks of any size. The result does not depend on it. */
  merge(job: TensorJob): AsyncIterable<Float32Array>;
}
