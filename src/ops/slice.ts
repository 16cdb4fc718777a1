// Cuts a regular part out of a tensor, and the reverse: places values in zeros. Bits are moved, nothing is computed.
import { TesseraError } from "../base/errors";
import { resolveAxis, sizeOf, stridesOf } from "../tensor/shape";
import type { Tensor, TensorSpec } from "../tensor/tensor";
import { defineOp, type Op } from "./op";
import {
  copyReference,
  copyVariant,
  expectMovable,
  expectPerAxis,
  fillVariant,
  MOVED,
  type PlaceAttrs,
  planPlace,
} from "./strided";

/** First index, end (left out) and step of each axis. A step below 0 runs backwards; its end may be -1. */
export interface SliceAttrs {
  start: readonly number[];
  stop: readonly number[];
  step: readonly number[];
}
function sliceShape(x: TensorSpec, { start, stop, step }: SliceAttrs): number[] {
  const rank = x.shape.length;
  for (const [values, name] of [
    [start, "start"],
    [stop, "stop"],
    [step, "step"],
  ] as const)
    expectPerAxis(values, rank, `slice: ${name}`);
  return x.shape.map((size, i) => {
    if (step[i] === 0) throw new TesseraError("arguments", `slice: the step of axis ${i} is 0`);
    const n = Math.max(0, Math.ceil((stop[i] - start[i]) / step[i]));
    const last = start[i] + (n - 1) * step[i];
    if (n > 0 && (Math.min(start[i], last) < 0 || Math.max(start[i], last) >= size)) {
      throw new TesseraError(
        "shape",
        `slice: axis ${i} has ${size} elements, ${start[i]} to ${stop[i]} by ${step[i]} leaves it`,
      );
    }
    return n;
  });
}

export const sliceOp: Op<SliceAttrs> = defineOp<SliceAttrs>({
  name: "slice",
  summary: "y[c] = x[start + c·step]",
  inputs: ["x"],
  variants: ["strided"],
  infer([x], attrs) {
    expectMovable(x, "slice: x");
    return [{ shape: sliceShape(x, attrs), dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], attrs, dispatch }) {
    const plan = planPlace(y.shape, { shape: x.shape, ...attrs }, "src");
    dispatch({ variants: [copyVariant(plan, x.dtype, "slice")], bindings: [x, y], work: y.size * 8 });
  },
  vjp: ([dy], { inputs: [x], attrs: { start, step } }) => [
    dy && placeOp([dy], { shape: x.shape, start, step })[0],
  ],
  reference: ([x], attrs) => {
    const shape = sliceShape({ ...x, dtype: "f32" }, attrs);
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
      const at = stridesOf(shape).map((s, k) => Math.floor(i / s) % shape[k]);
      return x.data[
        stridesOf(x.shape).reduce((sum, s, k) => sum + s * (attrs.start[k] + at[k] * attrs.step[k]), 0)
      ];
    });
    return [{ shape, data }];
  },
  samples: [
    { name: "one", inputs: [{ shape: [3] }], attrs: { start: [1], stop: [2], step: [1] } },
    {
      name: "odd",
      inputs: [{ shape: [5, 7, 3] }],
      attrs: { start: [1, 0, 1], stop: [5, 7, 3], step: [2, 3, 1] },
    },
    {
      name: "aligned rows",
      inputs: [{ shape: [6, 16] }],
      attrs: { start: [2, 4], stop: [5, 12], step: [1, 1] },
    },
    {
      name: "reversed",
      inputs: [{ shape: [4, 6] }],
      attrs: { start: [3, 5], stop: [-1, -1], step: [-1, -2] },
    },
    { name: "step past the end", inputs: [{ shape: [7] }], attrs: { start: [0], stop: [7], step: [4] } },
    {
      name: "long",
      inputs: [{ shape: [2_100_005, 3] }],
      attrs: { start: [2, 1], stop: [2_100_005, 3], step: [1, 1] },
      noGradient: "size: the small samples cover it",
    },
    { name: "nothing", inputs: [{ shape: [4, 2] }], attrs: { start: [3, 0], stop: [3, 2], step: [1, 1] } },
    {
      name: "integers",
      inputs: [{ shape: [9], dtype: "u32", fill: { kind: "values", values: [4_294_967_295, 0, 7] } }],
      attrs: { start: [1], stop: [9], step: [3] },
      noGradient: "integers have none",
    },
  ],
  rejects: [
    {
      inputs: [{ shape: [4], dtype: "f32" }],
      attrs: { start: [0], stop: [5], step: [1] },
      says: "slice: axis 0 has 4 elements, 0 to 5 by 1 leaves it",
    },
    {
      inputs: [{ shape: [4], dtype: "f32" }],
      attrs: { start: [0], stop: [4], step: [0] },
      says: "slice: the step of axis 0 is 0",
    },
    {
      inputs: [{ shape: [4, 2], dtype: "f32" }],
      attrs: { start: [0], stop: [4, 2], step: [1, 1] },
      says: "slice: start needs 2 integers, one per axis, got [0]",
    },
    {
      inputs: [{ shape: [4], dtype: "bf16" }],
      attrs: { start: [0], stop: [4], step: [1] },
      says: "slice: x must be f32, f16, i32 or u32, got bf16[4]; cast it first",
    },
  ],
  bound: MOVED,
});

