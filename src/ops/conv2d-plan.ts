// Plans a convolution, its transpose and its weight gradient for the device, as matrix products whose operands are read
// out of pictures (lib/conv2d, lib/conv2d_weights): no copy holds the windows. The kernels are those of matmul-tiles.ts.
import { assert, TesseraError } from "../base/errors";
import { formatShape, type Shape } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { chooseSplits, padded } from "./matmul-plan";
import { type Activation, launchTiles } from "./matmul-tiles";
import { expectFloat, expectSameDtype, type LaunchContext } from "./op";
import { lengthClass } from "./rows";

/** Down and across. */
export type Pair = readonly [number, number];

export interface Steps {
  stride: Pair;
  /** Zeros on each side of the picture. */
  padding: Pair;
}
export interface ConvAttrs extends Steps {
  /** Of sum and bias. */
  activation?: Activation;
  /** Gives what goes into the activation as a second result, for the gradient, which else computes it again. */
  keepsArgument?: boolean;
  /** The last input is a residual of the result's shape, added after the activation. */
  adds?: boolean;
}
export interface ConvTransposeAttrs extends ConvAttrs {
  /** Rows and columns added at the end, below the stride: which of the sizes that a strided convolution shrinks to x. */
  outputPadding: Pair;
}
export interface ConvWeightsAttrs extends Steps {
  /** Height and width of the window. */
  kernel: Pair;
  /** Also gives the sums of dy over all places, the gradient of a bias. */
  sums: boolean;
}

/** What lib/divide takes. */
const MOST_BLOCKS = 2 ** 22;
/** A weight gradient has few results and many places to sum over; it is cut until this many 64 x 64 tiles are at work. */
const WANTED_TILES = 128;
/** Fewer inner blocks of four than this are not worth a part of their own. */
const LEAST_PART = 64;

/** What a convolution's inputs are: a bias and a residual may be among them, both or either. */
export function namedInputs<X>(
  [x, weight, ...rest]: readonly X[],
  { adds = false }: ConvAttrs,
): { x: X; weight: X; bias: X | undefined; residual: X | undefined } {
  const more: readonly (X | undefined)[] = rest;
  const residual = adds ? more.at(-1) : undefined;
  return { x, weight, bias: more.length > (adds ? 1 : 0) ? more[0] : undefined, residual };
}

/** Without an activation there is nothing to keep. */
export const keepsArgument = ({ keepsArgument: keeps = false, activation = "none" }: ConvAttrs): boolean =>
  keeps && activation !== "none";

const fours = (n: number): number => Math.ceil(n / 4);

/** @throws TesseraError `shape`, `dtype`, `arguments` unless x, the weight, the bias and the attributes go together. */
export function expectConv(
  what: string,
  inputs: readonly TensorSpec[],
  attrs: ConvAttrs,
  transposed: boolean,
): void {
  const { x, weight, bias } = namedInputs(inputs, attrs);
  expectFloat(x, `${what}: x`);
  expectSameDtype(x, weight, `${what}: x and weight`);
  if (x.shape.length !== 4)
    throw new TesseraError("shape", `${what}: x must be [B, H, W, C], got ${formatSpec(x)}`);
  const layout = transposed ? "[C, height, width, O]" : "[O, height, width, C]";
  const channels = transposed ? weight.shape[0] : weight.shape.at(-1);
  if (weight.shape.length !== 4 || channels !== x.shape[3] || weight.shape.includes(0))
    throw new TesseraError(
      "shape",
      `${what}: the weight must be ${layout} with C = ${x.shape[3]}, got ${formatSpec(weight)}`,
    );
  const out = transposed ? weight.shape[3] : weight.shape[0];
  if (bias) {
    expectSameDtype(x, bias, `${what}: x and bias`);
    if (formatShape(bias.shape) !== `[${out}]`)
      throw new TesseraError("shape", `${what}: bias must be [${out}], got ${formatShape(bias.shape)}`);
  }
  expectSteps(what, attrs.stride, attrs.padding);
}

