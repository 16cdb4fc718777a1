// Chooses between two tensors by a mask, with NumPy broadcasting of all three. Bits are moved, nothing is computed.
import sourceText from "../../shaders/ops/where.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { broadcastShapes } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec, zeros } from "../tensor/tensor";
import { broadcastReference, planBroadcast } from "./broadcast";
import { sumToShape } from "./broadcast-to";
import { ALONE, defineOp, expectSameDtype, type Fill, type SampleInput } from "./op";
import { bitsType, expectMovable, MOVED } from "./strided";

const source: KernelSource = { file: "ops/where.wgsl", text: sourceText };

type Shaped = Pick<TensorSpec, "shape">;
const shapeOf = (condition: Shaped, a: Shaped, b: Shaped): number[] =>
  broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape, "where"), "where");

const mask = (...shape: number[]): SampleInput => ({
  shape,
  dtype: "u32",
  fill: { kind: "values", values: [0, 1, 7, 0, 4_294_967_295] },
});
const integers = (...shape: number[]): SampleInput => ({
  shape,
  dtype: "i32",
  fill: { kind: "values", values: [-1, 2 ** 31 - 1, 7, -(2 ** 31)] },
});
const LARGE: Fill = { kind: "values", values: [6e4, -6e4, 1e-6, -0.5] };

export const whereOp = defineOp<Record<string, never>>({
  name: "where",
  summary: "y = a where condition ≠ 0, else b, broadcast",
  inputs: ["condition", "a", "b"],
  variants: ["value"],
  infer([condition, a, b]) {
    if (condition.dtype !== "u32") {
      throw new TesseraError(
        "dtype",
        `where: condition must be u32, got ${formatSpec(condition)}; compare, or cast it first`,
      );
    }
    expectMovable(a, "where: a");
    expectSameDtype(a, b, "where: a and b");
    return [{ shape: shapeOf(condition, a, b), dtype: a.dtype }];
  },
  launch({ inputs: [condition, a, b], outputs: [y], dispatch }) {
    const { wide, vectors, groups, uniforms } = planBroadcast(
      [a.shape, b.shape, condition.shape],
      y.shape,
      "where",
    );
    const types = {
      T: bitsType(y.dtype),
      A: vectors[0] ? "vec4<T>" : "T",
      B: vectors[1] ? "vec4<T>" : "T",
      C: vectors[2] ? "vec4u" : "u32",
      Y: wide ? "vec4<T>" : "T",
      W: wide ? "vec4u" : "u32",
    };
    dispatch({
      variants: [{ name: "value", kernel: kernel(source, { types }), groups, uniforms }],
      bindings: [a, b, condition, y],
      work: y.size * 10,
    });
  },
  vjp: ([dy], { inputs: [condition, a, b], sweep = ALONE }) => {
    if (!dy) return [];
    const nothing = zeros(dy.gpu, [], dy.dtype);
    return [
      undefined,
      sweep.wants(1) ? sumToShape(where(condition, dy, nothing), a.shape) : undefined,
      sweep.wants(2) ? sumToShape(where(condition, nothing, dy), b.shape) : undefined,
    ];
  },
  reference: ([condition, a, b]) => [
    broadcastReference([condition, a, b], shapeOf(condition, a, b), (c, x, y) => (c !== 0 ? x : y)),
  ],
  samples: [
    { name: "odd", inputs: [mask(3, 5), { shape: [3, 5] }, { shape: [3, 5] }], attrs: {} },
    { name: "fours", inputs: [mask(3, 4), { shape: [3, 4], fill: LARGE }, { shape: [3, 4] }], attrs: {} },
    { name: "scalars", inputs: [mask(), { shape: [] }, { shape: [1] }], attrs: {} },
    { name: "row mask, scalar b", inputs: [mask(8), { shape: [3, 8] }, { shape: [] }], attrs: {} },
    { name: "column mask", inputs: [mask(3, 1), { shape: [8] }, { shape: [3, 8] }], attrs: {} },
    { name: "three axes", inputs: [mask(2, 1, 1), { shape: [3, 1] }, { shape: [5] }], attrs: {} },
    {
      name: "integers",
      inputs: [mask(9), integers(9), integers(1)],
      attrs: {},
      noGradient: "integers have none",
    },
    {
      name: "long",
      inputs: [mask(3), { shape: [100_001, 1] }, { shape: [3] }],
      attrs: {},
      noGradient: "size: the small samples cover it",
    },
    { name: "empty", inputs: [mask(0, 1), { shape: [3] }, { shape: [] }], attrs: {} },
  ],
  rejects: [
    {
      inputs: [
        { shape: [2], dtype: "f32" },
        { shape: [2], dtype: "f32" },
        { shape: [2], dtype: "f32" },
      ],
      attrs: {},
      says: "where: condition must be u32, got f32[2]; compare, or cast it first",
    },
    {
      inputs: [
        { shape: [2], dtype: "u32" },
        { shape: [2], dtype: "f32" },
        { shape: [2], dtype: "i32" },
      ],
      attrs: {},
      says: "where: a and b: element types differ, f32[2] and i32[2]; cast one of them",
    },
    {
      inputs: [
        { shape: [2, 4], dtype: "u32" },
        { shape: [3], dtype: "f32" },
        { shape: [2, 3], dtype: "f32" },
      ],
      attrs: {},
      says: "where: shapes [2, 4] and [2, 3] do not broadcast; axis -1 is 4 and 3",
    },
    {
      inputs: [
        { shape: [2], dtype: "u32" },
        { shape: [2], dtype: "bf16" },
        { shape: [2], dtype: "bf16" },
      ],
      attrs: {},
      says: "where: a must be f32, f16, i32 or u32, got bf16[2]; cast it first",
    },
  ],
  bound: {
    ...MOVED,
    gradient: { rel: 1e-6, scaled: 1e-6, why: "a sum of the few values that were broadcast" },
  },
});

/** a where condition (u32) is not zero, else b; any type but bf16. No gradient flows into the condition. */
export const where = (condition: Tensor, a: Tensor, b: Tensor): Tensor => whereOp([condition, a, b], {})[0];
