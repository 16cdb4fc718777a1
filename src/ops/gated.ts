// Gated units of feed-forward layers: half of a row, activated, times the other half (SwiGLU, GEGLU). One dispatch each way.
// Source: Shazeer, "GLU Variants Improve Transformer", 2020.

import sourceText from "../../shaders/ops/gated.wgsl?raw";
import backwardText from "../../shaders/ops/gated_backward.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Variant } from "../gpu/work";
import { formatShape, sameShape } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { defineOp, expectFloat, expectSameDtype, type Op } from "./op";
import { UNARY, unaryCode } from "./unary-functions";
import { arithmetic, gridOf } from "./width";

const forward: KernelSource = { file: "ops/gated.wgsl", text: sourceText };
const backward: KernelSource = { file: "ops/gated_backward.wgsl", text: backwardText };

export interface GatedAttrs {
  activation: "silu" | "gelu" | "gelu-tanh" | "sigmoid" | "relu";
}

function expectHalves(x: TensorSpec, what: string): number[] {
  expectFloat(x, what);
  const n = x.shape.at(-1);
  if (n === undefined || n % 2 !== 0)
    throw new TesseraError("shape", `${what} needs rows of an even length, got ${formatSpec(x)}`);
  return [...x.shape.slice(0, -1), n / 2];
}

function variant(source: KernelSource, half: TensorSpec, { activation }: GatedAttrs): Variant {
  const n = half.shape.at(-1)!;
  const wide = n % 4 === 0;
  const width = wide ? 4 : 1;
  const size = half.shape.reduce((product, m) => product * m, 1);
  const { groups, uniforms } = gridOf(size / width);
  return {
    name: "value",
    kernel: kernel(source, {
      types: { ...arithmetic(half.dtype, wide), E: wide ? "vec4<T>" : "T" },
      constants: { FUNCTION: unaryCode(activation) },
    }),
    groups,
    uniforms: { ...uniforms, n: n / width },
  };
}

export const gatedOp: Op<GatedAttrs> = defineOp<GatedAttrs>({
  name: "gated",
  summary: "y = act(a)·b for rows [a | b]",
  inputs: ["x"],
  variants: ["value"],
  infer: ([x]) => [{ shape: expectHalves(x, "gated: x"), dtype: x.dtype }],
  launch({ inputs: [x], outputs: [y], attrs, dispatch }) {
    if (y.size === 0) return;
    dispatch({ variants: [variant(forward, y, attrs)], bindings: [x, y], work: y.size * 30 });
  },
  vjp: ([dy], { inputs: [x], attrs }) => [dy && gatedBackwardOp([dy, x], attrs)[0]],
  reference([x], { activation }) {
    const n = x.shape.at(-1)! / 2;
    const act = UNARY[activation].value;
    const data = Float64Array.from({ length: x.data.length / 2 }, (_, i) => {
      const at = i + Math.floor(i / n) * n;
      return act(x.data[at], 0, 0) * x.data[at + n];
    });
    return [{ shape: [...x.shape.slice(0, -1), n], data }];
  },
  samples: [
    { name: "one", inputs: [{ shape: [1, 2] }], attrs: { activation: "silu" } },
    { name: "odd", inputs: [{ shape: [3, 5, 14] }], attrs: { activation: "silu" } },
    { name: "by fours", inputs: [{ shape: [7, 24] }], attrs: { activation: "gelu" } },
    { name: "tanh form", inputs: [{ shape: [6, 8] }], attrs: { activation: "gelu-tanh" } },
    { name: "the original gate", inputs: [{ shape: [6, 10] }], attrs: { activation: "sigmoid" } },
    {
      name: "long",
      inputs: [{ shape: [90_001, 6] }],
      attrs: { activation: "silu" },
      noGradient: "size: the small samples cover it",
    },
    { name: "no rows", inputs: [{ shape: [0, 8] }], attrs: { activation: "silu" } },
  ],
  rejects: [
    {
      inputs: [{ shape: [4, 7], dtype: "f32" }],
      attrs: { activation: "silu" },
      says: "gated: x needs rows of an even length, got f32[4, 7]",
    },
  ],
  bound: {
    f32: {
      rel: 4e-6,
      scaled: 1e-7,
      why: "the activation within 31 ULP where |x| < 14 (exp allows 3 + 2|x|), and one product",
    },
    f16: { rel: 1e-3, scaled: 1e-6, abs: 6e-8, why: "one rounding of the result to f16; f32 inside" },
    gradient: { rel: 5e-6, scaled: 2e-6, why: "the bound of unary-backward and a product" },
  },
});

/** dx [..., 2n] from [dy [..., n], x]. First order only. */
export const gatedBackwardOp = defineOp<GatedAttrs>({
  name: "gated-backward",
  summary: "dx = [dy·b·act'(a) | dy·act(a)] for rows x = [a | b]",
  inputs: ["dy", "x"],
  variants: ["value"],
  infer([dy, x]) {
    const half = expectHalves(x, "gated-backward: x");
    expectSameDtype(dy, x, "gated-backward");
    if (!sameShape(dy.shape, half))
      throw new TesseraError(
        "shape",
        `gated-backward: dy must be ${formatShape(half)}, got ${formatShape(dy.shape)}`,
      );
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [dy, x], outputs: [dx], attrs, dispatch }) {
    if (dy.size === 0) return;
    dispatch({ variants: [variant(backward, dy, attrs)], bindings: [dy, x, dx], work: dy.size * 60 });
  },
  vjp: { none: "second derivatives are not offered" },
  reference([dy, x], { activation }) {
    const n = x.shape.at(-1)! / 2;
    const { value, derivative } = UNARY[activation];
    const data = new Float64Array(x.data.length);
    dy.data.forEach((slope, i) => {
      const at = i + Math.floor(i / n) * n;
      data[at] = slope * x.data[at + n] * derivative(x.data[at], 0, 0);
      data[at + n] = slope * value(x.data[at], 0, 0);
    });
    return [{ shape: x.shape, data }];
  },
  samples: (["silu", "gelu", "gelu-tanh", "sigmoid", "relu"] as const).map((activation, i) => ({
    name: activation,
    inputs: [{ shape: [5, 3 + i] }, { shape: [5, 6 + 2 * i] }],
    attrs: { activation },
  })),
  rejects: [
    {
      inputs: [
        { shape: [2, 3], dtype: "f32" },
        { shape: [2, 4], dtype: "f32" },
      ],
      attrs: { activation: "silu" },
      says: "gated-backward: dy must be [2, 2], got [2, 3]",
    },
  ],
  bound: {
    f32: { rel: 5e-6, scaled: 1e-6, why: "the bound of unary-backward and two products" },
    f16: { rel: 1e-3, scaled: 1e-6, abs: 6e-7, why: "one rounding of the result to f16; f32 inside" },
  },
});

/** act(a)·b for rows x = [a | b]: f[..., 2n] → f[..., n]. @throws TesseraError `shape` on rows of odd length. */
export const gated = (x: Tensor, activation: GatedAttrs["activation"] = "silu"): Tensor =>
  gatedOp([x], { activation })[0];
