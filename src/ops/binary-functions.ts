// The elementwise functions of two variables in float64, with their derivatives. The kernels know them by their order.

type Surface = (a: number, b: number) => number;
export interface BinaryFunction {
  formula: string;
  value: Surface;
  /** ∂/∂a and ∂/∂b; comparisons have none. */
  derivatives?: readonly [Surface, Surface];
}

/** 1 where the first wins, ½ where both are equal. */
const share = (winner: number, loser: number): number => (winner > loser ? 1 : winner === loser ? 0.5 : 0);

/** Order is meaning: `FUNCTION` of shaders/ops/binary.wgsl and binary_backward.wgsl is the place in this record. */
export const BINARY = {
  add: { formula: "a + b", value: (a, b) => a + b, derivatives: [() => 1, () => 1] },
  sub: { formula: "a - b", value: (a, b) => a - b, derivatives: [() => 1, () => -1] },
  mul: { formula: "a·b", value: (a, b) => a * b, derivatives: [(_, b) => b, (a) => a] },
  div: { formula: "a / b", value: (a, b) => a / b, derivatives: [(_, b) => 1 / b, (a, b) => -a / (b * b)] },
  maximum: {
    formula: "max(a, b)",
    value: (a, b) => Math.max(a, b),
    derivatives: [(a, b) => share(a, b), (a, b) => share(b, a)],
  },
  minimum: {
    formula: "min(a, b)",
    value: (a, b) => Math.min(a, b),
    derivatives: [(a, b) => share(b, a), (a, b) => share(a, b)],
  },
  pow: {
    formula: "a^b",
    value: (a, b) => a ** b,
    derivatives: [(a, b) => (b === 0 ? 0 : b * a ** (b - 1)), (a, b) => (a > 0 ? a ** b * Math.log(a) : 0)],
  },
  greater: { formula: "1 where a > b, else 0", value: (a, b) => Number(a > b) },
  "greater-equal": { formula: "1 where a ≥ b, else 0", value: (a, b) => Number(a >= b) },
  equal: { formula: "1 where a = b, else 0", value: (a, b) => Number(a === b) },
} as const satisfies Record<string, BinaryFunction>;

export type BinaryName = keyof typeof BINARY;
/** Functions whose gradient has a kernel of its own. */
export type CurvedName = "div" | "maximum" | "minimum" | "pow";

const NAMES = Object.keys(BINARY);
export const binaryCode = (name: BinaryName): number => NAMES.indexOf(name);
