// The grid of an elementwise kernel: four values at a time where the count is a multiple of four, and several times per
// invocation in large grids. On software adapters starting an invocation costs more than the arithmetic in it: each
// fourfold step made an addition two to four times as fast there.
import { sizeOf } from "../tensor/shape";
import type { DType, TensorSpec } from "../tensor/tensor";

const LANES = 64;
/** Workgroups that fill a large device; only more than these are folded. */
const BUSY_GROUPS = 1024;
const MAX_REPEAT = 4;

/** Workgroups and uniforms of `count` values (or fours of values). */
export function gridOf(count: number): { groups: number; uniforms: { count: number; repeat: number } } {
  const groups = Math.ceil(count / LANES);
  const repeat = Math.min(MAX_REPEAT, Math.max(1, Math.floor(groups / BUSY_GROUPS)));
  return { groups: Math.ceil(groups / repeat), uniforms: { count, repeat } };
}

/** Types for lib/width and for a kernel whose operands are stored as `E`; `count` is in values or in fours. */
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
