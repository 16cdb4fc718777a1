// What layer norm and RMS norm share: shape rule, kept statistics, samples and rejects. Defines no op.
import { TesseraError } from "../base/errors";
import { formatShape, sameShape } from "../tensor/shape";
import { formatSpec, type TensorSpec } from "../tensor/tensor";
import { expectSameDtype, type Fill, type Reject, type Sample } from "./op";
import { expectRowsOf, rowsOf } from "./rows";

export type NormName = "layer-norm" | "rms-norm";
export interface NormAttrs {
  /** Added to the variance, or to the mean square, before the root. */
  eps: number;
}

/** Shape of the kept statistics: mean and 1/σ of each row of layer norm, 1/rms of each row of RMS norm. */
export const statsShape = (name: NormName, x: TensorSpec): number[] =>
  name === "layer-norm" ? [...x.shape.slice(0, -1), 2] : x.shape.slice(0, -1);

/** @throws TesseraError unless x has rows and each parameter is a vector as long as a row, all of one float type. */
export function expectNorm(what: string, x: TensorSpec, parameters: Record<string, TensorSpec>): void {
  expectRowsOf(x, `${what}: x`);
  const { n } = rowsOf(x);
  if (n === 0) throw new TesseraError("shape", `${what}: the rows of x are empty, got ${formatSpec(x)}`);
  for (const [name, parameter] of Object.entries(parameters)) {
    expectSameDtype(x, parameter, `${what}: x and ${name}`);
    if (!sameShape(parameter.shape, [n]))
      throw new TesseraError(
        "shape",
        `${what}: ${name} must be [${n}], one value for each along the last axis of x, got ${formatShape(parameter.shape)}`,
      );
  }
}

/** @throws TesseraError `arguments` unless eps is above 0: a constant row would be divided by 0. */
export function expectEpsilon(what: string, { eps }: NormAttrs): void {
  if (!(eps > 0 && eps < Number.POSITIVE_INFINITY))
    throw new TesseraError("arguments", `${what}: eps must be above 0, got ${eps}`);
}

const sample =
  (parameters: number, eps: number) =>
  (name: string, shape: readonly number[], more: { fill?: Fill; f32?: true; noGradient?: string } = {}) => {
    const dtype = more.f32 && ("f32" as const);
    const vector = { shape: shape.slice(-1), dtype };
    const inputs = [{ shape, fill: more.fill, dtype }, ...Array.from({ length: parameters }, () => vector)];
    return { name, inputs, attrs: { eps }, noGradient: more.noGradient };
  };

/** Samples for x and as many parameter vectors. */
export function normSamples(parameters: number): Sample<NormAttrs>[] {
  const make = sample(parameters, 1e-5);
  const outlier = Array.from({ length: 41 }, (_, i) => (i === 0 ? 1e4 : Math.sin(i)));
  return [
    make("one", [1, 1]),
    make("odd", [5, 7]),
    make("by fours", [3, 35, 12]),
    make("one row, no batch axis", [9]),
    make("long row", [3, 4097]),
    make("long row by fours", [2, 4100], { noGradient: "size: the shorter rows cover it" }),
    make("many rows", [700, 3]),
    make("large mean, small variance", [4, 40], {
      fill: { kind: "normal", scale: 0.1, shift: 1e3 },
      f32: true,
      noGradient: "the mean is kept in f32, and its rounding, 3e-5, is 3e-4 of the deviation",
    }),
    make("large mean in a long row", [2, 4099], {
      fill: { kind: "normal", scale: 0.5, shift: -3e3 },
      f32: true,
      noGradient: "the mean is kept in f32, and its rounding, 1e-4, is 2e-4 of the deviation",
    }),
    make("first value far out", [2, 41], { fill: { kind: "values", values: outlier } }),
    make("squares beyond f16", [3, 20], { fill: { kind: "normal", scale: 1e4 } }),
    make("constant rows", [2, 8], {
      fill: { kind: "values", values: [3] },
      noGradient: "the step of the difference is as wide as √eps",
    }),
    make("no rows", [0, 6]),
  ];
}

export function normRejects(name: NormName, parameters: readonly string[]): Reject<NormAttrs>[] {
  const specs = (x: TensorSpec, n: number): TensorSpec[] => [
    x,
    ...parameters.map((): TensorSpec => ({ shape: [n], dtype: "f32" })),
  ];
  const attrs = { eps: 1e-5 };
  return [
    {
      inputs: specs({ shape: [], dtype: "f32" }, 1),
      attrs,
      says: `${name}: x needs at least 1 axis, got f32[]`,
    },
    {
      inputs: specs({ shape: [4, 0], dtype: "f32" }, 0),
      attrs,
      says: `${name}: the rows of x are empty, got f32[4, 0]`,
    },
    {
      inputs: specs({ shape: [4, 3], dtype: "f32" }, 4),
      attrs,
      says: `${name}: gamma must be [3], one value for each along the last axis of x, got [4]`,
    },
    {
      inputs: specs({ shape: [4, 3], dtype: "f16" }, 3),
      attrs,
      says: `${name}: x and gamma: element types differ, f16[4, 3] and f32[3]; cast one of them`,
    },
    {
      inputs: specs({ shape: [4, 3], dtype: "f32" }, 3),
      attrs: { eps: 0 },
      says: `${name}: eps must be above 0, got 0`,
    },
  ];
}
