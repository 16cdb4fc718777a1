// Makes the record of an elementwise function of two variables: shared kernel, broadcasting, samples. Defines no op.
import sourceText from "../../shaders/ops/binary.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { broadcastShapes } from "../tensor/shape";
import type { DType, Tensor } from "../tensor/tensor";
import { BINARY, type BinaryName, binaryCode } from "./binary-functions";
import { broadcastReference, operandTypes, planBroadcast } from "./broadcast";
import {
  ALONE,
  type Bound,
  defineOp,
  expectFloat,
  expectSameDtype,
  type Fill,
  type Op,
  type Sample,
} from "./op";
import { arithmetic } from "./width";

const source: KernelSource = { file: "ops/binary.wgsl", text: sourceText };

export type BinaryAttrs = Record<string, never>;

export type Gradient = (dy: Tensor, a: Tensor, b: Tensor) => Tensor;

export interface BinaryRecipe {
  /** Element type of the result when it is not that of the operands. */
  result?: DType;
  /** Gradients for a and for b, already summed to their shapes. */
  gradients: readonly [Gradient, Gradient] | { none: string };
  /** How the operands of the standard samples are filled; standard normal when left out. */
  fill?: { a: Fill; b: Fill };
  /** Pairs at the ends of the domain and at special points, a multiple of four. */
  ends: readonly (readonly [number, number])[];
  /** Set where f16 cannot hold the ends or their images. */
  endsDtype?: "f32";
  samples?: readonly Sample<BinaryAttrs>[];
  f32: Bound;
  gradient?: Bound;
}

export function defineBinary(name: BinaryName, recipe: BinaryRecipe): Op<BinaryAttrs> {
  const { gradients, fill, ends, endsDtype } = recipe;
  const sample = (title: string, a: readonly number[], b: readonly number[]): Sample<BinaryAttrs> => ({
    name: title,
    inputs: [
      { shape: a, fill: fill?.a },
      { shape: b, fill: fill?.b },
    ],
    attrs: {},
  });
  return defineOp<BinaryAttrs>({
    name,
    summary: `y = ${BINARY[name].formula}, broadcast`,
    inputs: ["a", "b"],
    variants: ["value"],
    infer([a, b]) {
      expectFloat(a, `${name}: a`);
      expectSameDtype(a, b, name);
      return [{ shape: broadcastShapes(a.shape, b.shape, name), dtype: recipe.result ?? a.dtype }];
    },
    launch({ inputs: [a, b], outputs: [y], dispatch }) {
      const { wide, vectors, groups, uniforms } = planBroadcast([a.shape, b.shape], y.shape, name);
      const types = {
        ...arithmetic(a.dtype, wide),
        ...operandTypes(vectors),
        Y: wide ? `vec4<${recipe.result ?? "T"}>` : (recipe.result ?? "T"),
      };
      dispatch({
        variants: [
          {
            name: "value",
            kernel: kernel(source, { types, constants: { FUNCTION: binaryCode(name) } }),
            groups,
            uniforms,
          },
        ],
        bindings: [a, b, y],
        work: y.size * 20,
      });
    },
    vjp:
      "none" in gradients
        ? gradients
        : ([dy], { inputs: [a, b], sweep = ALONE }) =>
            gradients.map((gradient, i) => (dy && sweep.wants(i) ? gradient(dy, a, b) : undefined)),
    reference: ([a, b]) => [
      broadcastReference([a, b], broadcastShapes(a.shape, b.shape, name), BINARY[name].value),
    ],
    samples: [
      sample("column and row, odd", [4, 1, 3], [5, 1]),
      sample("fours and a row", [3, 8], [8]),
      {
        name: "extremes",
        inputs: [0, 1].map((side) => ({
          shape: [ends.length],
          fill: { kind: "values", values: ends.map((pair) => pair[side]) },
          dtype: endsDtype,
        })),
        attrs: {},
        noGradient: "ties and far ends defeat differences; binary-backward has them",
      },
      ...(recipe.samples ?? []),
    ],
    rejects: [
      {
        inputs: [
          { shape: [4, 3], dtype: "f32" },
          { shape: [4], dtype: "f32" },
        ],
        attrs: {},
        says: `${name}: shapes [4, 3] and [4] do not broadcast; axis -1 is 3 and 4`,
      },
      {
        inputs: [
          { shape: [2], dtype: "f32" },
          { shape: [2], dtype: "f16" },
        ],
        attrs: {},
        says: `${name}: element types differ, f32[2] and f16[2]; cast one of them`,
      },
      {
        inputs: [
          { shape: [2], dtype: "i32" },
          { shape: [2], dtype: "i32" },
        ],
        attrs: {},
        says: `${name}: a must be f32 or f16, got i32[2]; cast it first`,
      },
    ],
    bound: {
      f32: recipe.f32,
      f16: {
        rel: 1e-3,
        scaled: 0,
        abs: 6e-8,
        why: "half a unit in the last place of f16 is 4.9e-4 and 3e-8 among its subnormals; f32 inside",
      },
      gradient: recipe.gradient ?? {
        rel: 2e-6,
        scaled: 2e-6,
        why: "a product, and a sum of the few values that were broadcast",
      },
    },
  });
}
