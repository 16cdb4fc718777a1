// Shared by the layout ops: plans one strided copy (axes merged, four values at a time where possible). Defines no op.

import fillText from "../../shaders/ops/fill.wgsl?raw";
import copyText from "../../shaders/ops/strided_copy.wgsl?raw";
import { assert, TesseraError } from "../base/errors";
import { f32ToF16 } from "../base/half";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Variant } from "../gpu/work";
import { sizeOf, stridesOf } from "../tensor/shape";
import { type DType, formatSpec, type TensorSpec } from "../tensor/tensor";
import type { Bound } from "./op";

/** One axis of a copy: its length and what a step along it means in x and in y, in elements. */
export interface CopyAxis {
  n: number;
  src: number;
  dst: number;
}
export interface CopyPlan {
  axes: readonly CopyAxis[];
  srcBase: number;
  dstBase: number;
}

const copy: KernelSource = { file: "ops/strided_copy.wgsl", text: copyText };
const fill: KernelSource = { file: "ops/fill.wgsl", text: fillText };
const LANES = 64;
const MAX_AXES = 8;

/** Bits of any 4-byte type travel as u32, so that NaN payloads and integers stay what they are. */
export const bitsType = (dtype: DType): string => (dtype === "f16" ? "f16" : "u32");

/** Four elements as one value. */
export const wideBitsType = (dtype: DType): string => (dtype === "f16" ? "vec2<u32>" : "vec4<u32>");

/** @throws TesseraError `dtype` for bf16, whose elements share words. */
export function expectMovable(spec: TensorSpec, what: string): void {
  if (spec.dtype === "bf16")
    throw new TesseraError(
      "dtype",
      `${what} must be f32, f16, i32 or u32, got ${formatSpec(spec)}; cast it first`,
    );
}

/** @throws TesseraError `arguments` unless `values` has one integer per axis. */
export function expectPerAxis(values: readonly number[], rank: number, what: string): void {
  if (values.length !== rank || !values.every(Number.isInteger)) {
    throw new TesseraError(
      "arguments",
      `${what} needs ${rank} integers, one per axis, got [${values.join(", ")}]`,
    );
  }
}

/** Drops axes of length 1 and merges neighbours that are contiguous on both sides. */
export function mergeAxes(axes: readonly CopyAxis[]): CopyAxis[] {
  const merged: CopyAxis[] = [];
  for (const axis of axes) {
    if (axis.n === 1) continue;
    const last = merged.at(-1);
    if (last && last.src === axis.n * axis.src && last.dst === axis.n * axis.dst) {
      merged[merged.length - 1] = { n: last.n * axis.n, src: axis.src, dst: axis.dst };
    } else {
      merged.push(axis);
    }
  }
  return merged;
}

/** The dispatch that performs a copy. @throws TesseraError `shape` beyond 8 axes that cannot be merged. */
export function copyVariant(plan: CopyPlan, dtype: DType, what: string): Variant {
  let axes = mergeAxes(plan.axes);
  let { srcBase, dstBase } = plan;
  let type = bitsType(dtype);
  if (axes.length > MAX_AXES)
    throw new TesseraError(
      "shape",
      `${what}: more than ${MAX_AXES} axes that cannot be merged; reshape first`,
    );
  const last = axes.at(-1);
  const others = axes.slice(0, -1);
  const wide =
    last?.src === 1 &&
    last.dst === 1 &&
    last.n % 4 === 0 &&
    srcBase % 4 === 0 &&
    dstBase % 4 === 0 &&
    others.every((a) => a.src % 4 === 0 && a.dst % 4 === 0);
  if (wide) {
    axes = [
      ...others.map((a) => ({ n: a.n, src: a.src / 4, dst: a.dst / 4 })),
      { n: last.n / 4, src: 1, dst: 1 },
    ];
    [srcBase, dstBase] = [srcBase / 4, dstBase / 4];
    type = wideBitsType(dtype);
  }
  const count = axes.reduce((product, a) => product * a.n, 1);
  assert(count < 2 ** 31, "a copy of 2^31 elements or more was not split");
  const pad = (pick: (axis: CopyAxis) => number): number[] =>
    Array.from({ length: MAX_AXES }, (_, i) => (axes[i] ? pick(axes[i]) : 0));
  return {
    name: "strided",
    kernel: kernel(copy, { types: { T: type } }),
    groups: Math.ceil(count / LANES),
    uniforms: {
      shape: pad((a) => a.n),
      src: pad((a) => a.src),
      dst: pad((a) => a.dst),
      count,
      rank: axes.length,
      src_base: srcBase,
      dst_base: dstBase,
    },
  };
}

/** The dispatch that writes one value everywhere. f16 is written two at a time; the spare half is in the padding. */
export function fillVariant(y: TensorSpec, value: number): Variant {
  const view = new DataView(new ArrayBuffer(4));
  if (y.dtype === "f32") view.setFloat32(0, value, true);
  else if (y.dtype === "f16") view.setUint32(0, f32ToF16(value) * 0x10001, true);
  else if (y.dtype === "i32") view.setInt32(0, value, true);
  else view.setUint32(0, value, true);
  const count = y.dtype === "f16" ? Math.ceil(sizeOf(y.shape) / 2) : sizeOf(y.shape);
  return {
    name: "fill",
    kernel: kernel(fill),
    groups: Math.ceil(count / LANES),
    uniforms: { count, bits: view.getUint32(0, true) },
  };
}

/** The same copy on the CPU: the plain reference of every layout op. */
export function copyReference(plan: CopyPlan, x: Float64Array, y: Float64Array): void {
  const walk = (axis: number, from: number, to: number): void => {
    if (axis === plan.axes.length) {
      y[to] = x[from];
      return;
    }
    const { n, src, dst } = plan.axes[axis];
    for (let i = 0; i < n; i++) walk(axis + 1, from + i * src, to + i * dst);
  };
  walk(0, plan.srcBase, plan.dstBase);
}

/** Where the values of a slice lie in a tensor of `shape`. */
export interface PlaceAttrs {
  shape: readonly number[];
  start: readonly number[];
  step: readonly number[];
}
/** A copy between a dense part and the elements start + i·step of a whole; `whole` says on which side the latter is. */
export function planPlace(
  part: readonly number[],
  { shape, start, step }: PlaceAttrs,
  whole: "src" | "dst",
): CopyPlan {
  const strides = stridesOf(shape);
  const dense = stridesOf(part);
  const base = sizeOf(part) === 0 ? 0 : start.reduce((sum, s, i) => sum + s * strides[i], 0);
  const axes = part.map((n, i) => {
    const far = strides[i] * step[i];
    return whole === "src" ? { n, src: far, dst: dense[i] } : { n, src: dense[i], dst: far };
  });
  return whole === "src" ? { axes, srcBase: base, dstBase: 0 } : { axes, srcBase: 0, dstBase: base };
}

const EXACT: Bound = { rel: 0, scaled: 0, why: "bits are moved" };

/** Error bounds of every op that only moves values. */
export const MOVED = {
  f32: EXACT,
  f16: EXACT,
  gradient: {
    rel: 1e-9,
    scaled: 1e-9,
    why: "the finite difference of a linear map leaves float64 rounding / 1e-3",
  },
};
