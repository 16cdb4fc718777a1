// Cuts, joins and pads tensors: slice, its reverse, concat and pad. Bits are moved, nothing is computed.
import { TesseraError } from "../base/errors";
import { formatShape, resolveAxis, sizeOf, stridesOf } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { type Bound, defineOp, expectSameDtype, type Op, type RefArray } from "./op";
import { type CopyPlan, copyReference, copyVariant, expectMovable, expectPerAxis, fillVariant } from "./strided";

const EXACT: Bound = { rel: 0, scaled: 0, why: "bits are moved" };
const LINEAR: Bound = { rel: 1e-9, scaled: 1e-9, why: "the finite difference of a linear map leaves float64 rounding / 1e-3" };
const bound = { f32: EXACT, f16: EXACT, gradient: LINEAR };

/** First index, end (left out) and step of each axis. A step below 0 runs backwards; its end may be -1. */
export interface SliceAttrs {
  start: readonly number[];
  stop: readonly number[];
  step: readonly number[];
}
/** Where the values of a slice lie in a tensor of `shape`. */
export interface PlaceAttrs {
  shape: readonly number[];
  start: readonly number[];
  step: readonly number[];
}
export interface ConcatAttrs {
  axis: number;
}
export interface PadAttrs {
  before: readonly number[];
  after: readonly number[];
  value: number;
}

/** A copy between a dense part and the elements start + i·step of a whole; `whole` says on which side the latter is. */
function planPlace(part: readonly number[], { shape, start, step }: PlaceAttrs, whole: "src" | "dst"): CopyPlan {
  const strides = stridesOf(shape);
  const dense = stridesOf(part);
  const base = sizeOf(part) === 0 ? 0 : start.reduce((sum, s, i) => sum + s * strides[i], 0);
  const axes = part.map((n, i) => {
    const far = strides[i] * step[i];
    return whole === "src" ? { n, src: far, dst: dense[i] } : { n, src: dense[i], dst: far };
  });
  return whole === "src" ? { axes, srcBase: base, dstBase: 0 } : { axes, srcBase: 0, dstBase: base };
}

function sliceShape(x: TensorSpec, { start, stop, step }: SliceAttrs): number[] {
  const rank = x.shape.length;
  for (const [values, name] of [[start, "start"], [stop, "stop"], [step, "step"]] as const) expectPerAxis(values, rank, `slice: ${name}`);
  return x.shape.map((size, i) => {
    if (step[i] === 0) throw new TesseraError("arguments", `slice: the step of axis ${i} is 0`);
    const n = Math.max(0, Math.ceil((stop[i] - start[i]) / step[i]));
    const last = start[i] + (n - 1) * step[i];
    if (n > 0 && (Math.min(start[i], last) < 0 || Math.max(start[i], last) >= size)) {
      throw new TesseraError("shape", `slice: axis ${i} has ${size} elements, ${start[i]} to ${stop[i]} by ${step[i]} leaves it`);
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
  vjp: ([dy], { inputs: [x], attrs: { start, step } }) => [dy && placeOp([dy], { shape: x.shape, start, step })[0]],
  reference: ([x], attrs) => {
    const shape = sliceShape({ ...x, dtype: "f32" }, attrs);
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
      const at = stridesOf(shape).map((s, k) => Math.floor(i / s) % shape[k]);
      return x.data[stridesOf(x.shape).reduce((sum, s, k) => sum + s * (attrs.start[k] + at[k] * attrs.step[k]), 0)];
    });
    return [{ shape, data }];
  },
  samples: [
    { name: "one", inputs: [{ shape: [3] }], attrs: { start: [1], stop: [2], step: [1] } },
    { name: "odd", inputs: [{ shape: [5, 7, 3] }], attrs: { start: [1, 0, 1], stop: [5, 7, 3], step: [2, 3, 1] } },
    { name: "aligned rows", inputs: [{ shape: [6, 16] }], attrs: { start: [2, 4], stop: [5, 12], step: [1, 1] } },
    { name: "reversed", inputs: [{ shape: [4, 6] }], attrs: { start: [3, 5], stop: [-1, -1], step: [-1, -2] } },
    { name: "step past the end", inputs: [{ shape: [7] }], attrs: { start: [0], stop: [7], step: [4] } },
    { name: "long", inputs: [{ shape: [2_100_005, 3] }], attrs: { start: [2, 1], stop: [2_100_005, 3], step: [1, 1] }, noGradient: "size: the small samples cover it" },
    { name: "nothing", inputs: [{ shape: [4, 2] }], attrs: { start: [3, 0], stop: [3, 2], step: [1, 1] } },
    { name: "integers", inputs: [{ shape: [9], dtype: "u32", fill: { kind: "values", values: [4_294_967_295, 0, 7] } }], attrs: { start: [1], stop: [9], step: [3] }, noGradient: "integers have none" },
  ],
  rejects: [
    { inputs: [{ shape: [4], dtype: "f32" }], attrs: { start: [0], stop: [5], step: [1] }, says: "slice: axis 0 has 4 elements, 0 to 5 by 1 leaves it" },
    { inputs: [{ shape: [4], dtype: "f32" }], attrs: { start: [0], stop: [4], step: [0] }, says: "slice: the step of axis 0 is 0" },
    { inputs: [{ shape: [4, 2], dtype: "f32" }], attrs: { start: [0], stop: [4, 2], step: [1, 1] }, says: "slice: start needs 2 integers, one per axis, got [0]" },
    { inputs: [{ shape: [4], dtype: "bf16" }], attrs: { start: [0], stop: [4], step: [1] }, says: "slice: x must be f32, f16, i32 or u32, got bf16[4]; cast it first" },
  ],
  bound,
});

