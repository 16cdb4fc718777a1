// Repeats a tensor along axes until it has a given shape, and the reverse of every broadcast: summing to a shape.
import { TesseraError } from "../base/errors";
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf, stridesOf } from "../tensor/shape";
import { formatSpec, type Tensor } from "../tensor/tensor";
import { defineOp } from "./op";
import { sum } from "./reduce";
import { type CopyPlan, copyReference, copyVariant, expectMovable, MOVED } from "./strided";

export interface BroadcastAttrs {
  shape: Shape;
}

function plan(from: Shape, shape: Shape): CopyPlan {
  const lead = shape.length - from.length;
  const src = stridesOf(from);
  const dst = stridesOf(shape);
  const axes = shape.map((n, i) => ({
    n,
    src: i < lead || from[i - lead] !== n ? 0 : src[i - lead],
    dst: dst[i],
  }));
  return { axes, srcBase: 0, dstBase: 0 };
}

export const broadcastToOp = defineOp<BroadcastAttrs>({
  name: "broadcast-to",
  summary: "y = x repeated along its axes of length 1 and along new leading axes",
  inputs: ["x"],
  variants: ["strided"],
  infer([x], { shape }) {
    expectMovable(x, "broadcast-to: x");
    const fits =
      x.shape.length <= shape.length && sameShape(broadcastShapes(x.shape, shape, "broadcast-to"), shape);
    if (!fits)
      throw new TesseraError(
        "shape",
        `broadcast-to: ${formatSpec(x)} cannot be repeated to ${formatShape(shape)}`,
      );
    return [{ shape, dtype: x.dtype }];
  },
  launch({ inputs: [x], outputs: [y], dispatch }) {
    if (y.size === 0) return;
    dispatch({
      variants: [copyVariant(plan(x.shape, y.shape), x.dtype, "broadcast-to")],
      bindings: [x, y],
      work: y.size * 8,
    });
  },
  vjp: ([dy], { inputs: [x] }) => [dy && sumToShape(dy, x.shape)],
  reference: ([x], { shape }) => {
    const data = new Float64Array(sizeOf(shape));
    if (data.length > 0) copyReference(plan(x.shape, shape), x.data, data);
    return [{ shape, data }];
  },
  samples: [
    { name: "scalar", inputs: [{ shape: [] }], attrs: { shape: [3, 5] } },
    { name: "row", inputs: [{ shape: [7] }], attrs: { shape: [3, 7] } },
    { name: "row of fours", inputs: [{ shape: [8] }], attrs: { shape: [3, 8] } },
    { name: "column", inputs: [{ shape: [5, 1] }], attrs: { shape: [2, 5, 9] } },
    { name: "between", inputs: [{ shape: [2, 1, 3, 1, 2] }], attrs: { shape: [2, 4, 3, 5, 2] } },
    { name: "as it is", inputs: [{ shape: [2, 3] }], attrs: { shape: [2, 3] } },
    {
      name: "integers",
      inputs: [{ shape: [3, 1], dtype: "u32", fill: { kind: "values", values: [4_294_967_295, 0, 7] } }],
      attrs: { shape: [3, 2] },
      noGradient: "integers have none",
    },
    { name: "to nothing", inputs: [{ shape: [1, 3] }], attrs: { shape: [0, 3] } },
  ],
  rejects: [
    {
      inputs: [{ shape: [2, 3], dtype: "f32" }],
      attrs: { shape: [3] },
      says: "broadcast-to: f32[2, 3] cannot be repeated to [3]",
    },
    {
      inputs: [{ shape: [3], dtype: "f32" }],
      attrs: { shape: [1] },
      says: "broadcast-to: f32[3] cannot be repeated to [1]",
    },
    {
      inputs: [{ shape: [2], dtype: "f32" }],
      attrs: { shape: [2, 3] },
      says: "broadcast-to: shapes [2] and [2, 3] do not broadcast; axis -1 is 2 and 3",
    },
    {
      inputs: [{ shape: [2], dtype: "bf16" }],
      attrs: { shape: [3, 2] },
      says: "broadcast-to: x must be f32, f16, i32 or u32, got bf16[2]; cast it first",
    },
  ],
  bound: {
    ...MOVED,
    gradient: { rel: 1e-6, scaled: 1e-6, why: "a sum over the few values that were repeated" },
  },
});

/** Repeats x to `shape`, as NumPy broadcasts: axes of length 1 and new leading axes. Any type but bf16. */
export const broadcastTo = (x: Tensor, shape: Shape): Tensor => broadcastToOp([x], { shape })[0];

/** Sums x over the axes along which `shape` was broadcast to x's shape: the gradient of that broadcast. */
export function sumToShape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((n, i) => (i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : []));
  const summed = axes.length ? sum(x, { axes }) : x;
  return summed.reshape(shape);
}
