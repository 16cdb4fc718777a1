// The elementwise functions of one variable in float64, with their derivatives. The kernels know them by their order.

import { activation64, activationDerivative } from "./matmul-reference";
import type { Activation } from "./matmul-tiles";

/** `first` and `second` are the numbers that scale-and-shift and clamp carry. */
type Curve = (x: number, first: number, second: number) => number;
export interface UnaryFunction {
  formula: string;
  value: Curve;
  derivative: Curve;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const activation = (kind: Activation, formula: string): UnaryFunction => ({
  formula,
  value: (x) => activation64(kind, x),
  derivative: (x) => activationDerivative(kind, x),
});

/** Order is meaning: `FUNCTION` of shaders/ops/unary.wgsl and unary_backward.wgsl is the place in this record. */
export const UNARY = {
  relu: activation("relu", "max(x, 0)"),
  gelu: activation("gelu", "x·Φ(x)"),
  "gelu-tanh": activation("gelu-tanh", "½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))"),
  "quick-gelu": activation("quick-gelu", "x / (1 + exp(-1.702x))"),
  silu: activation("silu", "x / (1 + exp(-x))"),
  sigmoid: {
    formula: "1 / (1 + exp(-x))",
    value: sigmoid,
    derivative: (x) => sigmoid(x) * sigmoid(-x),
  },
  tanh: { formula: "tanh(x)", value: Math.tanh, derivative: (x) => 4 * sigmoid(2 * x) * sigmoid(-2 * x) },
  exp: { formula: "exp(x)", value: Math.exp, derivative: Math.exp },
  log: { formula: "ln(x)", value: Math.log, derivative: (x) => 1 / x },
  sqrt: { formula: "√x", value: Math.sqrt, derivative: (x) => 0.5 / Math.sqrt(x) },
  rsqrt: {
    formula: "1 / √x",
    value: (x) => 1 / Math.sqrt(x),
    derivative: (x) => -0.5 / (x * Math.sqrt(x)),
  },
  square: { formula: "x²", value: (x) => x * x, derivative: (x) => 2 * x },
  abs: { formula: "|x|", value: Math.abs, derivative: Math.sign },
  sign: { formula: "-1, 0 or 1", value: Math.sign, derivative: () => 0 },
  sin: { formula: "sin(x)", value: Math.sin, derivative: Math.cos },
  cos: { formula: "cos(x)", value: Math.cos, derivative: (x) => -Math.sin(x) },
  neg: { formula: "-x", value: (x) => -x, derivative: () => -1 },
  affine: {
    formula: "scale·x + shift",
    value: (x, scale, shift) => scale * x + shift,
    derivative: (_, scale) => scale,
  },
  clamp: {
    formula: "min(max(x, low), high)",
    value: (x, low, high) => Math.min(Math.max(x, low), high),
    derivative: (x, low, high) => (x >= low && x <= high ? 1 : 0),
  },
} as const satisfies Record<string, UnaryFunction>;

export type UnaryName = keyof typeof UNARY;

const NAMES = Object.keys(UNARY);
export const unaryCode = (name: UnaryName): number => NAMES.indexOf(name);