export const placeOp: Op<PlaceAttrs> = defineOp<PlaceAttrs>({
  name: "place",
  summary: "y[start + c·step] = x[c], zero elsewhere: the reverse of slice",
  inputs: ["x"],
  variants: ["strided"],
  infer([x], { shape, start, step }) {
    expectMovable(x, "place: x");
    for (const [values, name] of [[shape, "shape"], [start, "start"], [step, "step"]] as const) expectPerAxis(values, x.shape.length, `place: ${name}`);
    x.shape.forEach((n, i) => {
      const last = start[i] + (n - 1) * step[i];
      if (n > 0 && (step[i] === 0 || Math.min(start[i], last) < 0 || Math.max(start[i], last) >= shape[i])) {
        throw new TesseraError("shape", `place: ${n} elements from ${start[i]} by ${step[i]} leave axis ${i} of ${shape[i]}`);
      }
    });
    return [{ shape, dtype: x.dtype }];
  },
  launch({ gpu, inputs: [x], outputs: [y], attrs, dispatch }) {
    gpu.queue.record({ kind: "clear", target: y.allocation });
    dispatch({ variants: [copyVariant(planPlace(x.shape, attrs, "dst"), x.dtype, "place")], bindings: [x, y], work: x.size * 8 });
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
  rejects: [{ inputs: [{ shape: [3], dtype: "f32" }], attrs: { shape: [4], start: [2], step: [1] }, says: "place: 3 elements from 2 by 1 leave axis 0 of 4" }],
  bound,
});

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
      if (part.shape.length !== first.shape.length || !part.shape.every((n, i) => i === at || n === first.shape[i])) {
        throw new TesseraError("shape", `concat: ${formatShape(first.shape)} and ${formatShape(part.shape)} differ outside axis ${at}`);
      }
    }
    return [{ shape: first.shape.map((n, i) => (i === at ? parts.reduce((sum, p) => sum + p.shape[at], 0) : n)), dtype: first.dtype }];
  },
  launch({ inputs, outputs: [y], attrs: { axis }, dispatch }) {
    const at = resolveAxis(axis, y.shape.length, "concat");
    let offset = 0;
    for (const part of inputs) {
      const start = y.shape.map((_, i) => (i === at ? offset : 0));
      const plan = planPlace(part.shape, { shape: y.shape, start, step: y.shape.map(() => 1) }, "dst");
      dispatch({ variants: [copyVariant(plan, y.dtype, "concat")], bindings: [part, y], work: part.size * 8 });
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
    const shape = parts[0].shape.map((n, i) => (i === at ? parts.reduce((sum, p) => sum + p.shape[at], 0) : n));
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
    { name: "last axis, odd", inputs: [{ shape: [2, 3] }, { shape: [2, 1] }, { shape: [2, 5] }], attrs: { axis: -1 } },
    { name: "middle axis", inputs: [{ shape: [2, 3, 4] }, { shape: [2, 2, 4] }], attrs: { axis: 1 } },
    { name: "five parts", inputs: [1, 2, 3, 4, 5].map((n) => ({ shape: [n, 3] })), attrs: { axis: 0 } },
    { name: "an empty part", inputs: [{ shape: [2, 0] }, { shape: [2, 3] }], attrs: { axis: 1 } },
    { name: "long", inputs: [{ shape: [9001, 5] }, { shape: [9001, 3] }], attrs: { axis: 1 }, noGradient: "size: the small samples cover it" },
    { name: "integers", inputs: [{ shape: [3], dtype: "i32", fill: { kind: "values", values: [-1, 7] } }, { shape: [2], dtype: "i32", fill: { kind: "values", values: [5] } }], attrs: { axis: 0 }, noGradient: "integers have none" },
  ],
  rejects: [
    { inputs: [{ shape: [2, 3], dtype: "f32" }, { shape: [3, 3], dtype: "f32" }], attrs: { axis: 1 }, says: "concat: [2, 3] and [3, 3] differ outside axis 1" },
    { inputs: [{ shape: [2], dtype: "f32" }, { shape: [2], dtype: "u32" }], attrs: { axis: 0 }, says: "concat: element types differ, f32[2] and u32[2]; cast one of them" },
    { inputs: [{ shape: [2], dtype: "f32" }], attrs: { axis: 1 }, says: "concat: axis 1 does not exist in a tensor with 1 axes" },
  ],
  bound,
});

