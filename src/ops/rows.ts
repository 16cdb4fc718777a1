// Helpers of ops that work on rows of the last axis.
import { sizeOf } from "../tensor/shape";
import type { TensorSpec } from "../tensor/tensor";

/** A tensor seen as `rows` rows of `n` values along its last axis. */
export function rowsOf(x: TensorSpec): { rows: number; n: number } {
  const n = x.shape.at(-1) ?? 1;
  return { rows: n === 0 ? 0 : sizeOf(x.shape) / n, n };
}

/** Power-of-two class of a length: sizes of one class share a tuned kernel. */
export const lengthClass = (n: number): number => (n <= 1 ? n : 2 ** Math.ceil(Math.log2(n)));
