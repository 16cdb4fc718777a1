// Reorders the axes of a tensor (transpose is the two-axis case). It moves bits and computes nothing.
import tileText from "../../shaders/ops/transpose_tile.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Variant } from "../gpu/work";
import { formatShape, resolveAxis, stridesOf } from "../tensor/shape";
import { type DType, formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { defineOp, type RefArray } from "./op";
import { bitsType, type CopyPlan, copyVariant, expectMovable, mergeAxes } from "./strided";

const tile: KernelSource = { file: "ops/transpose_tile.wgsl", text: tileText };
const SIDE = 32;

export interface PermuteAttrs {
  /** Axis i of the result is axis `axes[i]` of x. */
  axes: readonly number[];
}

function checkAxes(x: TensorSpec, axes: readonly number[]): void {
  const rank = x.shape.length;
  const seen = new Set(axes.map((axis) => (Number.isInteger(axis) && axis >= 0 && axis < rank ? axis : -1)));
  if (axes.length !== rank || seen.size !== rank || seen.has(-1)) {
    throw new TesseraError(
      "arguments",
      `permute: axes must name each of the ${rank} axes of ${formatSpec(x)} once, got [${axes.join(", ")}]`,
    );
  }
}

function plan(shape: readonly number[], axes: readonly number[]): CopyPlan {
  const src = stridesOf(shape);
  const outShape = axes.map((axis) => shape[axis]);
  const dst = stridesOf(outShape);
  return {
    axes: axes.map((axis, i) => ({ n: shape[axis], src: src[axis], dst: dst[i] })),
    srcBase: 0,
    dstBase: 0,
  };
}

/** Tiles fit when one axis is contiguous in x, another in y, and at most 4 axes are left over. */
function tileVariant(copy: CopyPlan, dtype: DType): Variant | undefined {
  const axes = mergeAxes(copy.axes);
  const outer = axes.find((a) => a.dst === 1);
  const inner = axes.find((a) => a.src === 1);
  const rest = axes.filter((a) => a !== outer && a !== inner);
  if (!outer || !inner || outer === inner || rest.length > 4 || Math.min(outer.n, inner.n) < 4)
    return undefined;
  const four = (values: number[], filler: number): number[] =>
    Array.from({ length: 4 }, (_, i) => values[i] ?? filler);
  const batch = rest.reduce((product, a) => product * a.n, 1);
  return {
    name: "tiled",
    kernel: kernel(tile, { types: { T: bitsType(dtype) } }),
    groups: Math.ceil(outer.n / SIDE) * Math.ceil(inner.n / SIDE) * batch,
    uniforms: {
      shape: four(
        rest.map((a) => a.n),
        1,
      ),
      src: four(
        rest.map((a) => a.src),
        0,
      ),
      dst: four(
        rest.map((a) => a.dst),
        0,
      ),
      outer: outer.n,
      inner: inner.n,
      src_outer: outer.src,
      dst_inner: inner.dst,
    },
  };
}

export const permuteOp = defineOp<PermuteAttrs>({
  name: "permute",
  summary: "y[c₀, c₁, …] = x with axis i of y being axis axes[i] of x",
  inputs: ["x"],
  variants: ["strided", "tiled"],
  infer([x], { axes }) {
    expectMovable(x, "permute: x");
    checkAxes(x, axes);
    return [{ shape: axes.map((axis) => x.shape[axis]), dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], attrs, dispatch }) {
    if (x.size === 0) return;
    const copy = plan(x.shape, attrs.axes);
    const tiled = tileVariant(copy, x.dtype);
    const strided = copyVariant(copy, x.dtype, "permute");
    dispatch({
      variants: tiled ? [strided, tiled] : [strided],
      bindings: [x, y],
      work: x.size * 8,
      shapeClass: `${x.dtype} ${mergeAxes(copy.axes).length} ${Math.ceil(Math.log2(x.size + 1))}`,
    });
  },
  vjp: ([dy], { attrs: { axes } }) => [
    dy &&
      permute(
        dy,
        axes.map((_, i) => axes.indexOf(i)),
      ),
  ],
  reference: ([x], { axes }): RefArray[] => {
    const shape = axes.map((axis) => x.shape[axis]);
    const from = stridesOf(x.shape);
    const to = stridesOf(shape);
    const data = Float64Array.from(
      { length: x.data.length },
      (_, i) =>
        x.data[axes.reduce((sum, axis, k) => sum + (Math.floor(i / to[k]) % shape[k]) * from[axis], 0)],
    );
    return [{ shape, data }];
  },
  samples: [
    { name: "matrix", inputs: [{ shape: [5, 7] }], attrs: { axes: [1, 0] } },
    { name: "large matrix", inputs: [{ shape: [131, 257] }], attrs: { axes: [1, 0] } },
    { name: "whole tiles", inputs: [{ shape: [64, 96] }], attrs: { axes: [1, 0] } },
    { name: "heads", inputs: [{ shape: [2, 9, 3, 8] }], attrs: { axes: [0, 2, 1, 3] } },
    { name: "reversed", inputs: [{ shape: [3, 4, 5, 6] }], attrs: { axes: [3, 2, 1, 0] } },
    { name: "rotated", inputs: [{ shape: [6, 35, 34] }], attrs: { axes: [2, 0, 1] } },
    {
      name: "eight axes",
      inputs: [{ shape: [2, 3, 2, 2, 3, 2, 2, 2] }],
      attrs: { axes: [7, 6, 5, 4, 3, 2, 1, 0] },
    },
    { name: "identity", inputs: [{ shape: [4, 5] }], attrs: { axes: [0, 1] } },
    { name: "scalar", inputs: [{ shape: [] }], attrs: { axes: [] } },
    { name: "empty", inputs: [{ shape: [0, 3] }], attrs: { axes: [1, 0] } },
    {
      name: "integers",
      inputs: [{ shape: [33, 5], dtype: "i32", fill: { kind: "values", values: [-1, 2 ** 31 - 1, 7] } }],
      attrs: { axes: [1, 0] },
      noGradient: "integers have none",
    },
    {
      name: "many workgroups",
      inputs: [{ shape: [2_100_001, 2] }],
      attrs: { axes: [1, 0] },
      noGradient: "size: the small samples cover it",
    },
  ],
  rejects: [
    {
      inputs: [{ shape: [2, 3], dtype: "f32" }],
      attrs: { axes: [0] },
      says: "permute: axes must name each of the 2 axes of f32[2, 3] once, got [0]",
    },
    {
      inputs: [{ shape: [2, 3], dtype: "f32" }],
      attrs: { axes: [1, 1] },
      says: "permute: axes must name each of the 2 axes of f32[2, 3] once, got [1, 1]",
    },
    {
      inputs: [{ shape: [2], dtype: "bf16" }],
      attrs: { axes: [0] },
      says: "permute: x must be f32, f16, i32 or u32, got bf16[2]; cast it first",
    },
  ],
  bound: {
    f32: { rel: 0, scaled: 0, why: "bits are moved" },
    f16: { rel: 0, scaled: 0, why: "bits are moved" },
    gradient: {
      rel: 1e-9,
      scaled: 1e-9,
      why: "the finite difference of a linear map leaves float64 rounding / 1e-3",
    },
  },
});

/** Reorders axes: axis i of the result is axis `axes[i]` of x. Any type but bf16. */
export const permute = (x: Tensor, axes: readonly number[]): Tensor => permuteOp([x], { axes })[0];

/** Swaps two axes, the last two unless told. */
export function transpose(x: Tensor, first = -2, second = -1): Tensor {
  const a = resolveAxis(first, x.shape.length, `transpose of ${formatShape(x.shape)}`);
  const b = resolveAxis(second, x.shape.length, `transpose of ${formatShape(x.shape)}`);
  const axes = x.shape.map((_, i) => (i === a ? b : i === b ? a : i));
  return permute(x, axes);
}
