// Joins tensors along an axis, and pads one with a value. Bits are moved, nothing is computed.
import { TesseraError } from "../base/errors";
import { formatShape, resolveAxis, sizeOf } from "../tensor/shape";
import { formatSpec, type Tensor } from "../tensor/tensor";
import { defineOp, expectSameDtype, type RefArray } from "./op";
import { sliceAxis, sliceOp } from "./slice";
import {
  copyReference,
  copyVariant,
  expectMovable,
  expectPerAxis,
  fillVariant,
  MOVED,
  planPlace,
} from "./strided";

export interface ConcatAttrs {
  axis: number;
}
export interface PadAttrs {
  before: readonly number[];
  after: readonly number[];
  value: number;
}

export const concatOp = defineOp<ConcatAttrs>({
  name: "concat",
  summary: "y = the parts one after the other along one axis",
  inputs: ["parts"],
  variadic: true,
  variants: ["strided"],
  infer(parts, { axis }) {
    const [first] = parts;
    const at = resolveAxis(axis, first.shape.length, "concat");
    for (const part of parts) {
      expectMovable(part, "concat: parts");
      expectSameDtype(first, part, "concat");
      if (
        part.shape.length !== first.shape.length ||
        !part.shape.every((n, i) => i === at || n === first.shape[i])
      ) {
        throw new TesseraError(
          "shape",
          `concat: ${formatShape(first.shape)} and ${formatShape(part.shape)} differ outside axis ${at}`,
        );
      }
    }
    return [
      {
        shape: first.shape.map((n, i) => (i === at ? parts.reduce((sum, p) => sum + p.shape[at], 0) : n)),
        dtype: first.dtype,
      },
    ];
  },
  launch({ inputs, outputs: [y], attrs: { axis }, dispatch }) {
    const at = resolveAxis(axis, y.shape.length, "concat");
    let offset = 0;
    for (const part of inputs) {
      const start = y.shape.map((_, i) => (i === at ? offset : 0));
      const plan = planPlace(part.shape, { shape: y.shape, start, step: y.shape.map(() => 1) }, "dst");
      dispatch({
        variants: [copyVariant(plan, y.dtype, "concat")],
        bindings: [part, y],
        work: part.size * 8,
      });
      offset += part.shape[at];
    }
  },
  vjp: ([dy], { inputs, attrs: { axis } }) => {
    let offset = 0;
    return inputs.map((part) => {
      const from = offset;
      offset += part.shape.at(axis) ?? 0;
      return dy && sliceAxis(dy, axis, from, offset);
    });
  },
  reference: (parts, { axis }): RefArray[] => {
    const at = axis < 0 ? axis + parts[0].shape.length : axis;
    const shape = parts[0].shape.map((n, i) =>
      i === at ? parts.reduce((sum, p) => sum + p.shape[at], 0) : n,
    );
    const outer = sizeOf(shape.slice(0, at));
    const data: number[] = [];
    for (let o = 0; o < outer; o++) {
      for (const part of parts) {
        const run = part.data.length / Math.max(1, outer);
        data.push(...part.data.subarray(o * run, o * run + run));
      }
    }
    return [{ shape, data: Float64Array.from(data) }];
  },
  samples: [
    { name: "one part", inputs: [{ shape: [3, 2] }], attrs: { axis: 0 } },
    {
      name: "last axis, odd",
      inputs: [{ shape: [2, 3] }, { shape: [2, 1] }, { shape: [2, 5] }],
      attrs: { axis: -1 },
    },
    { name: "middle axis", inputs: [{ shape: [2, 3, 4] }, { shape: [2, 2, 4] }], attrs: { axis: 1 } },
    { name: "five parts", inputs: [1, 2, 3, 4, 5].map((n) => ({ shape: [n, 3] })), attrs: { axis: 0 } },
    { name: "an empty part", inputs: [{ shape: [2, 0] }, { shape: [2, 3] }], attrs: { axis: 1 } },
    {
      name: "long",
      inputs: [{ shape: [9001, 5] }, { shape: [9001, 3] }],
      attrs: { axis: 1 },
      noGradient: "size: the small samples cover it",
    },
    {
      name: "integers",
      inputs: [
        { shape: [3], dtype: "i32", fill: { kind: "values", values: [-1, 7] } },
        { shape: [2], dtype: "i32", fill: { kind: "values", values: [5] } },
      ],
      attrs: { axis: 0 },
      noGradient: "integers have none",
    },
  ],
  rejects: [
    {
      inputs: [
        { shape: [2, 3], dtype: "f32" },
        { shape: [3, 3], dtype: "f32" },
      ],
      attrs: { axis: 1 },
      says: "concat: [2, 3] and [3, 3] differ outside axis 1",
    },
    {
      inputs: [
        { shape: [2], dtype: "f32" },
        { shape: [2], dtype: "u32" },
      ],
      attrs: { axis: 0 },
      says: "concat: element types differ, f32[2] and u32[2]; cast one of them",
    },
    {
      inputs: [{ shape: [2], dtype: "f32" }],
      attrs: { axis: 1 },
      says: "concat: axis 1 does not exist in a tensor with 1 axes",
    },
  ],
  bound: MOVED,
});