export const placeOp: Op<PlaceAttrs> = defineOp<PlaceAttrs>({
  name: "place",
  summary: "y[start + c·step] = x[c], zero elsewhere: the reverse of slice",
  inputs: ["x"],
  variants: ["strided"],
  infer([x], { shape, start, step }) {
    expectMovable(x, "place: x");
    for (const [values, name] of [
      [shape, "shape"],
      [start, "start"],
      [step, "step"],
    ] as const)
      expectPerAxis(values, x.shape.length, `place: ${name}`);
    x.shape.forEach((n, i) => {
      const last = start[i] + (n - 1) * step[i];
      if (n > 0 && (step[i] === 0 || Math.min(start[i], last) < 0 || Math.max(start[i], last) >= shape[i])) {
        throw new TesseraError(
          "shape",
          `place: ${n} elements from ${start[i]} by ${step[i]} leave axis ${i} of ${shape[i]}`,
        );
      }
    });
    return [{ shape, dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], attrs, dispatch }) {
    dispatch({ variants: [fillVariant(y, 0)], bindings: [y], work: y.size, label: "place fill" });
    dispatch({
      variants: [copyVariant(planPlace(x.shape, attrs, "dst"), x.dtype, "place")],
      bindings: [x, y],
      work: x.size * 8,
    });
  },
  vjp: ([dy], { inputs: [x], attrs: { start, step } }) => {
    const stop = x.shape.map((n, i) => start[i] + n * step[i]);
    return [dy && sliceOp([dy], { start, stop, step })[0]];
  },
  reference: ([x], attrs) => {
    const data = new Float64Array(sizeOf(attrs.shape));
    copyReference(planPlace(x.shape, attrs, "dst"), x.data, data);
    return [{ shape: attrs.shape, data }];
  },
  samples: [
    { name: "odd", inputs: [{ shape: [2, 3] }], attrs: { shape: [5, 7], start: [1, 0], step: [2, 3] } },
    { name: "aligned", inputs: [{ shape: [2, 8] }], attrs: { shape: [4, 16], start: [1, 4], step: [1, 1] } },
    { name: "reversed", inputs: [{ shape: [3] }], attrs: { shape: [6], start: [5], step: [-2] } },
    { name: "nothing", inputs: [{ shape: [0, 2] }], attrs: { shape: [3, 2], start: [0, 0], step: [1, 1] } },
  ],
  rejects: [
    {
      inputs: [{ shape: [3], dtype: "f32" }],
      attrs: { shape: [4], start: [2], step: [1] },
      says: "place: 3 elements from 2 by 1 leave axis 0 of 4",
    },
  ],
  bound: MOVED,
});

/** Elements start, start + step, … before stop of each axis. Any type but bf16; `step` is 1 when left out. */
export const slice = (
  x: Tensor,
  start: readonly number[],
  stop: readonly number[],
  step: readonly number[] = start.map(() => 1),
): Tensor => sliceOp([x], { start, stop, step })[0];

/** Indices [from, to) of one axis. */
export function sliceAxis(x: Tensor, axis: number, from: number, to: number): Tensor {
  const at = resolveAxis(axis, x.shape.length, "slice");
  return slice(
    x,
    x.shape.map((_, i) => (i === at ? from : 0)),
    x.shape.map((n, i) => (i === at ? to : n)),
  );
}
