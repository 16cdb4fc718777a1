// Sum, mean, maximum, minimum over any axes, and where the maximum is. No axis is moved: see reduce-plan.ts.
import type { Tensor, TensorSpec } from "../tensor/tensor";
import { broadcastTo } from "./broadcast-to";
import { type Bound, defineOp, type Op, type RefArray } from "./op";
import { recordExtreme, recordSum } from "./reduce-launch";
import { pick } from "./reduce-pick";
import {
  expectValues,
  inferReduce,
  planReduce,
  type ReduceAttrs,
  reducedAxes,
  reducedCount,
  reduceWalk,
} from "./reduce-plan";
import { extremeSamples, maxSamples, meanSamples, reduceRejects, sumSamples } from "./reduce-samples";
import { ROW_VARIANTS } from "./rows";
import { affine } from "./unary";

const EXACT: Bound = { rel: 0, scaled: 0, why: "a value is picked" };

/** Shape of the result with the reduced axes at length 1: what broadcasts back to x. */
const keptShape = (x: TensorSpec, attrs: ReduceAttrs): number[] => {
  const reduced = reducedAxes(x, attrs, "reduce");
  return x.shape.map((n, i) => (reduced[i] ? 1 : n));
};

const passesOf = (x: TensorSpec, attrs: ReduceAttrs) => planReduce(x.shape, reducedAxes(x, attrs, "reduce"));

function sumReference(x: RefArray, attrs: ReduceAttrs, name: string, scale: number): RefArray[] {
  const spec: TensorSpec = { shape: x.shape, dtype: "f32" };
  const shape = inferReduce(spec, attrs, name);
  const data = new Float64Array(shape.reduce((product, n) => product * n, 1));
  const walk = reduceWalk(x.shape, reducedAxes(spec, attrs, name));
  x.data.forEach((v, i) => {
    data[walk(i).to] += v;
  });
  return [{ shape, data: data.map((v) => v * scale) }];
}

function defineSum(name: "sum" | "mean", summary: string): Op<ReduceAttrs> {
  const scaleOf = (x: TensorSpec, attrs: ReduceAttrs): number =>
    name === "mean" ? 1 / reducedCount(x, attrs, name) : 1;
  return defineOp<ReduceAttrs>({
    name,
    summary,
    inputs: ["x"],
    variants: ROW_VARIANTS,
    infer([x], attrs) {
      const shape = inferReduce(x, attrs, name);
      if (name === "mean") expectValues(x, attrs, name);
      return [{ shape, dtype: x.dtype }];
    },
    launch(context) {
      const { inputs, outputs, attrs } = context;
      const [x] = inputs;
      recordSum(context, x, outputs[0], passesOf(x, attrs), scaleOf(x, attrs));
    },
    vjp([dy], { inputs: [x], attrs }) {
      if (!dy) return [undefined];
      const scaled = name === "mean" ? affine(dy, scaleOf(x, attrs), 0) : dy;
      return [broadcastTo(scaled.reshape(keptShape(x, attrs)), x.shape)];
    },
    reference: ([x], attrs) => sumReference(x, attrs, name, scaleOf({ shape: x.shape, dtype: "f32" }, attrs)),
    samples: name === "sum" ? sumSamples : meanSamples,
    rejects: reduceRejects(name),
    bound: {
      f32: {
        rel: 2e-6,
        scaled: 1e-6,
        why: "blocks of 32 in chunks of at most 1,024: at most 64 ULP of the running sum a level, two levels for 2^20 values, of random sign",
      },
      f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-8, why: "one rounding of the result to f16; f32 inside" },
      gradient: { rel: 1e-6, scaled: 1e-6, why: "one rounding of the scale of a mean" },
    },
  });
}

function extremeReference(x: RefArray, attrs: ReduceAttrs, name: string, sign: 1 | -1): RefArray[] {
  const spec: TensorSpec = { shape: x.shape, dtype: "f32" };
  const shape = inferReduce(spec, attrs, name);
  const data = new Float64Array(shape.reduce((product, n) => product * n, 1)).fill(Number.NaN);
  const places = data.map(() => 0);
  const walk = reduceWalk(x.shape, reducedAxes(spec, attrs, name));
  x.data.forEach((v, i) => {
    const { to, place } = walk(i);
    const ahead = sign * (v - data[to]);
    if (Number.isNaN(data[to]) || ahead > 0 || (ahead === 0 && place < places[to])) {
      data[to] = v;
      places[to] = place;
    }
  });
  return [
    { shape, data },
    { shape, data: places },
  ];
}

