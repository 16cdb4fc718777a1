// Samples and rejects of the convolution records: windows, strides, padding, channels of every remainder, every kernel.
import type { ConvAttrs, ConvTransposeAttrs, ConvWeightsAttrs, Pair } from "./conv2d-plan";
import { convSize } from "./conv2d-plan";
import type { Activation } from "./matmul-tiles";
import type { Reject, Sample } from "./op";

interface Case {
  name: string;
  /** Batch, height and width of the large picture, channels in and out of the convolution. */
  x: readonly [number, number, number, number];
  out: number;
  kernel: Pair;
  stride?: Pair;
  padding?: Pair;
  bias?: true;
  big?: true;
  activation?: Activation;
  keepsArgument?: true;
  /** With a residual. */
  adds?: true;
}

const CASES: readonly Case[] = [
  { name: "one", x: [1, 1, 1, 1], out: 1, kernel: [1, 1] },
  { name: "same size, odd channels", x: [2, 5, 7, 3], out: 5, kernel: [3, 3], padding: [1, 1], bias: true },
  { name: "by fours", x: [1, 6, 5, 8], out: 12, kernel: [3, 3], padding: [1, 1] },
  { name: "strided", x: [2, 7, 8, 4], out: 6, kernel: [3, 3], stride: [2, 2], padding: [1, 1], bias: true },
  { name: "even window, strided", x: [1, 8, 6, 5], out: 4, kernel: [4, 4], stride: [2, 2], padding: [1, 1] },
  { name: "stride beyond the window", x: [1, 7, 8, 2], out: 3, kernel: [1, 2], stride: [3, 4], bias: true },
  { name: "window beyond the picture", x: [1, 4, 3, 2], out: 2, kernel: [5, 7], padding: [3, 4] },
  {
    name: "padding beyond the window",
    x: [1, 3, 4, 2],
    out: 2,
    kernel: [1, 2],
    stride: [1, 2],
    padding: [2, 3],
  },
  {
    name: "each axis its own",
    x: [1, 6, 9, 3],
    out: 2,
    kernel: [2, 4],
    stride: [1, 2],
    padding: [0, 2],
    bias: true,
  },
  {
    name: "every kernel",
    x: [1, 12, 13, 68],
    out: 70,
    kernel: [3, 3],
    padding: [1, 1],
    bias: true,
    big: true,
  },
  {
    name: "every kernel, strided",
    x: [2, 24, 23, 66],
    out: 67,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1],
    bias: true,
    big: true,
  },
  {
    name: "split inner axis",
    x: [1, 4, 3, 132],
    out: 130,
    kernel: [3, 3],
    padding: [1, 1],
    bias: true,
    big: true,
  },
  {
    name: "activated",
    x: [1, 4, 5, 3],
    out: 6,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1],
    bias: true,
    activation: "silu",
  },
  { name: "residual", x: [2, 5, 6, 4], out: 4, kernel: [3, 3], stride: [1, 2], padding: [1, 1], adds: true },
  {
    name: "activated, residual",
    x: [1, 4, 5, 3],
    out: 6,
    kernel: [3, 2],
    padding: [1, 0],
    bias: true,
    activation: "gelu",
    adds: true,
  },
  {
    name: "argument kept",
    x: [2, 5, 4, 4],
    out: 7,
    kernel: [2, 2],
    stride: [2, 1],
    bias: true,
    activation: "gelu",
    keepsArgument: true,
  },
  {
    name: "argument kept, split",
    x: [1, 2, 3, 128],
    out: 132,
    kernel: [3, 3],
    padding: [1, 1],
    activation: "relu",
    keepsArgument: true,
    adds: true,
    big: true,
  },
  { name: "no pictures", x: [0, 5, 5, 4], out: 4, kernel: [3, 3] },
];

const KEPT = "what is kept has no gradient of its own; the layers' golden test covers that of the result";
const SIZE = "size: the small samples cover it";
/** Every variant takes a second to compile on software adapters; f16 goes through the small ones. */
const input = (shape: readonly number[], big = false) => ({
  shape,
  dtype: big ? ("f32" as const) : undefined,
});

interface Filled extends Required<Pick<Case, "name" | "x" | "out" | "kernel" | "stride" | "padding">> {
  /** Of the fused epilogue. */
  act: Pick<ConvAttrs, "activation" | "keepsArgument" | "adds">;
  noGradient?: string;
  bias: boolean;
  big: boolean;
  /** Height and width of the convolution's result. */
  small: number[];
}
const filled = CASES.map((c): Filled => {
  const { stride = [1, 1], padding = [0, 0], bias = false, big = false, activation, keepsArgument, adds } = c;
  const small = convSize("conv2d", c.x.slice(1, 3), c.kernel, { stride, padding });
  const act = { activation, keepsArgument, adds };
  const noGradient = keepsArgument ? KEPT : big ? SIZE : undefined;
  return { ...c, stride, padding, bias, big, small, act, noGradient };
});

