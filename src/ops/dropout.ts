// Dropout on the counter-based generator: no mask is stored, the gradient draws the same numbers again. The clock is a
// tensor, so a replayed training step drops other values each time.
import sourceText from "../../shaders/ops/dropout.wgsl?raw";
import { TesseraError } from "../base/errors";
import { philox } from "../base/random";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Tensor } from "../tensor/tensor";
import { defineOp, expectFloat, type Op, type SampleInput } from "./op";
import { CLOCK_SIZE, expectClock, expectStream } from "./random";

const source: KernelSource = { file: "ops/dropout.wgsl", text: sourceText };
const LANES = 64;
const STEPS = 2 ** 24; // a uniform number has 24 bits

export interface DropoutAttrs {
  /** Share of values that become 0; from 0 to below 1. */
  rate: number;
  /** 0 to 2³² - 1. */
  seed: number;
  /** 0 to 2³² - 1: tells the dropouts of one model apart. */
  stream: number;
}

const clock = (...values: number[]): SampleInput => ({
  shape: [CLOCK_SIZE],
  dtype: "u32",
  fill: { kind: "values", values },
});

export const dropoutOp: Op<DropoutAttrs> = defineOp<DropoutAttrs>({
  name: "dropout",
  summary: "y = x / (1 - rate) where uniform number i of the stream is at least rate, else 0",
  inputs: ["x", "clock"],
  variants: ["block"],
  infer([x, time], attrs) {
    expectFloat(x, "dropout: x");
    expectClock(time, "dropout");
    expectStream("dropout", attrs, 0);
    if (!(attrs.rate >= 0 && attrs.rate < 1))
      throw new TesseraError("arguments", `dropout: rate must be from 0 to below 1, got ${attrs.rate}`);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [x, time], outputs: [y], attrs: { rate, seed, stream }, dispatch }) {
    const blocks = Math.ceil(x.size / 4);
    dispatch({
      variants: [
        {
          name: "block",
          kernel: kernel(source, { types: { T: x.dtype } }),
          groups: Math.ceil(blocks / LANES),
          uniforms: { count: x.size, seed, stream, limit: Math.ceil(rate * STEPS), scale: 1 / (1 - rate) },
        },
      ],
      bindings: [x, y, time],
      work: blocks * 300,
    });
  },
  vjp: ([dy], { inputs: [, time], attrs }) => [dy && dropoutOp([dy, time], attrs)[0], undefined],
  reference([x, time], { rate, seed, stream }) {
    const limit = Math.ceil(rate * STEPS);
    const data = x.data.map((v, i) => {
      const words = philox([Math.floor(i / 4), 0, time.data[0], time.data[1]], [seed, stream]);
      return words[i % 4] >>> 8 >= limit ? v / (1 - rate) : 0;
    });
    return [{ shape: x.shape, data }];
  },
  samples: [
    { name: "odd", inputs: [{ shape: [5, 7] }, clock(3, 0)], attrs: { rate: 0.3, seed: 1, stream: 9 } },
    {
      name: "rate 0 keeps all",
      inputs: [{ shape: [9] }, clock(0, 0)],
      attrs: { rate: 0, seed: 1, stream: 0 },
    },
    {
      name: "nearly all",
      inputs: [{ shape: [400] }, clock(1, 2)],
      attrs: { rate: 0.99, seed: 5, stream: 1 },
    },
    {
      name: "long",
      inputs: [{ shape: [60_003] }, clock(7, 1)],
      attrs: { rate: 0.5, seed: 2 ** 32 - 1, stream: 3 },
      noGradient: "size: the small samples cover it",
    },
    { name: "empty", inputs: [{ shape: [0, 4] }, clock(0, 0)], attrs: { rate: 0.5, seed: 0, stream: 0 } },
  ],
  rejects: [
    {
      inputs: [
        { shape: [4], dtype: "f32" },
        { shape: [2], dtype: "u32" },
      ],
      attrs: { rate: 1, seed: 0, stream: 0 },
      says: "dropout: rate must be from 0 to below 1, got 1",
    },
    {
      inputs: [
        { shape: [4], dtype: "f32" },
        { shape: [2], dtype: "f32" },
      ],
      attrs: { rate: 0.5, seed: 0, stream: 0 },
      says: "dropout: clock must be u32[2], got f32[2]",
    },
  ],
  bound: {
    f32: { rel: 2e-7, scaled: 0, why: "the factor is rounded once, the product once" },
    f16: { rel: 1e-3, scaled: 0, abs: 6e-8, why: "one rounding to f16" },
    gradient: { rel: 1e-6, scaled: 1e-6, why: "a product; finite differences of a linear map" },
  },
});

/** Drops values of x f[...] with probability `rate` and scales the rest; `clock` u32[2] selects the numbers. */
export const dropout = (x: Tensor, clockTensor: Tensor, attrs: DropoutAttrs): Tensor =>
  dropoutOp([x, clockTensor], attrs)[0];
