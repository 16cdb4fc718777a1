// Elementwise functions of one variable: f32 or f16, any shape, computed in f32. One kernel, specialised by function.
import { TesseraError } from "../base/errors";
import { type Tensor, zeros } from "../tensor/tensor";
import { defineUnary, EXACT, LINE, LINEAR, ulps } from "./unary-record";

type None = Record<string, never>;
export interface AffineAttrs {
  scale: number;
  shift: number;
}
export interface ClampAttrs {
  low: number;
  high: number;
}

/** Φ and the logistic function are exponentials: 3 + 2|t| ULP at exponent t, which ends at 88, and a few products. */
const TAIL = ulps(
  190,
  "exp allows 3 + 2|t| ULP, 179 at t = 88 where f32 ends; beyond, the tail is cut",
  1e-29,
);
const NORMAL_ATTRS: None = {};
const basic = { attrs: NORMAL_ATTRS };

export const reluOp = defineUnary<None>("relu", { ...basic, ends: LINE, f32: EXACT });
export const geluOp = defineUnary<None>("gelu", {
  ...basic,
  ends: LINE,
  f32: TAIL,
  samples: [{ name: "odd", inputs: [{ shape: [3, 5] }], attrs: {} }],
});
export const geluTanhOp = defineUnary<None>("gelu-tanh", { ...basic, ends: LINE, f32: TAIL });
export const quickGeluOp = defineUnary<None>("quick-gelu", { ...basic, ends: LINE, f32: TAIL });
export const siluOp = defineUnary<None>("silu", { ...basic, ends: LINE, f32: TAIL });
export const sigmoidOp = defineUnary<None>("sigmoid", { ...basic, ends: LINE, f32: TAIL });

export const tanhOp = defineUnary<None>("tanh", {
  ...basic,
  ends: [-6e4, -9, -0.625, -1e-6, 0, 0.6249, 0.01, 6e4],
  f32: ulps(
    6,
    "relative also near zero: a polynomial of 2e-8 and 3 ULP, else 1 - 2 / (exp + 1) with exp ≥ 3.5",
  ),
});

export const expOp = defineUnary<None>("exp", {
  ...basic,
  ends: [-80, -10, -1e-6, 0, 1, 10, 50, 88],
  endsDtype: "f32",
  f32: ulps(180, "exp allows 3 + 2|x| ULP, 179 at x = 88"),
});

export const logOp = defineUnary<None>("log", {
  ...basic,
  fill: { kind: "uniform", from: 0.01, to: 9 },
  ends: [1.2e-38, 1e-3, Math.SQRT1_2, 1 - 2 ** -24, 1, 1 + 2 ** -23, 2.5, 3.4e38],
  endsDtype: "f32",
  f32: ulps(3, "own kernel: polynomial 3e-9, then three roundings of terms that do not cancel"),
});

export const sqrtOp = defineUnary<None>("sqrt", {
  ...basic,
  fill: { kind: "uniform", from: 0.01, to: 9 },
  ends: [0, 1.2e-38, 1e-3, 1, 2, 6e4, 1e20, 3.4e38],
  endsDtype: "f32",
  f32: ulps(5, "WGSL allows 1 / inverseSqrt: 2 ULP and a division of 2.5"),
});

export const rsqrtOp = defineUnary<None>("rsqrt", {
  ...basic,
  fill: { kind: "uniform", from: 0.05, to: 9 },
  ends: [1.2e-38, 1e-6, 1e-3, 1, 2, 6e4, 1e20, 3.4e38],
  endsDtype: "f32",
  f32: ulps(2, "WGSL allows 2 ULP"),
});

export const squareOp = defineUnary<None>("square", {
  ...basic,
  ends: [-250, -1e-2, 0, 1e-2, 3, 7.5, 200, 255],
  f32: ulps(0.5, "one rounding"),
});

export const absOp = defineUnary<None>("abs", { ...basic, ends: LINE, f32: EXACT });

/** Flat everywhere: its gradient is zeros. */
export const signOp = defineUnary<None>("sign", {
  ...basic,
  ends: LINE,
  f32: EXACT,
  vjp: (dy) => zeros(dy.gpu, dy.shape, dy.dtype),
});

const ANGLES = [-65_504, -300, -Math.PI / 2, -1e-6, 0, Math.PI, 1000, 65_504];
const TURNED = ulps(
  2,
  "own kernel: polynomials of 2e-8, arguments to 65,536 reduced with an error of 1e-7",
  2e-7,
);
export const sinOp = defineUnary<None>("sin", { ...basic, ends: ANGLES, f32: TURNED });
export const cosOp = defineUnary<None>("cos", { ...basic, ends: ANGLES, f32: TURNED });