function expectSteps(what: string, stride: Pair, padding: Pair): void {
  for (const [name, pair, least] of [
    ["stride", stride, 1],
    ["padding", padding, 0],
  ] as const) {
    if (pair.length !== 2 || !pair.every((n) => Number.isInteger(n) && n >= least))
      throw new TesseraError(
        "arguments",
        `${what}: ${name} must be two whole numbers of at least ${least}, got [${pair.join(", ")}]`,
      );
  }
}

/** Height and width of a convolution's result. @throws TesseraError `shape` where the window does not fit. */
export function convSize(what: string, picture: Shape, kernel: Shape, { stride, padding }: Steps): number[] {
  const size = picture.map((n, i) => Math.floor((n + 2 * padding[i] - kernel[i]) / stride[i]) + 1);
  if (size.some((n) => n < 1))
    throw new TesseraError(
      "shape",
      `${what}: a window of ${formatShape(kernel)} does not fit a picture of ${formatShape(picture)} with padding ${formatShape(padding)}`,
    );
  return size;
}

/** Height and width of a transposed convolution's result. @throws TesseraError `shape`, `arguments`. */
export function transposeSize(
  what: string,
  picture: Shape,
  kernel: Shape,
  { stride, padding, outputPadding }: ConvTransposeAttrs,
): number[] {
  if (!outputPadding.every((n, i) => Number.isInteger(n) && n >= 0 && n < stride[i]))
    throw new TesseraError(
      "arguments",
      `${what}: the output padding must be whole numbers below the stride ${formatShape(stride)}, got ${formatShape(outputPadding)}`,
    );
  const size = picture.map((n, i) => (n - 1) * stride[i] - 2 * padding[i] + kernel[i] + outputPadding[i]);
  if (size.some((n) => n < 1))
    throw new TesseraError(
      "shape",
      `${what}: a picture of ${formatShape(picture)} with padding ${formatShape(padding)} leaves ${formatShape(size)}`,
    );
  return size;
}

/** Shapes of y and of what goes into the activation, where it is kept. @throws TesseraError for a residual of another. */
export function convResults(
  what: string,
  inputs: readonly TensorSpec[],
  shape: Shape,
  attrs: ConvAttrs,
): TensorSpec[] {
  const { dtype } = inputs[0];
  const { residual } = namedInputs(inputs, attrs);
  if (attrs.adds && formatSpec(residual ?? { shape: [], dtype }) !== formatSpec({ shape, dtype }))
    throw new TesseraError(
      "shape",
      `${what}: residual must be ${formatSpec({ shape, dtype })}, got ${residual ? formatSpec(residual) : "none"}`,
    );
  return Array.from({ length: keepsArgument(attrs) ? 2 : 1 }, () => ({ shape, dtype }));
}

/** @throws TesseraError unless dy is what a convolution of x with such a window gives. */
export function expectConvWeights(
  what: string,
  dy: TensorSpec,
  x: TensorSpec,
  attrs: ConvWeightsAttrs,
): void {
  expectFloat(x, `${what}: x`);
  expectSameDtype(dy, x, `${what}: dy and x`);
  expectSteps(what, attrs.stride, attrs.padding);
  const size = convSize(what, x.shape.slice(1, 3), attrs.kernel, attrs);
  const wanted = [x.shape[0], ...size].join(", ");
  if (
    dy.shape.length !== 4 ||
    dy.shape.slice(0, 3).join(", ") !== wanted ||
    dy.shape[3] < 1 ||
    x.shape[3] < 1
  )
    throw new TesseraError("shape", `${what}: dy must be [${wanted}, O], got ${formatSpec(dy)}`);
  if (dy.shape[0] * dy.shape[1] * fours(dy.shape[2]) > MOST_BLOCKS)
    throw new TesseraError(
      "shape",
      `${what}: dy ${formatSpec(dy)} has more than ${4 * MOST_BLOCKS} places; split the batch`,
    );
}

/**
 * Records y = act(conv(x, weight) + bias) + residual, or with `transposed` its transpose: places of y and x change roles. A second
 * output takes what goes into the activation.
 */
