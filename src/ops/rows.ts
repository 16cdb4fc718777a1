// Helpers of ops that work on rows of the last axis: shape rule, the two variants of a kernel on lib/rows, references.
import { TesseraError } from "../base/errors";
import type { KernelSource, LinkOptions } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Uniforms } from "../gpu/reflect";
import type { Variant } from "../gpu/work";
import { sizeOf } from "../tensor/shape";
import { formatSpec, type TensorSpec } from "../tensor/tensor";
import { expectFloat, type RefArray } from "./op";
import { arithmetic } from "./width";

/** A workgroup for each row, or an invocation for each row: fast on GPUs, and where barriers are dear. */
export const ROW_VARIANTS = ["group", "thread"] as const;

const LANES = 64;

/** A tensor seen as `rows` rows of `n` values along its last axis. */
export function rowsOf(x: TensorSpec): { rows: number; n: number } {
  const n = x.shape.at(-1) ?? 1;
  return { rows: n === 0 ? 0 : sizeOf(x.shape) / n, n };
}

/** Power-of-two class of a length: sizes of one class share a tuned kernel. */
export const lengthClass = (n: number): number => (n <= 1 ? n : 2 ** Math.ceil(Math.log2(n)));

/** Shape class of row kernels. Rows that can be read by fours have classes of their own. */
export function rowClass(x: TensorSpec): string {
  const { rows, n } = rowsOf(x);
  return `${x.dtype} ${lengthClass(rows)}x${lengthClass(n)}${n % 4 === 0 ? " by 4" : ""}`;
}

/** How many values a kernel reads at a time: four where rows are a multiple of four long, or always one. */
export type Reads = "by four" | "single";

/** Types and constants of lib/rows for rows of x; `n` is the length of a row in elements of E. */
export function rowTypes(x: TensorSpec, reads: Reads = "by four"): LinkOptions & { n: number } {
  const { n } = rowsOf(x);
  const wide = reads === "by four" && n % 4 === 0;
  return {
    types: { ...arithmetic(x.dtype, wide), E: wide ? "vec4<T>" : "T" },
    constants: { WIDTH: wide ? 4 : 1 },
    n: wide ? n / 4 : n,
  };
}

/** The variants of a kernel that imports lib/rows; its Params have `rows` and `n` besides `uniforms`. */
export function rowVariants(
  source: KernelSource,
  x: TensorSpec,
  uniforms: Uniforms = {},
  reads: Reads = "by four",
): Variant[] {
  const { rows } = rowsOf(x);
  const { types, constants, n } = rowTypes(x, reads);
  const variant = (wide: boolean): Variant => ({
    name: ROW_VARIANTS[wide ? 0 : 1],
    kernel: kernel(source, { types, constants: { ...constants, WIDE: wide ? 1 : 0 } }),
    groups: wide ? rows : Math.ceil(rows / LANES),
    uniforms: { rows, n, ...uniforms },
  });
  return [variant(true), variant(false)];
}

/** @throws TesseraError unless x is a float tensor with at least one axis. */
export function expectRowsOf(x: TensorSpec, what: string): void {
  expectFloat(x, what);
  if (x.shape.length === 0)
    throw new TesseraError("shape", `${what} needs at least 1 axis, got ${formatSpec(x)}`);
}

/** @throws TesseraError `shape` unless a kept value is f32 of this shape. */
export function expectKept(what: string, spec: TensorSpec, shape: readonly number[]): void {
  const wanted: TensorSpec = { shape, dtype: "f32" };
  if (formatSpec(spec) !== formatSpec(wanted))
    throw new TesseraError("shape", `${what} must be ${formatSpec(wanted)}, got ${formatSpec(spec)}`);
}

/** Reference helper: every row of the last axis through `map`, which also gets the position of the row's first value. */
export function mapRows(x: RefArray, map: (row: number[], start: number) => number[]): RefArray {
  const n = x.shape.at(-1) ?? 1;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += n)
    data.set(map([...x.data.subarray(start, start + n)], start), start);
  return { shape: x.shape, data };
}
