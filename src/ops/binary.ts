// Elementwise functions of two variables: f32 and f16 with NumPy broadcasting, computed in f32. One kernel, specialised.
import type { Tensor } from "../tensor/tensor";
import { binaryBackwardOp } from "./binary-backward";
import type { CurvedName } from "./binary-functions";
import { defineBinary, type Gradient } from "./binary-record";
import { sumToShape } from "./broadcast-to";
import type { Bound } from "./op";
import { neg } from "./unary";
import { EXACT, ulps } from "./unary-record";

const curved = (name: CurvedName): [Gradient, Gradient] => [
  (dy, a, b) => sumToShape(binaryBackwardOp([dy, a, b], { function: name, by: "a" })[0], a.shape),
  (dy, a, b) => sumToShape(binaryBackwardOp([dy, a, b], { function: name, by: "b" })[0], b.shape),
];

const ONE_ROUNDING = ulps(0.5, "one rounding");
const PAIRS = [
  [6e4, -6e4],
  [6e4, 1e-3],
  [-3, -3],
  [0, 0],
] as const;

export const addOp = defineBinary("add", {
  gradients: [(dy, a) => sumToShape(dy, a.shape), (dy, _, b) => sumToShape(dy, b.shape)],
  ends: PAIRS,
  f32: ONE_ROUNDING,
  samples: [
    { name: "odd", inputs: [{ shape: [3, 5] }, { shape: [3, 5] }], attrs: {} },
    { name: "scalar and fours", inputs: [{ shape: [] }, { shape: [2, 4] }], attrs: {} },
    { name: "two scalars", inputs: [{ shape: [] }, { shape: [] }], attrs: {} },
    { name: "scalar, odd", inputs: [{ shape: [7] }, { shape: [1] }], attrs: {} },
    { name: "fours and a column", inputs: [{ shape: [5, 4] }, { shape: [5, 1] }], attrs: {} },
    { name: "inner axes", inputs: [{ shape: [2, 1, 3, 4] }, { shape: [5, 1, 4] }], attrs: {} },
    {
      name: "eight axes",
      inputs: [{ shape: [2, 1, 3, 1, 2, 1, 2, 1] }, { shape: [1, 2, 1, 2, 1, 3, 1, 2] }],
      attrs: {},
    },
    { name: "empty", inputs: [{ shape: [0, 3] }, { shape: [3] }], attrs: {} },
    { name: "empty from one", inputs: [{ shape: [4, 1] }, { shape: [0] }], attrs: {} },
    {
      name: "long",
      inputs: [{ shape: [100_001, 3] }, { shape: [3] }],
      attrs: {},
      noGradient: "size: the small samples cover it",
    },
    {
      name: "long, fours",
      inputs: [{ shape: [65_601, 8] }, { shape: [8] }],
      attrs: {},
      noGradient: "size: the small samples cover it",
    },
  ],
});

export const subOp = defineBinary("sub", {
  gradients: [(dy, a) => sumToShape(dy, a.shape), (dy, _, b) => neg(sumToShape(dy, b.shape))],
  ends: PAIRS.map(([a, b]) => [a, -b]),
  f32: ONE_ROUNDING,
});

export const mulOp = defineBinary("mul", {
  gradients: [(dy, a, b) => sumToShape(mul(dy, b), a.shape), (dy, a, b) => sumToShape(mul(dy, a), b.shape)],
  ends: [
    [250, -250],
    [6e4, 0],
    [-6e4, 1],
    [1e-2, 1e-2],
  ],
  f32: ONE_ROUNDING,
});

export const divOp = defineBinary("div", {
  gradients: curved("div"),
  fill: { a: { kind: "normal" }, b: { kind: "uniform", from: 0.4, to: 3 } },
  ends: [
    [6e4, -6e4],
    [1e30, 1e25],
    [-1e-30, 3e-35],
    [0, -7],
  ],
  endsDtype: "f32",
  f32: ulps(2.5, "WGSL allows 2.5 ULP for divisors from 2^-126 to 2^126"),
  gradient: {
    rel: 4e-6,
    scaled: 4e-6,
    why: "two divisions, and a sum of the few values that were broadcast",
  },
});

export const maximumOp = defineBinary("maximum", { gradients: curved("maximum"), ends: PAIRS, f32: EXACT });
export const minimumOp = defineBinary("minimum", { gradients: curved("minimum"), ends: PAIRS, f32: EXACT });

const POWER: Bound = ulps(
  40,
  "exp2 allows 3 + 2|t| ULP at t = b·log2|a|, and t itself carries 1.5 ULP: |t| ≤ 10 in the samples",
);
export const powOp = defineBinary("pow", {
  gradients: curved("pow"),
  fill: { a: { kind: "uniform", from: 0.2, to: 3 }, b: { kind: "normal" } },
  ends: [
    [0, 0],
    [0, 1.5],
    [-2, 3],
    [-2, -2],
    [-1.5, 0],
    [4, 0.5],
    [1.0009765625, -1000],
    [9, 3],
  ],
  f32: POWER,
  gradient: { rel: 6e-6, scaled: 6e-6, why: "a power, a logarithm and two products" },
});

const FLAT = { none: "a comparison is constant between its steps" };
const TIES = [
  [2, 2],
  [-6e4, 6e4],
  [6e4, -6e4],
  [0, 1e-6],
] as const;
export const greaterOp = defineBinary("greater", { result: "u32", gradients: FLAT, ends: TIES, f32: EXACT });
export const greaterEqualOp = defineBinary("greater-equal", {
  result: "u32",
  gradients: FLAT,
  ends: TIES,
  f32: EXACT,
});
export const equalOp = defineBinary("equal", { result: "u32", gradients: FLAT, ends: TIES, f32: EXACT });

/** a + b; like all of these f[...] with f[...] → f[broadcast]. */
export const add = (a: Tensor, b: Tensor): Tensor => addOp([a, b], {})[0];
export const sub = (a: Tensor, b: Tensor): Tensor => subOp([a, b], {})[0];
export const mul = (a: Tensor, b: Tensor): Tensor => mulOp([a, b], {})[0];
/** a / b; a zero divisor gives what the device gives. */
export const div = (a: Tensor, b: Tensor): Tensor => divOp([a, b], {})[0];
/** The larger one. Where both are equal each gets half of the gradient. */
export const maximum = (a: Tensor, b: Tensor): Tensor => maximumOp([a, b], {})[0];
/** The smaller one. Where both are equal each gets half of the gradient. */
export const minimum = (a: Tensor, b: Tensor): Tensor => minimumOp([a, b], {})[0];
/**
 * a^b for a ≥ 0, and for negative a with whole b; other powers of negative numbers have no real value, and the device
 * decides. The gradient by b is 0 where a ≤ 0.
 */
export const pow = (a: Tensor, b: Tensor): Tensor => powOp([a, b], {})[0];
/** u32: 1 where a > b, else 0. For a < b swap the operands. No gradient. */
export const greater = (a: Tensor, b: Tensor): Tensor => greaterOp([a, b], {})[0];
/** u32: 1 where a ≥ b, else 0. No gradient. */
export const greaterEqual = (a: Tensor, b: Tensor): Tensor => greaterEqualOp([a, b], {})[0];
/** u32: 1 where a = b, else 0. No gradient. */
export const equal = (a: Tensor, b: Tensor): Tensor => equalOp([a, b], {})[0];
