// Convolution over pictures [B, H, W, C], its transpose and its weight gradient: three records that are each other's
// gradients. Weights are PyTorch's with the channels moved to the end: [O, height, width, C], and [C, height, width, O] for
// the transpose, so that all three read one layout. Sums run in f32.

import { TesseraError } from "../base/errors";
import type { Tensor } from "../tensor/tensor";
import {
  type ConvAttrs,
  type ConvTransposeAttrs,
  type ConvWeightsAttrs,
  convResults,
  convSize,
  expectConv,
  expectConvWeights,
  launchConv,
  launchConvWeights,
  namedInputs,
  type Pair,
  type Steps,
  transposeSize,
} from "./conv2d-plan";
import { convReference, convTransposeReference, convWeightsReference } from "./conv2d-reference";
import {
  convRejects,
  convSamples,
  convTransposeRejects,
  convTransposeSamples,
  convWeightsRejects,
  convWeightsSamples,
} from "./conv2d-samples";
import { MATMUL_VARIANTS } from "./matmul-tiles";
import { ALONE, defineOp, type Op, type OpSpec, type Sweep } from "./op";
import { sum } from "./reduce";
import { slopeBefore } from "./unary-backward";

const BOUND: OpSpec<ConvAttrs>["bound"] = {
  f32: {
    rel: 2e-6,
    scaled: 2e-6,
    why: "as matmul: k rounded additions of random sign, about √k·2⁻²⁵ of the largest result",
  },
  f16: {
    rel: 1e-3,
    scaled: 2e-5,
    why: "one rounding of the result to f16 (4.9e-4); products and sums are f32",
  },
  gradient: { rel: 1e-5, scaled: 1e-5, why: "again such a sum, over places or output channels" },
};

export const convOp: Op<ConvAttrs> = defineOp<ConvAttrs>({
  name: "conv2d",
  summary: "y[b, p, o] = act(bias[o] + Σ x[b, p·stride − padding + tap, c]·weight[o, tap, c]) + residual",
  inputs: ["x", "weight", "bias", "residual"],
  optional: 2,
  variants: MATMUL_VARIANTS,
  infer(inputs, attrs) {
    expectConv("conv2d", inputs, attrs, false);
    const [x, weight] = inputs;
    const size = convSize("conv2d", x.shape.slice(1, 3), weight.shape.slice(1, 3), attrs);
    return convResults("conv2d", inputs, [x.shape[0], ...size, weight.shape[0]], attrs);
  },
  launch(context) {
    launchConv(context, context.outputs, context.attrs, false);
  },
  vjp(dys, { inputs, outputs: [, kept], attrs, sweep = ALONE }) {
    const { x, weight, bias } = namedInputs(inputs, attrs);
    const given = bias ? [x, weight, bias] : [x, weight];
    const dz = slope("conv2d", dys, attrs, kept, (plain) => convOp(given, { ...attrs, ...plain })[0]);
    if (!dz) return inputs.map(() => undefined);
    const steps = { stride: attrs.stride, padding: attrs.padding };
    const kernel = pair(weight.shape[1], weight.shape[2]);
    const sums = bias !== undefined && sweep.wants(2);
    const outputPadding = pair(...[0, 1].map((i) => over(x.shape[i + 1], kernel[i], steps, i)));
    const dx = gradientOfX(sweep, (before) =>
      convTransposeOp([dz, weight, ...before], { ...steps, outputPadding, adds: before.length > 0 }),
    );
    const [dw, dsums] = sweep.wants(1) ? convWeightsOp([dz, x], { ...steps, kernel, sums }) : [];
    const dbias = sums && !dsums ? sum(dz, { axes: [0, 1, 2] }) : dsums;
    return [dx, dw, ...(bias ? [dbias] : []), ...(attrs.adds ? [dys[0]] : [])];
  },
  reference: convReference,
  samples: convSamples,
  rejects: convRejects,
  bound: BOUND,
});

/** Rows or columns at the end of a padded picture that no window of the stride reaches. */
const over = (n: number, kernel: number, { stride, padding }: Steps, i: number): number =>
  (n + 2 * padding[i] - kernel) % stride[i];

