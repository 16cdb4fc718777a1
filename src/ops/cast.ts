// Converts between element types: rounds to nearest even, keeps subnormals, infinities and NaN, on every device alike.
// The kernel works on bits, so f16 files can be read where the device itself has no f16. Integers saturate.
import sourceText from "../../shaders/ops/cast.wgsl?raw";
import { TesseraError } from "../base/errors";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../base/half";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { BYTES_PER_ELEMENT, type DType, type Tensor } from "../tensor/tensor";
import { defineOp, type Sample } from "./op";
import { MOVED } from "./strided";
import { gridOf } from "./width";

const source: KernelSource = { file: "ops/cast.wgsl", text: sourceText };
/** Order is meaning: FROM and TO of the kernel are places in this list. */
const DTYPES: readonly DType[] = ["f32", "f16", "bf16", "i32", "u32"];
const isFloat = (dtype: DType): boolean => dtype !== "i32" && dtype !== "u32";

export interface CastAttrs {
  to: DType;
}

function nearest(value: number, to: DType): number {
  switch (to) {
    case "f32":
      return Math.fround(value);
    case "f16":
      return f16ToF32(f32ToF16(value));
    case "bf16":
      return bf16ToF32(f32ToBf16(value));
    case "i32":
      return Math.min(Math.max(Math.trunc(value || 0), -(2 ** 31)), 2 ** 31 - 1);
    case "u32":
      return Math.min(Math.max(Math.trunc(value || 0), 0), 2 ** 32 - 1);
  }
}

const FLOATS = [
  ...[0, -0, 1, -1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 1 + 3 * 2 ** -8, -1 - 2 ** -8 - 2 ** -20], // ties, and just past one
  ...[65_504, 65_519, -65_520, 3.3e38, 3.4e38, 2147483520, -2147483648, 4294967040, 4294967296, -1e10],
  ...[
    2 ** -14,
    2 ** -24,
    2 ** -25,
    1.5 * 2 ** -24,
    -2.5 * 2 ** -24,
    2 ** -126,
    2 ** -133,
    2 ** -149,
    0.999_999,
  ],
];
const INTEGERS = [
  ...[0, 1, -1, 255, 257, 65_504, 65_520, -70_000, 2 ** 24 + 1, 2 ** 24 + 3, -(2 ** 24) - 2],
  ...[2 ** 31 - 1, 2 ** 31 - 64, 2 ** 31 - 65, -(2 ** 31)],
];
const NATURALS = [
  0,
  1,
  2,
  65_519,
  65_520,
  2 ** 24 + 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 128,
  2 ** 32 - 129,
  2 ** 32 - 1,
];

const samples = DTYPES.flatMap((from) =>
  DTYPES.map((to): Sample<CastAttrs> => {
    const values = from === "i32" ? INTEGERS : from === "u32" ? NATURALS : FLOATS;
    const shape = [values.length];
    return {
      name: `${from} to ${to}`,
      inputs: [{ shape, dtype: from, fill: { kind: "values", values } }],
      attrs: { to },
      noGradient: "rounding is a staircase, and the ends are not finite",
    };
  }),
);
const rows = (from: DType, to: DType, ...shape: number[]): Sample<CastAttrs> => ({
  name: `${from} to ${to}, [${shape.join(", ")}]`,
  inputs: [{ shape, dtype: from }],
  attrs: { to },
  noGradient: to === "f32" ? undefined : "rounding is a staircase",
});

export const castOp = defineOp<CastAttrs>({
  name: "cast",
  summary:
    "y = x in the element type `to`: nearest even for floats; towards zero, saturating, NaN to 0 for integers",
  inputs: ["x"],
  variants: ["word"],
  infer([x], { to }) {
    if (!DTYPES.includes(to))
      throw new TesseraError("arguments", `cast: to must be f32, f16, bf16, i32 or u32, got "${to}"`);
    return [{ shape: x.shape, dtype: to }];
  },
  launch({ inputs: [x], outputs: [y], attrs: { to }, dispatch }) {
    const { groups, uniforms } = gridOf(Math.ceil((y.size * BYTES_PER_ELEMENT[to]) / 4));
    const constants = { FROM: DTYPES.indexOf(x.dtype), TO: DTYPES.indexOf(to) };
    dispatch({
      variants: [
        {
          name: "word",
          kernel: kernel(source, { constants }),
          groups,
          uniforms: { ...uniforms, size: x.size },
        },
      ],
      bindings: [x, y],
      work: x.size * 20,
    });
  },
  vjp: ([dy], { inputs: [x] }) => [dy && isFloat(x.dtype) ? cast(dy, x.dtype) : undefined],
  reference: ([x], { to }) => [{ shape: x.shape, data: x.data.map((v) => nearest(v, to)) }],
  samples: [
    ...samples,
    rows("f32", "f32", 3, 5),
    rows("bf16", "f32", 3, 5),
    rows("f16", "f32", 7),
    rows("f32", "bf16", 1),
    rows("f32", "bf16", 400_003),
    rows("bf16", "f32", 300_001),
    rows("f32", "f16", 0, 3),
  ].map((s) => (s.inputs[0].shape[0] > 1e5 ? { ...s, noGradient: "size: the small samples cover it" } : s)),
  rejects: [
    {
      inputs: [{ shape: [2], dtype: "f32" }],
      attrs: { to: "f64" as DType },
      says: 'cast: to must be f32, f16, bf16, i32 or u32, got "f64"',
    },
  ],
  bound: {
    f32: MOVED.f32,
    gradient: { rel: 2 ** -8, scaled: 0, why: "the gradient is rounded to the type of x: 2^-9 in bf16" },
  },
});

/**
 * x as another element type. The gradient of a cast between float types is the cast back, also where rounding makes the
 * function a staircase; integers have none. i32 and u32 reach the 16-bit types through f32.
 */
export const cast = (x: Tensor, to: DType): Tensor => castOp([x], { to })[0];