export const convSamples: Sample<ConvAttrs>[] = filled.map(
  ({ name, x, out, kernel, stride, padding, bias, big, small, act, noGradient }) => ({
    name,
    inputs: [
      input(x, big),
      input([out, ...kernel, x[3]], big),
      ...(bias ? [input([out], big)] : []),
      ...(act.adds ? [input([x[0], ...small, out], big)] : []),
    ],
    attrs: { stride, padding, ...act },
    noGradient,
  }),
);

/** The same cases the other way: from the small picture to the large one. */
export const convTransposeSamples: Sample<ConvTransposeAttrs>[] = filled.map(
  ({ name, x, out, kernel, stride, padding, bias, big, small, act, noGradient }) => ({
    name,
    inputs: [
      input([x[0], ...small, out], big),
      input([out, ...kernel, x[3]], big),
      ...(bias ? [input([x[3]], big)] : []),
      ...(act.adds ? [input(x, big)] : []),
    ],
    attrs: {
      ...act,
      stride,
      padding,
      outputPadding: [0, 1].map((i) => (x[i + 1] + 2 * padding[i] - kernel[i]) % stride[i]) as [
        number,
        number,
      ],
    },
    noGradient,
  }),
);

export const convWeightsSamples: Sample<ConvWeightsAttrs>[] = [
  ...filled.filter(({ act }) => !act.activation && !act.adds),
  { ...filled[1], name: "many lines", x: [3, 31, 6, 3] as const, small: [31, 6] },
].map(({ name, x, out, kernel, stride, padding, bias, big, small }) => ({
  name,
  inputs: [input([x[0], ...small, out], big), input(x, big)],
  attrs: { stride, padding, kernel, sums: bias },
}));

const f32 = (...shape: number[]): { shape: number[]; dtype: "f32" } => ({ shape, dtype: "f32" });
const plain = { stride: [1, 1], padding: [0, 0] } as const;

export const convRejects: Reject<ConvAttrs>[] = [
  {
    inputs: [f32(4, 5, 3), f32(2, 3, 3, 3)],
    attrs: plain,
    says: "conv2d: x must be [B, H, W, C], got f32[4, 5, 3]",
  },
  {
    inputs: [f32(1, 5, 5, 3), f32(2, 3, 3, 4)],
    attrs: plain,
    says: "conv2d: the weight must be [O, height, width, C] with C = 3, got f32[2, 3, 3, 4]",
  },
  {
    inputs: [f32(1, 5, 5, 3), f32(2, 3, 3, 3), f32(3)],
    attrs: plain,
    says: "conv2d: bias must be [2], got [3]",
  },
  {
    inputs: [f32(1, 5, 5, 3), f32(2, 3, 3, 3), f32(1, 5, 5, 2)],
    attrs: { ...plain, adds: true },
    says: "conv2d: residual must be f32[1, 3, 3, 2], got f32[1, 5, 5, 2]",
  },
  {
    inputs: [f32(1, 2, 5, 3), f32(2, 3, 3, 3)],
    attrs: plain,
    says: "conv2d: a window of [3, 3] does not fit a picture of [2, 5] with padding [0, 0]",
  },
  {
    inputs: [f32(1, 5, 5, 3), f32(2, 3, 3, 3)],
    attrs: { stride: [0, 1], padding: [0, 0] },
    says: "conv2d: stride must be two whole numbers of at least 1, got [0, 1]",
  },
  {
    inputs: [f32(1, 5, 5, 3), { shape: [2, 3, 3, 3], dtype: "f16" }],
    attrs: plain,
    says: "conv2d: x and weight: element types differ, f32[1, 5, 5, 3] and f16[2, 3, 3, 3]; cast one of them",
  },
];

export const convTransposeRejects: Reject<ConvTransposeAttrs>[] = [
  {
    inputs: [f32(1, 5, 5, 3), f32(4, 3, 3, 2)],
    attrs: { ...plain, outputPadding: [0, 0] },
    says: "conv2d-transpose: the weight must be [C, height, width, O] with C = 3, got f32[4, 3, 3, 2]",
  },
  {
    inputs: [f32(1, 5, 5, 3), f32(3, 3, 3, 2)],
    attrs: { stride: [2, 2], padding: [1, 1], outputPadding: [1, 2] },
    says: "conv2d-transpose: the output padding must be whole numbers below the stride [2, 2], got [1, 2]",
  },
  {
    inputs: [f32(1, 1, 5, 3), f32(3, 1, 1, 2)],
    attrs: { ...plain, padding: [1, 0], outputPadding: [0, 0] },
    says: "conv2d-transpose: a picture of [1, 5] with padding [1, 0] leaves [-1, 5]",
  },
];

export const convWeightsRejects: Reject<ConvWeightsAttrs>[] = [
  {
    inputs: [f32(1, 5, 5, 3), f32(1, 5, 5, 2)],
    attrs: { ...plain, kernel: [3, 3], sums: false },
    says: "conv2d-weights: dy must be [1, 3, 3, O], got f32[1, 5, 5, 3]",
  },
  {
    inputs: [f32(5, 4096, 4096, 1), f32(5, 4096, 4096, 1)],
    attrs: { ...plain, kernel: [1, 1], sums: false },
    says: "conv2d-weights: dy f32[5, 4096, 4096, 1] has more than 16777216 places; split the batch",
  },
];