function defineExtreme(name: "max" | "min", sign: 1 | -1, summary: string): Op<ReduceAttrs> {
  return defineOp<ReduceAttrs>({
    name,
    summary,
    inputs: ["x"],
    variants: ROW_VARIANTS,
    infer([x], attrs) {
      const shape = inferReduce(x, attrs, name);
      expectValues(x, attrs, name);
      return [
        { shape, dtype: x.dtype },
        { shape, dtype: "u32" },
      ];
    },
    launch(context) {
      const { inputs, outputs, attrs } = context;
      recordExtreme(context, inputs[0], outputs[0], outputs[1], passesOf(inputs[0], attrs), sign);
    },
    vjp: ([dy], { inputs: [x], outputs: [, at], attrs }) => [
      dy && pick(dy, at, { shape: x.shape, axes: attrs.axes }),
    ],
    reference: ([x], attrs) => extremeReference(x, attrs, name, sign),
    samples: name === "max" ? maxSamples : extremeSamples,
    rejects: reduceRejects(name),
    bound: { f32: EXACT, f16: EXACT, gradient: { rel: 1e-9, scaled: 1e-9, why: "a value is moved" } },
  });
}

export const sumOp = defineSum("sum", "y = Σ x over the given axes");
export const meanOp = defineSum("mean", "y = mean of x over the given axes");
export const maxOp = defineExtreme(
  "max",
  1,
  "y = largest value over the given axes, and its first place in them; the gradient goes to that place",
);
export const minOp = defineExtreme(
  "min",
  -1,
  "y = smallest value over the given axes, and its first place in them; the gradient goes to that place",
);

export const argmaxOp = defineOp<ReduceAttrs>({
  name: "argmax",
  summary: "y = first place of the largest value, as a row-major index over the given axes",
  inputs: ["x"],
  variants: ROW_VARIANTS,
  infer([x], attrs) {
    const shape = inferReduce(x, attrs, "argmax");
    expectValues(x, attrs, "argmax");
    return [{ shape, dtype: "u32" }];
  },
  launch(context) {
    const { inputs, outputs, attrs, temp } = context;
    const [x] = inputs;
    recordExtreme(context, x, temp(outputs[0].shape, x.dtype), outputs[0], passesOf(x, attrs), 1);
  },
  vjp: { none: "a place is no smooth function of the values" },
  reference: ([x], attrs) => [extremeReference(x, attrs, "argmax", 1)[1]],
  samples: extremeSamples,
  rejects: reduceRejects("argmax"),
  bound: { f32: EXACT, f16: EXACT },
});

/** Σ x over `axes` (all when left out): f[...] → f[kept axes]. Summed in f32, in a fixed order. */
export const sum = (x: Tensor, attrs: ReduceAttrs = {}): Tensor => sumOp([x], attrs)[0];
/** Mean over `axes` (all when left out). @throws TesseraError `shape` where there are no values. */
export const mean = (x: Tensor, attrs: ReduceAttrs = {}): Tensor => meanOp([x], attrs)[0];
/** Largest value over `axes`. The gradient goes to the first of equal ones. @throws TesseraError `shape` as `mean`. */
export const max = (x: Tensor, attrs: ReduceAttrs = {}): Tensor => maxOp([x], attrs)[0];
/** Smallest value over `axes`. The gradient goes to the first of equal ones. @throws TesseraError `shape` as `mean`. */
export const min = (x: Tensor, attrs: ReduceAttrs = {}): Tensor => minOp([x], attrs)[0];
/** u32: first place of the largest value, row-major over `axes`. No gradient. @throws TesseraError `shape` as `mean`. */
export const argmax = (x: Tensor, attrs: ReduceAttrs = {}): Tensor => argmaxOp([x], attrs)[0];
