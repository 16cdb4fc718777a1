// Gradient of division, maximum, minimum and power by one operand, at the broadcast shape; the caller sums it.
import sourceText from "../../shaders/ops/binary_backward.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { broadcastShapes } from "../tensor/shape";
import { expectSameShape } from "../tensor/tensor";
import { BINARY, binaryCode, type CurvedName } from "./binary-functions";
import { broadcastReference, operandTypes, planBroadcast } from "./broadcast";
import { defineOp, expectFloat, expectSameDtype, type Fill, type Sample } from "./op";
import { arithmetic } from "./width";

const source: KernelSource = { file: "ops/binary_backward.wgsl", text: sourceText };

export interface BinaryBackwardAttrs {
  function: CurvedName;
  by: "a" | "b";
}

const values = (...list: number[]): Fill => ({ kind: "values", values: list });
/** Signed and away from zero, with equal pairs. */
const DIVIDENDS = values(-2, 0.5, 3, -0.25, 1.5);
const DIVISORS = values(4, 0.5, -0.75, 1.25, 1.5);

const samples = (["a", "b"] as const).flatMap((by): Sample<BinaryBackwardAttrs>[] => [
  ...(["div", "maximum"] as const).map((name) => ({
    name: `${name} by ${by}, odd`,
    inputs: [{ shape: [3, 5] }, { shape: [3, 5], fill: DIVIDENDS }, { shape: [5], fill: DIVISORS }],
    attrs: { function: name, by },
  })),
  ...(["div", "minimum"] as const).map((name) => ({
    name: `${name} by ${by}, fours`,
    inputs: [{ shape: [3, 2, 4] }, { shape: [2, 1], fill: DIVIDENDS }, { shape: [3, 2, 4], fill: DIVISORS }],
    attrs: { function: name, by },
  })),
  {
    name: `pow by ${by}, bases near and above zero`,
    inputs: [
      { shape: [8] },
      { shape: [8], fill: values(0, 0, 0, 0.01, 1, 2.5, 9, 3) },
      { shape: [8], fill: values(1, 2, 0, 0.5, 3, -1.5, 0, 3) },
    ],
    attrs: { function: "pow", by },
  },
  {
    name: `pow by ${by}, whole powers of negative bases`,
    inputs: [
      { shape: [8] },
      { shape: [8], fill: values(-1.5, -2, -0.5, -3) },
      { shape: [8], fill: values(3, 2, -1, 0, -2, 1) },
    ],
    attrs: { function: "pow", by },
  },
]);

export const binaryBackwardOp = defineOp<BinaryBackwardAttrs>({
  name: "binary-backward",
  summary:
    "d = dy·∂f/∂a or dy·∂f/∂b at the broadcast shape; ½ of dy to each of two that tie for maximum or minimum",
  inputs: ["dy", "a", "b"],
  variants: ["value"],
  infer([dy, a, b], { function: name }) {
    const what = `gradient of ${name}`;
    expectFloat(a, `${what}: a`);
    expectSameDtype(a, b, what);
    expectSameDtype(dy, a, what);
    expectSameShape(dy, { shape: broadcastShapes(a.shape, b.shape, what), dtype: a.dtype }, what);
    return [{ shape: dy.shape, dtype: dy.dtype }];
  },
  launch({ inputs: [dy, a, b], outputs: [d], attrs: { function: name, by }, dispatch }) {
    const { wide, vectors, groups, uniforms } = planBroadcast([a.shape, b.shape], d.shape, name);
    const types = {
      ...arithmetic(d.dtype, wide),
      ...operandTypes(vectors),
      E: wide ? "vec4<T>" : "T",
    };
    const constants = { FUNCTION: binaryCode(name), BY_B: by === "b" ? 1 : 0 };
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(source, { types, constants }),
          groups,
          uniforms,
        },
      ],
      bindings: [dy, a, b, d],
      work: d.size * 40,
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference: ([dy, a, b], { function: name, by }) => {
    const derivative = BINARY[name].derivatives[by === "a" ? 0 : 1];
    return [broadcastReference([dy, a, b], dy.shape, (g, u, v) => g * derivative(u, v))];
  },
  samples: [
    ...samples,
    {
      name: "empty",
      inputs: [{ shape: [0, 3] }, { shape: [0, 1] }, { shape: [3] }],
      attrs: { function: "div", by: "a" },
    },
  ],
  rejects: [
    {
      inputs: [
        { shape: [3], dtype: "f32" },
        { shape: [2, 3], dtype: "f32" },
        { shape: [3], dtype: "f32" },
      ],
      attrs: { function: "div", by: "a" },
      says: "gradient of div: shapes differ, [3] and [2, 3]",
    },
  ],
  bound: {
    f32: {
      rel: 4e-6,
      scaled: 0,
      why: "pow: 3 + 2|t| ULP of exp2 at t = b·log2|a| ≤ 10, and 1.5e-7·|t|; divisions 2.5 ULP",
    },
    f16: {
      rel: 1e-3,
      scaled: 0,
      abs: 6e-8,
      why: "one rounding of the result to f16, 3e-8 among its subnormals; f32 inside",
    },
  },
});
