// Gradient of the elementwise functions of one variable, also of the activations that matmul applies to its result.
import sourceText from "../../shaders/ops/unary_backward.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { expectSameShape, type Tensor } from "../tensor/tensor";
import type { Activation } from "./matmul-tiles";
import { defineOp, expectFloat, expectSameDtype, type Sample } from "./op";
import { UNARY, type UnaryName, unaryCode } from "./unary-functions";
import { gridOf, widthOf } from "./width";

const source: KernelSource = { file: "ops/unary_backward.wgsl", text: sourceText };

export interface UnaryBackwardAttrs {
  function: UnaryName;
  /** Numbers of the function: low and high of clamp. */
  first?: number;
  second?: number;
}

const LINE = [-6e4, -50, -9, -1e-6, 0, 9, 50, 6e4];
/** Two samples a function: the middle and the ends of its domain, all with counts that go four at a time. */
const DOMAINS: readonly { name: UnaryName; from?: number; to?: number; ends: readonly number[] }[] = [
  { name: "relu", ends: LINE },
  { name: "gelu", ends: LINE },
  { name: "gelu-tanh", ends: LINE },
  { name: "quick-gelu", ends: LINE },
  { name: "silu", ends: LINE },
  { name: "sigmoid", ends: [-6e4, -50, -9, -1e-6, 0, 9, 15, 6e4] },
  { name: "tanh", ends: [-6e4, -9, -5, -1e-6, 0, 1e-3, 7, 6e4] },
  { name: "exp", from: -9, to: 9, ends: [-6e4, -14, -1e-6, 10] },
  { name: "log", from: 0.01, to: 9, ends: [1e-4, 0.5, 1, 6e4] },
  { name: "sqrt", from: 0.01, to: 9, ends: [1e-4, 0.5, 1, 6e4] },
  { name: "rsqrt", from: 0.05, to: 9, ends: [1e-2, 0.5, 1, 60] },
  { name: "square", ends: [-3e4, -1e-3, 0, 3e4] },
  { name: "abs", ends: [-6e4, -1e-6, 0, 6e4] },
  { name: "sin", ends: [-6e4, -1.5, 0, 6e4] },
  { name: "cos", ends: [-6e4, -1.5, 0, 6e4] },
];

const samples: Sample<UnaryBackwardAttrs>[] = DOMAINS.flatMap(({ name, from = -5, to = 5, ends }) => [
  {
    name,
    inputs: [{ shape: [4, 13] }, { shape: [4, 13], fill: { kind: "uniform", from, to } }],
    attrs: { function: name },
  },
  {
    name: `${name} extremes`,
    inputs: [
      { shape: [ends.length], fill: { kind: "uniform", from: 0.5, to: 1 } },
      { shape: [ends.length], fill: { kind: "values", values: ends } },
    ],
    attrs: { function: name },
  },
]);

export const unaryBackwardOp = defineOp<UnaryBackwardAttrs>({
  name: "unary-backward",
  summary: "dx = dy·f'(x) for the elementwise functions",
  inputs: ["dy", "x"],
  variants: ["value"],
  infer([dy, x], attrs) {
    const what = `gradient of ${attrs.function}`;
    expectFloat(x, `${what}: x`);
    expectSameDtype(dy, x, what);
    expectSameShape(dy, x, what);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [dy, x], outputs: [dx], attrs, dispatch }) {
    const { count, types } = widthOf(x);
    const { groups, uniforms } = gridOf(count);
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(source, { types, constants: { FUNCTION: unaryCode(attrs.function) } }),
          groups,
          uniforms: { ...uniforms, first: attrs.first ?? 0, second: attrs.second ?? 0 },
        },
      ],
      bindings: [dy, x, dx],
      work: x.size * 40,
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference: ([dy, x], { function: name, first = 0, second = 0 }) => [
    { shape: x.shape, data: x.data.map((v, i) => dy.data[i] * UNARY[name].derivative(v, first, second)) },
  ],
  samples: [
    ...samples,
    {
      name: "clamp, ends inside",
      inputs: [{ shape: [4] }, { shape: [4], fill: { kind: "values", values: [-1, 0.5, 2, 2.5] } }],
      attrs: { function: "clamp", first: -1, second: 2 },
    },
    {
      name: "odd",
      inputs: [{ shape: [3, 5] }, { shape: [3, 5] }],
      attrs: { function: "gelu" },
    },
    { name: "empty", inputs: [{ shape: [0] }, { shape: [0] }], attrs: { function: "silu" } },
  ],
  rejects: [
    {
      inputs: [
        { shape: [2], dtype: "f32" },
        { shape: [3], dtype: "f32" },
      ],
      attrs: { function: "relu" },
      says: "gradient of relu: shapes differ, [2] and [3]",
    },
    {
      inputs: [
        { shape: [2], dtype: "f32" },
        { shape: [2], dtype: "f16" },
      ],
      attrs: { function: "exp" },
      says: "gradient of exp: element types differ, f32[2] and f16[2]; cast one of them",
    },
  ],
  bound: {
    f32: {
      rel: 4e-6,
      scaled: 0,
      abs: 6e-7,
      why: "exp allows 3 + 2|x| ULP, 31 at 14; where a derivative crosses zero its two terms, at most 3, cancel to absolute accuracy",
    },
    f16: {
      rel: 1e-3,
      scaled: 0,
      abs: 6e-7,
      why: "one rounding of the result to f16, f32 inside; the absolute part is that of f32",
    },
  },
});

/**
 * Gradient before the activation of a fused product: dy·act'(z). z is what the product kept, or computed `again` and freed.
 */
export function slopeBefore(
  dy: Tensor,
  activation: Activation = "none",
  kept: Tensor | undefined,
  again: () => Tensor,
): Tensor {
  if (activation === "none") return dy;
  const z = kept ?? again();
  const [dz] = unaryBackwardOp([dy, z], { function: activation });
  if (!kept) z.free();
  return dz;
}
