// Makes the record of an elementwise function of one variable: shared kernel, gradient, samples. Defines no op itself.
import sourceText from "../../shaders/ops/unary.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Tensor } from "../tensor/tensor";
import { type Bound, defineOp, expectFloat, type Fill, type Op, type Reject, type Sample } from "./op";
import { unaryBackwardOp } from "./unary-backward";
import { UNARY, type UnaryName, unaryCode } from "./unary-functions";
import { gridOf, widthOf } from "./width";

const source: KernelSource = { file: "ops/unary.wgsl", text: sourceText };

export interface UnaryRecipe<A> {
  /** Attributes of the standard samples. */
  attrs: A;
  /** The two numbers that the kernel takes, from the attributes. */
  numbers?(attrs: A): readonly [number, number];
  /** @throws TesseraError on attributes that make no sense. */
  check?(attrs: A): void;
  /** Values of the matrix sample; normal with scale 3 when left out. The gradient is checked on it. */
  fill?: Fill;
  /** Values at the ends of the domain and at special points, a multiple of four. */
  ends: readonly number[];
  /** Set where f16 cannot hold the ends or their images. */
  endsDtype?: "f32";
  f32: Bound;
  gradient?: Bound;
  /** Where dx is not dy·f'(x) of unary-backward. */
  vjp?(dy: Tensor, attrs: A): Tensor;
  samples?: readonly Sample<A>[];
  rejects?: readonly Reject<A>[];
}

export function defineUnary<A>(name: UnaryName, recipe: UnaryRecipe<A>): Op<A> {
  const { numbers = () => [0, 0] as const, vjp } = recipe;
  const { attrs } = recipe;
  return defineOp<A>({
    name,
    summary: `y = ${UNARY[name].formula}`,
    inputs: ["x"],
    variants: ["value"],
    infer([x], given) {
      expectFloat(x, `${name}: x`);
      recipe.check?.(given);
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    launch({ inputs: [x], outputs: [y], attrs: given, dispatch }) {
      const { count, types } = widthOf(x);
      const { groups, uniforms } = gridOf(count);
      const [first, second] = numbers(given);
      dispatch({
        variants: [
          {
            name: "value",
            kernel: kernel(source, { types, constants: { FUNCTION: unaryCode(name) } }),
            groups,
            uniforms: { ...uniforms, first, second },
          },
        ],
        bindings: [x, y],
        work: x.size * 30,
      });
    },
    vjp: ([dy], { inputs: [x], attrs: given }) => {
      if (!dy || vjp) return [dy && vjp?.(dy, given)];
      const [first, second] = numbers(given);
      return unaryBackwardOp([dy, x], { function: name, first, second });
    },
    reference: ([x], given) => {
      const [first, second] = numbers(given);
      return [{ shape: x.shape, data: x.data.map((v) => UNARY[name].value(v, first, second)) }];
    },
    samples: [
      {
        name: "matrix",
        inputs: [{ shape: [4, 13], fill: recipe.fill ?? { kind: "normal", scale: 3 } }],
        attrs,
      },
      {
        name: "extremes",
        inputs: [
          {
            shape: [recipe.ends.length],
            fill: { kind: "values", values: recipe.ends },
            dtype: recipe.endsDtype,
          },
        ],
        attrs,
        noGradient: "kinks and saturated ends defeat differences; unary-backward has them",
      },
      ...(recipe.samples ?? []),
    ],
    rejects: [
      {
        inputs: [{ shape: [2], dtype: "u32" }],
        attrs,
        says: `${name}: x must be f32 or f16, got u32[2]; cast it first`,
      },
      ...(recipe.rejects ?? []),
    ],
    bound: {
      f32: recipe.f32,
      f16: {
        rel: 1e-3,
        scaled: 0,
        abs: 3e-7,
        why: "half a unit in the last place of f16 is 4.9e-4 and 3e-8 among its subnormals; f32 inside",
      },
      gradient: recipe.gradient ?? {
        rel: 5e-6,
        scaled: 2e-6,
        why: "the bound of unary-backward; its absolute part relative to the largest entry",
      },
    },
  });
}

/** Values around zero and far from it, for functions that are defined everywhere. */
export const LINE: readonly number[] = [-6e4, -50, -9, -1e-6, 0, 9, 50, 6e4];

/** Bounds in units in the last place of f32; `tiny` is what may be lost where the result underflows. */
export const ulps = (count: number, why: string, tiny = 0): Bound => ({
  rel: count * 2 ** -23,
  scaled: 0,
  abs: tiny,
  why,
});
export const EXACT: Bound = { rel: 0, scaled: 0, why: "no arithmetic, or one that is exact" };
export const LINEAR: Bound = {
  rel: 1e-6,
  scaled: 1e-6,
  why: "one rounding; the difference of a linear map leaves float64 rounding / 1e-3",
};