export const padOp = defineOp<PadAttrs>({
  name: "pad",
  summary: "y = x with `before` and `after` elements of one value around each axis",
  inputs: ["x"],
  variants: ["strided"],
  infer([x], { before, after }) {
    expectMovable(x, "pad: x");
    for (const [values, name] of [[before, "before"], [after, "after"]] as const) {
      expectPerAxis(values, x.shape.length, `pad: ${name}`);
      if (values.some((v) => v < 0)) throw new TesseraError("arguments", `pad: ${name} must not be negative, got [${values.join(", ")}] for ${formatSpec(x)}; slice to cut`);
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
    copyReference(planPlace(x.shape, { shape, start: before, step: shape.map(() => 1) }, "dst"), x.data, data);
    return [{ shape, data }];
  },
  samples: [
    { name: "odd", inputs: [{ shape: [3, 5] }], attrs: { before: [1, 2], after: [0, 3], value: 0.5 } },
    { name: "nothing to add", inputs: [{ shape: [4] }], attrs: { before: [0], after: [0], value: 9 } },
    { name: "empty x", inputs: [{ shape: [0, 2] }], attrs: { before: [1, 0], after: [2, 1], value: -2 } },
    { name: "long", inputs: [{ shape: [70_001, 2] }], attrs: { before: [1, 1], after: [1, 0], value: 1 }, noGradient: "size: the small samples cover it" },
    { name: "integers", inputs: [{ shape: [3], dtype: "i32", fill: { kind: "values", values: [-5, 6] } }], attrs: { before: [2], after: [1], value: -7 }, noGradient: "integers have none" },
  ],
  rejects: [
    { inputs: [{ shape: [3], dtype: "f32" }], attrs: { before: [-1], after: [0], value: 0 }, says: "pad: before must not be negative, got [-1] for f32[3]; slice to cut" },
    { inputs: [{ shape: [3], dtype: "f32" }], attrs: { before: [1], after: [], value: 0 }, says: "pad: after needs 1 integers, one per axis, got []" },
  ],
  bound,
});

/** Elements start, start + step, … before stop of each axis. Any type but bf16; `step` is 1 when left out. */
export const slice = (x: Tensor, start: readonly number[], stop: readonly number[], step: readonly number[] = start.map(() => 1)): Tensor =>
  sliceOp([x], { start, stop, step })[0];

/** Indices [from, to) of one axis. */
export function sliceAxis(x: Tensor, axis: number, from: number, to: number): Tensor {
  const at = resolveAxis(axis, x.shape.length, "slice");
  return slice(x, x.shape.map((_, i) => (i === at ? from : 0)), x.shape.map((n, i) => (i === at ? to : n)));
}

/** Joins tensors of one type along an axis. */
export const concat = (parts: readonly Tensor[], axis: number): Tensor => concatOp(parts, { axis })[0];

/** Adds `before` and `after` elements of `value` to each axis. */
export const pad = (x: Tensor, before: readonly number[], after: readonly number[], value = 0): Tensor => padOp([x], { before, after, value })[0];
