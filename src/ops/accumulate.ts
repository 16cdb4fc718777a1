// Adds two tensors of one shape: what the reverse sweep does where a tensor was used twice. No broadcasting.
import sourceText from "../../shaders/ops/accumulate.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { expectSameShape } from "../tensor/tensor";
import { defineOp, expectFloat, expectSameDtype } from "./op";

const source: KernelSource = { file: "ops/accumulate.wgsl", text: sourceText };
const LANES = 64;

export const accumulateOp = defineOp<Record<string, never>>({
  name: "accumulate",
  summary: "y = a + b, same shapes",
  inputs: ["a", "b"],
  variants: ["value"],
  infer([a, b]) {
    expectFloat(a, "accumulate: a");
    expectSameDtype(a, b, "accumulate");
    expectSameShape(a, b, "accumulate");
    return [{ shape: a.shape, dtype: a.dtype }];
  },
  launch({ inputs: [a, b], outputs: [y], dispatch }) {
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(source, { types: { T: a.dtype } }),
          groups: Math.ceil(a.size / LANES),
          uniforms: { count: a.size },
        },
      ],
      bindings: [a, b, y],
      work: a.size * 2,
    });
  },
  vjp: ([dy]) => [dy, dy],
  reference: ([a, b]) => [{ shape: a.shape, data: a.data.map((v, i) => v + b.data[i]) }],
  samples: [
    { name: "odd", inputs: [{ shape: [3, 5] }, { shape: [3, 5] }], attrs: {} },
    {
      name: "long",
      inputs: [{ shape: [4_200_001] }, { shape: [4_200_001] }],
      attrs: {},
      noGradient: "size: the small sample covers it",
    },
    { name: "empty", inputs: [{ shape: [0] }, { shape: [0] }], attrs: {} },
  ],
  rejects: [
    {
      inputs: [
        { shape: [2], dtype: "f32" },
        { shape: [3], dtype: "f32" },
      ],
      attrs: {},
      says: "accumulate: shapes differ, [2] and [3]",
    },
  ],
  bound: {
    f32: { rel: 1.2e-7, scaled: 0, why: "one rounding" },
    f16: { rel: 1e-3, scaled: 1e-7, why: "one rounding to f16; subnormals round to 6e-8" },
    gradient: {
      rel: 1e-9,
      scaled: 1e-9,
      why: "the finite difference of a linear map leaves float64 rounding / 1e-3",
    },
  },
});
