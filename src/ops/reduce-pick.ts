// Gradient of maximum and minimum over axes: each value goes to the one place it came from. First order only.
import sourceText from "../../shaders/ops/reduce_pick.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { formatShape, type Shape, sameShape, sizeOf } from "../tensor/shape";
import { expectSameShape, type Tensor } from "../tensor/tensor";
import { expectIndex } from "./csr";
import { defineOp, expectFloat } from "./op";
import { axisGroups, inferReduce, reducedAxes, reduceWalk } from "./reduce-plan";

const source: KernelSource = { file: "ops/reduce_pick.wgsl", text: sourceText };
const LANES = 64;
const MAX_AXES = 8;

export interface PickAttrs {
  /** Shape before the reduction. */
  shape: Shape;
  /** The axes that were reduced; all when left out. */
  axes?: readonly number[];
}

/** Steps of each group of axes in dy and in the place over the reduced axes, last axis first to be counted. */
function steps({ shape, axes }: PickAttrs): { n: number; src: number; dst: number }[] {
  const groups = axisGroups(shape, reducedAxes({ shape, dtype: "f32" }, { axes }, "reduce-pick"));
  let kept = 1;
  let place = 1;
  const found = [];
  for (const { n, reduced } of groups.reverse()) {
    found.unshift({ n, src: reduced ? 0 : kept, dst: reduced ? place : 0 });
    if (reduced) place *= n;
    else kept *= n;
  }
  return found;
}

export const reducePickOp = defineOp<PickAttrs>({
  name: "reduce-pick",
  summary: "dx[c] = dy[k] where c lies at place at[k] of the reduced axes, else 0",
  inputs: ["dy", "at"],
  variants: ["value"],
  infer([dy, at], attrs) {
    expectFloat(dy, "reduce-pick: dy");
    expectIndex(at, "reduce-pick: at");
    expectSameShape(dy, at, "reduce-pick");
    const shapes = [false, true].map((keepDims) =>
      inferReduce({ shape: attrs.shape, dtype: dy.dtype }, { axes: attrs.axes, keepDims }, "reduce-pick"),
    );
    if (!shapes.some((shape) => sameShape(shape, dy.shape)))
      throw new TesseraError(
        "shape",
        `reduce-pick: dy must be ${formatShape(shapes[0])} or ${formatShape(shapes[1])}, got ${formatShape(dy.shape)}`,
      );
    return [{ shape: attrs.shape, dtype: dy.dtype }];
  },
  launch({ inputs: [dy, at], outputs: [dx], attrs, dispatch }) {
    const axes = steps(attrs);
    const pad = (pick: (axis: (typeof axes)[number]) => number): number[] =>
      Array.from({ length: MAX_AXES }, (_, i) => (axes[i] ? pick(axes[i]) : 0));
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(source, { types: { T: dy.dtype } }),
          groups: Math.ceil(dx.size / LANES),
          uniforms: {
            shape: pad((a) => a.n),
            src: pad((a) => a.src),
            dst: pad((a) => a.dst),
            count: dx.size,
            rank: axes.length,
          },
        },
      ],
      bindings: [dy, at, dx],
      work: dx.size * 8,
    });
  },
  vjp: { none: "second derivatives are not offered" },
  reference: ([dy, at], { shape, axes }) => {
    const walk = reduceWalk(shape, reducedAxes({ shape, dtype: "f32" }, { axes }, "reduce-pick"));
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
      const { to, place } = walk(i);
      return at.data[to] === place ? dy.data[to] : 0;
    });
    return [{ shape, data }];
  },
  samples: [
    {
      name: "two groups of axes",
      inputs: [{ shape: [3, 2] }, { shape: [3, 2], dtype: "u32", fill: { kind: "index", below: 20 } }],
      attrs: { shape: [4, 3, 5, 2], axes: [0, 2] },
    },
    {
      name: "all, kept as 1",
      inputs: [{ shape: [1, 1] }, { shape: [1, 1], dtype: "u32", fill: { kind: "values", values: [7] } }],
      attrs: { shape: [3, 5] },
    },
    {
      name: "nothing reduced",
      inputs: [{ shape: [3] }, { shape: [3], dtype: "u32", fill: { kind: "values", values: [0] } }],
      attrs: { shape: [3], axes: [] },
    },
  ],
  rejects: [
    {
      inputs: [
        { shape: [3], dtype: "f32" },
        { shape: [3], dtype: "u32" },
      ],
      attrs: { shape: [4, 2], axes: [0] },
      says: "reduce-pick: dy must be [2] or [1, 2], got [3]",
    },
  ],
  bound: {
    f32: { rel: 0, scaled: 0, why: "a value is moved" },
    f16: { rel: 0, scaled: 0, why: "a value is moved" },
  },
});

/** Gives each value of dy the place in `shape` that `at` names, zeros elsewhere. */
export const pick = (dy: Tensor, at: Tensor, attrs: PickAttrs): Tensor => reducePickOp([dy, at], attrs)[0];
