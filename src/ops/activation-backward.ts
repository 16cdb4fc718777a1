// Gradient of the activations that matmul applies to its result. The activations themselves are fused into matmul.
import sourceText from "../../shaders/ops/activation_backward.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { expectSameShape } from "../tensor/tensor";
import { ACTIVATIONS, type Activation } from "./matmul-plan";
import { activationDerivative } from "./matmul-reference";
import { defineOp, expectFloat, expectSameDtype } from "./op";

const source: KernelSource = { file: "ops/activation_backward.wgsl", text: sourceText };
const LANES = 64;

export interface ActivationAttrs {
  activation: Activation;
}

export const activationBackwardOp = defineOp<ActivationAttrs>({
  name: "activation-backward",
  summary: "dx = dy·act'(x)",
  inputs: ["dy", "x"],
  variants: ["value"],
  infer([dy, x]) {
    expectFloat(x, "activation-backward: x");
    expectSameDtype(dy, x, "activation-backward");
    expectSameShape(dy, x, "activation-backward");
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [dy, x], outputs: [dx], attrs, dispatch }) {
    const constants = { ACTIVATION: ACTIVATIONS.indexOf(attrs.activation) };
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(source, { types: { T: x.dtype }, constants }),
          groups: Math.ceil(x.size / LANES),
          uniforms: { count: x.size },
        },
      ],
      bindings: [dy, x, dx],
      work: x.size * 40,
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference: ([dy, x], { activation }) => [
    { shape: x.shape, data: x.data.map((v, i) => dy.data[i] * activationDerivative(activation, v)) },
  ],
  samples: [
    ...ACTIVATIONS.map((activation) => ({
      name: activation,
      inputs: [{ shape: [5, 13] }, { shape: [5, 13], fill: { kind: "normal", scale: 3 } as const }],
      attrs: { activation },
    })),
    ...ACTIVATIONS.map((activation) => ({
      name: `${activation} extremes`,
      inputs: [
        { shape: [8] },
        { shape: [8], fill: { kind: "values", values: [-6e4, -50, -9, -1e-6, 0, 9, 50, 6e4] } as const },
      ],
      attrs: { activation },
    })),
    { name: "empty", inputs: [{ shape: [0] }, { shape: [0] }], attrs: { activation: "silu" } },
  ],
  rejects: [
    {
      inputs: [
        { shape: [2], dtype: "f32" },
        { shape: [3], dtype: "f32" },
      ],
      attrs: { activation: "relu" },
      says: "activation-backward: shapes differ, [2] and [3]",
    },
  ],
  bound: {
    f32: {
      rel: 4e-6,
      scaled: 2e-6,
      why: "exp allows 3 + 2|x| ULP; the derivative near its zero cancels to absolute accuracy",
    },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});