export const padOp = defineOp<PadAttrs>({
  name: "pad",
  summary: "y = x with `before` and `after` elements of one value around each axis",
  inputs: ["x"],
  variants: ["strided"],
  infer([x], { before, after }) {
    expectMovable(x, "pad: x");
    for (const [values, name] of [
      [before, "before"],
      [after, "after"],
    ] as const) {
      expectPerAxis(values, x.shape.length, `pad: ${name}`);
      if (values.some((v) => v < 0))
        throw new TesseraError(
          "arguments",
          `pad: ${name} must not be negative, got [${values.join(", ")}] for ${formatSpec(x)}; slice to cut`,
        );
    }
    return [{ shape: x.shape.map((n, i) => before[i] + n + after[i]), dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], attrs: { before, value }, dispatch }) {
    dispatch({ variants: [fillVariant(y, value)], bindings: [y], work: y.size, label: "pad fill" });
    const plan = planPlace(x.shape, { shape: y.shape, start: before, step: y.shape.map(() => 1) }, "dst");
    dispatch({ variants: [copyVariant(plan, x.dtype, "pad")], bindings: [x, y], work: x.size * 8 });
  },
  vjp: ([dy], { inputs: [x], attrs: { before } }) => {
    const stop = x.shape.map((n, i) => before[i] + n);
    return [dy && sliceOp([dy], { start: before, stop, step: x.shape.map(() => 1) })[0]];
  },
  reference: ([x], { before, after, value }) => {
    const shape = x.shape.map((n, i) => before[i] + n + after[i]);
    const data = new Float64Array(sizeOf(shape)).fill(value);
    copyReference(
      planPlace(x.shape, { shape, start: before, step: shape.map(() => 1) }, "dst"),
      x.data,
      data,
    );
    return [{ shape, data }];
  },
  samples: [
    { name: "odd", inputs: [{ shape: [3, 5] }], attrs: { before: [1, 2], after: [0, 3], value: 0.5 } },
    { name: "nothing to add", inputs: [{ shape: [4] }], attrs: { before: [0], after: [0], value: 9 } },
    { name: "empty x", inputs: [{ shape: [0, 2] }], attrs: { before: [1, 0], after: [2, 1], value: -2 } },
    {
      name: "long",
      inputs: [{ shape: [70_001, 2] }],
      attrs: { before: [1, 1], after: [1, 0], value: 1 },
      noGradient: "size: the small samples cover it",
    },
    {
      name: "integers",
      inputs: [{ shape: [3], dtype: "i32", fill: { kind: "values", values: [-5, 6] } }],
      attrs: { before: [2], after: [1], value: -7 },
      noGradient: "integers have none",
    },
  ],
  rejects: [
    {
      inputs: [{ shape: [3], dtype: "f32" }],
      attrs: { before: [-1], after: [0], value: 0 },
      says: "pad: before must not be negative, got [-1] for f32[3]; slice to cut",
    },
    {
      inputs: [{ shape: [3], dtype: "f32" }],
      attrs: { before: [1], after: [], value: 0 },
      says: "pad: after needs 1 integers, one per axis, got []",
    },
  ],
  bound: MOVED,
});

/** Joins tensors of one type along an axis. */
export const concat = (parts: readonly Tensor[], axis: number): Tensor => concatOp(parts, { axis })[0];

/** Adds `before` and `after` elements of `value` to each axis. */
export const pad = (x: Tensor, before: readonly number[], after: readonly number[], value = 0): Tensor =>
  padOp([x], { before, after, value })[0];
