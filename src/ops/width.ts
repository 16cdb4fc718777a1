// How many values an invocation of an elementwise kernel computes: four where the count is a multiple of four.
import { sizeOf } from "../tensor/shape";
import type { DType, TensorSpec } from "../tensor/tensor";

/** Types for lib/width and for a kernel whose operands are stored as `E`; `count` is the number of invocations. */
export function widthOf(x: TensorSpec): { count: number; types: Record<string, string> } {
  const size = sizeOf(x.shape);
  const wide = size % 4 === 0;
  return {
    count: wide ? size / 4 : size,
    types: { ...arithmetic(x.dtype, wide), E: wide ? "vec4<T>" : "T" },
  };
}

/** Element type and the types of lib/width. */
export const arithmetic = (dtype: DType, wide: boolean): Record<string, string> => ({
  T: dtype,
  V: wide ? "vec4f" : "f32",
  W: wide ? "vec4u" : "u32",
});