export const convTransposeOp: Op<ConvTransposeAttrs> = defineOp<ConvTransposeAttrs>({
  name: "conv2d-transpose",
  summary:
    "y[b, p·stride − padding + tap, o] = act(bias[o] + Σ x[b, p, c]·weight[c, tap, o]) + residual: conv2d's gradient for x",
  inputs: ["x", "weight", "bias", "residual"],
  optional: 2,
  variants: MATMUL_VARIANTS,
  infer(inputs, attrs) {
    expectConv("conv2d-transpose", inputs, attrs, true);
    const [x, weight] = inputs;
    const size = transposeSize("conv2d-transpose", x.shape.slice(1, 3), weight.shape.slice(1, 3), attrs);
    return convResults("conv2d-transpose", inputs, [x.shape[0], ...size, weight.shape[3]], attrs);
  },
  launch(context) {
    launchConv(context, context.outputs, context.attrs, true);
  },
  vjp(dys, { inputs, outputs: [, kept], attrs, sweep = ALONE }) {
    const { x, weight, bias } = namedInputs(inputs, attrs);
    const given = bias ? [x, weight, bias] : [x, weight];
    const again = (plain: Partial<ConvAttrs>): Tensor => convTransposeOp(given, { ...attrs, ...plain })[0];
    const dz = slope("conv2d-transpose", dys, attrs, kept, again);
    if (!dz) return inputs.map(() => undefined);
    const steps = { stride: attrs.stride, padding: attrs.padding };
    const kernel = pair(weight.shape[1], weight.shape[2]);
    return [
      gradientOfX(sweep, (before) => convOp([dz, weight, ...before], { ...steps, adds: before.length > 0 })),
      sweep.wants(1) ? convWeightsOp([x, dz], { ...steps, kernel, sums: false })[0] : undefined,
      ...(bias ? [sweep.wants(2) ? sum(dz, { axes: [0, 1, 2] }) : undefined] : []),
      ...(attrs.adds ? [dys[0]] : []),
    ];
  },
  reference: convTransposeReference,
  samples: convTransposeSamples,
  rejects: convTransposeRejects,
  bound: BOUND,
});

export const convWeightsOp: Op<ConvWeightsAttrs> = defineOp<ConvWeightsAttrs>({
  name: "conv2d-weights",
  summary:
    "dw[o, tap, c] = Σ dy[b, p, o]·x[b, p·stride − padding + tap, c], and s[o] = Σ dy[b, p, o]: gradients of weight and bias",
  inputs: ["dy", "x"],
  variants: MATMUL_VARIANTS,
  infer([dy, x], attrs) {
    expectConvWeights("conv2d-weights", dy, x, attrs);
    const out = dy.shape[3];
    const dw = { shape: [out, ...attrs.kernel, x.shape[3]], dtype: x.dtype };
    return attrs.sums ? [dw, { shape: [out], dtype: x.dtype }] : [dw];
  },
  launch(context) {
    launchConvWeights(context, context.inputs, context.outputs);
  },
  vjp: { none: "used inside gradients; second derivatives are not offered" },
  reference: convWeightsReference,
  samples: convWeightsSamples,
  rejects: convWeightsRejects,
  bound: BOUND,
});

/** Gradient of x, to which the product itself adds what other uses of x gave. */
function gradientOfX(sweep: Sweep, product: (before: readonly Tensor[]) => Tensor[]): Tensor | undefined {
  if (!sweep.wants(0)) return undefined;
  const before = sweep.take(0);
  return product(before ? [before] : [])[0];
}

/** Gradient before the activation, where there is one of y. */
function slope(
  what: string,
  [dy, dz]: readonly (Tensor | undefined)[],
  { activation }: ConvAttrs,
  kept: Tensor | undefined,
  again: (plain: Partial<ConvAttrs>) => Tensor,
): Tensor | undefined {
  if (dz) throw new TesseraError("no-gradient", `${what}: the kept argument is for the gradient of y only`);
  return dy && slopeBefore(dy, activation, kept, () => again({ activation: "none", adds: false }));
}

const pair = (...values: readonly number[]): Pair => [values[0], values[1]];

export interface ConvOptions extends Pick<ConvAttrs, "activation" | "keepsArgument"> {
  /** Vector [O], added before the activation. */
  bias?: Tensor;
  /** Shape of the result, added after the activation. */
  residual?: Tensor;
  /** Of both axes, or down and across; 1 when left out. */
  stride?: number | Pair;
  /** Zeros on each side; 0 when left out. */
  padding?: number | Pair;
}

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added at the end, fewer than the stride; 0 when left out. */
  outputPadding?: number | Pair;
}

const present = (...tensors: readonly (Tensor | undefined)[]): Tensor[] =>
  tensors.filter((tensor) => tensor !== undefined);

const both = (value: number | Pair): Pair => (typeof value === "number" ? [value, value] : value);

/**
 * act(conv(x, weight) + bias) + residual. x f[B, H, W, C], weight f[O, height, width, C] → f[B, H', W', O] with
 * H' = ⌊(H + 2·padding − height) / stride⌋ + 1. f32 or f16 storage, f32 sums. @throws TesseraError `shape`, `dtype`,
 * `arguments`.
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  const { bias, residual, stride = 1, padding = 0, ...rest } = options;
  const attrs = { stride: both(stride), padding: both(padding), adds: residual !== undefined, ...rest };
  return convOp([x, weight, ...present(bias, residual)], attrs)[0];
}

/**
 * As `conv2d` turned round: x f[B, H, W, C], weight f[C, height, width, O] → f[B, H', W', O] with
 * H' = (H − 1)·stride − 2·padding + height + outputPadding. @throws TesseraError `shape`, `dtype`, `arguments`.
 */
export function convTranspose2d(x: Tensor, weight: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const { bias, residual, stride = 1, padding = 0, outputPadding = 0, ...rest } = options;
  const attrs = {
    stride: both(stride),
    padding: both(padding),
    outputPadding: both(outputPadding),
    adds: residual !== undefined,
    ...rest,
  };
  return convTransposeOp([x, weight, ...present(bias, residual)], attrs)[0];
}