export const negOp = defineUnary<None>("neg", {
  ...basic,
  ends: LINE,
  f32: EXACT,
  gradient: LINEAR,
  vjp: (dy) => neg(dy),
  samples: [
    { name: "scalar", inputs: [{ shape: [] }], attrs: {} },
    { name: "empty", inputs: [{ shape: [3, 0] }], attrs: {} },
    {
      name: "long",
      inputs: [{ shape: [300_001] }],
      attrs: {},
      noGradient: "size: the small samples cover it",
    },
  ],
});

export const affineOp = defineUnary<AffineAttrs>("affine", {
  attrs: { scale: -0.75, shift: 2.5 },
  numbers: ({ scale, shift }) => [scale, shift],
  check({ scale, shift }) {
    if (!Number.isFinite(scale) || !Number.isFinite(shift)) {
      throw new TesseraError(
        "arguments",
        `affine: scale and shift must be finite numbers, got ${scale} and ${shift}`,
      );
    }
  },
  ends: LINE,
  f32: { rel: 1.2e-7, scaled: 0, abs: 4e-3, why: "two roundings, the first of |scale·x| ≤ 4.5e4: 2e-3" },
  gradient: LINEAR,
  vjp: (dy, { scale }) => affine(dy, scale, 0),
  rejects: [
    {
      inputs: [{ shape: [2], dtype: "f32" }],
      attrs: { scale: Number.NaN, shift: 0 },
      says: "affine: scale and shift must be finite numbers, got NaN and 0",
    },
  ],
});

/** The gradient passes where low ≤ x ≤ high, ends included. */
export const clampOp = defineUnary<ClampAttrs>("clamp", {
  attrs: { low: -1.5, high: 2.25 },
  numbers: ({ low, high }) => [low, high],
  check({ low, high }) {
    if (!(low <= high)) {
      throw new TesseraError("arguments", `clamp: low must be at most high, got ${low} and ${high}`);
    }
  },
  ends: [-6e4, -1.5, -1.4, 0, 2.2, 2.25, 2.3, 6e4],
  f32: EXACT,
  rejects: [
    {
      inputs: [{ shape: [2], dtype: "f32" }],
      attrs: { low: 2, high: 1 },
      says: "clamp: low must be at most high, got 2 and 1",
    },
  ],
});

/** max(x, 0). Gradient 0 at 0. */
export const relu = (x: Tensor): Tensor => reluOp([x], {})[0];
/** x·Φ(x) with the normal distribution function itself. */
export const gelu = (x: Tensor): Tensor => geluOp([x], {})[0];
/** The tanh form of GELU. */
export const geluTanh = (x: Tensor): Tensor => geluTanhOp([x], {})[0];
/** x·sigmoid(1.702 x). */
export const quickGelu = (x: Tensor): Tensor => quickGeluOp([x], {})[0];
/** x·sigmoid(x). */
export const silu = (x: Tensor): Tensor => siluOp([x], {})[0];
export const sigmoid = (x: Tensor): Tensor => sigmoidOp([x], {})[0];
export const tanh = (x: Tensor): Tensor => tanhOp([x], {})[0];
/** eˣ; beyond x = 88.7 (11.1 in f16) it overflows as the device does. */
export const exp = (x: Tensor): Tensor => expOp([x], {})[0];
/** Natural logarithm of x > 0; other arguments give what the device gives. */
export const log = (x: Tensor): Tensor => logOp([x], {})[0];
export const sqrt = (x: Tensor): Tensor => sqrtOp([x], {})[0];
/** 1 / √x. */
export const rsqrt = (x: Tensor): Tensor => rsqrtOp([x], {})[0];
export const square = (x: Tensor): Tensor => squareOp([x], {})[0];
/** |x|. Gradient 0 at 0. */
export const abs = (x: Tensor): Tensor => absOp([x], {})[0];
/** -1, 0 or 1. */
export const sign = (x: Tensor): Tensor => signOp([x], {})[0];
/** Radians; accurate to 2e-7 for |x| ≤ 65,536. */
export const sin = (x: Tensor): Tensor => sinOp([x], {})[0];
/** Radians; accurate to 2e-7 for |x| ≤ 65,536. */
export const cos = (x: Tensor): Tensor => cosOp([x], {})[0];
export const neg = (x: Tensor): Tensor => negOp([x], {})[0];
/** scale·x + shift. */
export const affine = (x: Tensor, scale: number, shift: number): Tensor => affineOp([x], { scale, shift })[0];
/** x limited to [low, high]; the limits are rounded to f32. @throws TesseraError `arguments` unless low ≤ high. */
export const clamp = (x: Tensor, low: number, high: number): Tensor => clampOp([x], { low, high })[0];