export function launchConv<A>(
  context: LaunchContext<A>,
  [y, kept]: readonly Tensor[],
  attrs: ConvAttrs,
  transposed: boolean,
): void {
  const { stride, padding, activation = "none" } = attrs;
  const { x, weight, bias, residual } = namedInputs(context.inputs, attrs);
  if (y.size === 0) return;
  const [batch, height, width, channels] = x.shape;
  const [, outHeight, outWidth, n] = y.shape;
  const [rows, kernelY, kernelX] = weight.shape;
  const a = padded(context, x, false);
  const b = padded(context, weight, false);
  const up: Pair = transposed ? stride : [1, 1];
  const down: Pair = transposed ? [1, 1] : stride;
  const grid = [Math.ceil(outHeight / up[0]), Math.ceil(outWidth / up[1])];
  const taps = Math.ceil(kernelY / up[0]) * Math.ceil(kernelX / up[1]);
  const phases = up[0] * up[1];
  const m = batch * grid[0] * grid[1];
  const inner = taps * fours(channels);
  assert(inner < MOST_BLOCKS, "a window of more than 2^24 values");
  const splits = chooseSplits(fours(m) * fours(n) * phases, inner);
  const b4 = b.row / 4;
  const pad = transposed ? [kernelY - 1 - padding[0], kernelX - 1 - padding[1]] : padding;
  launchTiles(context, {
    operands: {
      a: a.tensor,
      b: b.tensor,
      bias,
      residual,
      c: y,
      extra: kept && { kind: "argument", tensor: kept },
    },
    activation,
    scale: 1,
    tiles: { m, n, count: phases },
    result: { m: y.size / n, n, count: 1 },
    splits,
    link: { constants: { FORWARD: transposed ? 0 : 1 }, imports: { "lib/matmul": "lib/conv2d" } },
    uniforms: {
      batch: [1, splits, ...up],
      source: [height, width, a.row / 4, rows],
      grid: [...grid, outHeight, outWidth],
      step: [...up, ...down],
      kernel: [kernelY, kernelX, kernelY * kernelX * b4, b4],
      pad: [...pad, 0, 0],
      k4: Math.ceil(inner / splits),
      size: y.size,
      by_channels: 4 / a.row,
    },
    work: (2 * batch * outHeight * outWidth * n * channels * kernelY * kernelX) / phases,
    shapeClass: `${x.dtype} ${[m, n, 4 * inner, phases].map(lengthClass).join("x")}`,
  });
}

/** Records dw [O, kernel, C] = Σ dy·window of x over all places, and the sums of dy. */
export function launchConvWeights(
  context: LaunchContext<ConvWeightsAttrs>,
  [dy, x]: readonly Tensor[],
  [dw, sums]: readonly Tensor[],
): void {
  const { stride, padding, kernel } = context.attrs;
  const [batch, outHeight, outWidth, m] = dy.shape;
  const [, height, width, channels] = x.shape;
  const a = padded(context, dy, false);
  const b = padded(context, x, false);
  const taps = kernel[0] * kernel[1];
  const n = taps * b.row;
  const across = fours(outWidth);
  const blocks = batch * outHeight * across;
  const tiles = Math.ceil(m / 64) * Math.ceil(n / 64);
  const splits = Math.max(1, Math.min(Math.ceil(WANTED_TILES / tiles), Math.floor(blocks / LEAST_PART)));
  launchTiles(context, {
    operands: { a: a.tensor, b: b.tensor, c: dw, extra: sums && { kind: "row sums", tensor: sums } },
    activation: "none",
    scale: 1,
    tiles: { m, n, count: 1 },
    result: { m, n: taps * channels, count: 1 },
    splits,
    link: { constants: {}, imports: { "lib/matmul": "lib/conv2d_weights" } },
    uniforms: {
      batch: [1, 1, 1, splits],
      places: [outHeight, outWidth, across, a.row / 4],
      picture: [height, width, b.row / 4, channels],
      kernel: [...kernel, ...stride],
      pad: [...padding, 0, 0],
      k4: Math.ceil(blocks / splits),
      blocks,
      size: dw.size,
      by_blocks: 1 / across,
      by_height: 1 / outHeight,
    },
    work: 2 * batch * outHeight * outWidth * m * channels * taps,
    shapeClass: `${x.dtype} ${[m, n, 4 * blocks].map(lengthClass).join("x")}`,
  });
}
