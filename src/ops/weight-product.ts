// Product of tokens with weights that stay packed: y = x·wᵀ + bias + residual. For models that are run, not trained: one
// token at a time it is bound by reading the weights, so that half the bytes are half the time.
import sourceText from "../../shaders/ops/weight_product.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Variant } from "../gpu/work";
import { formatShape, sameShape } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { defineOp, type RefArray, type Sample, type SampleInput } from "./op";
import { lengthClass } from "./rows";
import {
  decodedWeights,
  WEIGHT_STORAGES,
  type WeightSizes,
  type WeightStorage,
  weightImports,
  weightSizes,
} from "./weights";

const source: KernelSource = { file: "ops/weight_product.wgsl", text: sourceText };
const GROUP_LANES = 64;
/** Without barriers: few, since on software adapters a workgroup is one core's work. */
const THREAD_LANES = 4;

export interface WeightProductAttrs {
  /** Which of the optional operands follow x and w, in this order. */
  scale?: boolean;
  bias?: boolean;
  residual?: boolean;
}

interface Operands<T> {
  x: T;
  w: T;
  scale?: T;
  bias?: T;
  residual?: T;
}

function operandsOf<T>(inputs: readonly T[], attrs: WeightProductAttrs): Operands<T> {
  const [x, w, ...rest] = inputs;
  const names = (["scale", "bias", "residual"] as const).filter((name) => attrs[name]);
  if (rest.length !== names.length)
    throw new TesseraError(
      "arguments",
      `weight-product: attributes name ${["x", "w", ...names].join(", ")}, got ${inputs.length} inputs`,
    );
  return { x, w, ...Object.fromEntries(names.map((name, i) => [name, rest[i]])) };
}

function sizesOf({ x, w, scale, bias, residual }: Operands<TensorSpec>): WeightSizes & { shape: number[] } {
  const what = "weight-product";
  const sizes = weightSizes(w, scale, what);
  if (x.dtype !== "f32" || x.shape.at(-1) !== sizes.columns)
    throw new TesseraError(
      "shape",
      `${what}: x must be f32[..., ${sizes.columns}] for w ${formatSpec(w)}, got ${formatSpec(x)}`,
    );
  const shape = [...x.shape.slice(0, -1), sizes.rows];
  for (const [spec, name, wanted] of [
    [bias, "bias", [sizes.rows]],
    [residual, "residual", shape],
  ] as const)
    if (spec && (spec.dtype !== "f32" || !sameShape(spec.shape, wanted)))
      throw new TesseraError(
        "shape",
        `${what}: ${name} must be f32${formatShape(wanted)}, got ${formatSpec(spec)}`,
      );
  return { ...sizes, shape };
}

export const weightProductOp = defineOp<WeightProductAttrs>({
  name: "weight-product",
  summary: "y = scale·(x·wᵀ) + bias + residual for weights [out, in] stored as f32, f16, bf16 or bytes",
  inputs: ["x", "w", "scale", "bias", "residual"],
  optional: 3,
  variants: ["group", "thread"],
  infer: (inputs, attrs) => [{ shape: sizesOf(operandsOf(inputs, attrs)).shape, dtype: "f32" }],
  launch({ inputs, outputs: [y], attrs, dispatch }) {
    if (y.size === 0) return;
    const operands = operandsOf(inputs, attrs);
    const { storage, rows: n, columns } = sizesOf(operands);
    const { x, w, scale, bias, residual } = operands;
    const m = y.size / n;
    const tokens = m === 1 ? 1 : 4;
    const tiles = Math.ceil(n / 4) * Math.ceil(m / tokens);
    const variant = (wide: boolean): Variant => {
      const lanes = wide ? GROUP_LANES : THREAD_LANES;
      const shared = wide ? 4 * tokens * lanes : 1;
      return {
        name: wide ? "group" : "thread",
        kernel: kernel(source, {
          constants: { WIDE: wide ? 1 : 0, ROWS: tokens, LANES: lanes, SHARED: shared },
          imports: weightImports(storage),
        }),
        groups: wide ? tiles : Math.ceil(tiles / lanes),
        uniforms: { m, n, k4: columns / 4, biased: bias ? 1 : 0, adds: residual ? 1 : 0 },
      };
    };
    dispatch({
      variants: [variant(true), variant(false)],
      // What is absent is never read; x stands in its place.
      bindings: [x, w, scale ?? x, bias ?? x, residual ?? x, y],
      work: 2 * m * n * columns,
      shapeClass: `${storage} ${[m, n, columns].map(lengthClass).join("x")}`,
    });
  },
  vjp: { none: "weights that are packed are run, not trained" },
  reference(inputs, attrs) {
    const { x, w, scale, bias, residual } = operandsOf<RefArray>(inputs, attrs);
    const { shape, data: weights } = decodedWeights(w, scale);
    const [n, k] = shape;
    const m = x.data.length / k;
    const data = new Float64Array(m * n);
    for (let i = 0; i < data.length; i++) {
      const [row, column] = [Math.floor(i / n), i % n];
      let sum = 0;
      for (let c = 0; c < k; c++) sum += x.data[row * k + c] * weights[column * k + c];
      data[i] = sum + (bias?.data[column] ?? 0) + (residual?.data[i] ?? 0);
    }
    return [{ shape: [...x.shape.slice(0, -1), n], data }];
  },
  samples: [
    ...WEIGHT_STORAGES.flatMap((storage) => [
      sample(storage, "one token", [1, 12], 7),
      sample(storage, "tokens, odd sizes", [2, 3, 20], 9, { bias: true, residual: true }),
    ]),
    sample("bf16", "one value", [4], 1, { residual: true }),
    sample("int8", "long rows", [1, 4096], 5, { bias: true }),
    sample("f16", "long rows, many tokens", [67, 520], 33),
    sample("f32", "no tokens", [0, 8], 5),
  ],
  rejects: [
    {
      inputs: [f32(2, 8), f32(3, 12)],
      attrs: {},
      says: "weight-product: x must be f32[..., 12] for w f32[3, 12], got f32[2, 8]",
    },
    {
      inputs: [f32(2, 6), f32(3, 6)],
      attrs: {},
      says: "weight-product: rows of w must have a multiple of 4 values, got f32[3, 6]; pad with zeros",
    },
    {
      inputs: [f32(2, 8), { shape: [3, 2], dtype: "u32" }],
      attrs: {},
      says: "weight-product: bytes need a scale for each row, and only they do; w is u32[3, 2]",
    },
    {
      inputs: [f32(2, 8), f32(3, 8), f32(4)],
      attrs: { bias: true },
      says: "weight-product: bias must be f32[3], got f32[4]",
    },
    {
      inputs: [f32(2, 8), f32(3, 8)],
      attrs: { residual: true },
      says: "weight-product: attributes name x, w, residual, got 2 inputs",
    },
  ],
  bound: {
    f32: { rel: 2e-6, scaled: 2e-6, why: "as matmul: weights are decoded exactly, sums are f32" },
  },
});

function f32(...shape: number[]): TensorSpec {
  return { shape, dtype: "f32" };
}

/** Subnormals and largest values among the weights; bytes of all signs. */
function sample(
  storage: WeightStorage,
  name: string,
  x: number[],
  rows: number,
  extras: Omit<WeightProductAttrs, "scale"> = {},
): Sample<WeightProductAttrs> {
  const k = x.at(-1)!;
  const scale = storage === "int8";
  const inputs: SampleInput[] = [{ shape: x, dtype: "f32" }, weightSample(storage, rows, k)];
  if (scale) inputs.push({ shape: [rows], dtype: "f32", fill: { kind: "uniform", from: 0.001, to: 0.02 } });
  if (extras.bias) inputs.push({ shape: [rows], dtype: "f32" });
  if (extras.residual) inputs.push({ shape: [...x.slice(0, -1), rows], dtype: "f32" });
  return { name: `${storage}, ${name}`, inputs, attrs: { scale, ...extras } };
}

/** Weights for samples of any op that reads them. */
export function weightSample(storage: WeightStorage, rows: number, columns: number): SampleInput {
  if (storage !== "int8") return { shape: [rows, columns], dtype: storage };
  return { shape: [rows, columns / 4], dtype: "u32", fill: { kind: "index", below: 2 ** 32 } };
}

export interface Weights {
  w: Tensor;
  /** With bytes: the factor of each row. */
  scale?: Tensor;
}

/** x f32[..., in] → f32[..., out]. @throws TesseraError `shape`, `dtype`. */
export function weightProduct(
  x: Tensor,
  { w, scale }: Weights,
  { bias, residual }: { bias?: Tensor; residual?: Tensor } = {},
): Tensor {
  const inputs = [x, w, scale, bias, residual].filter((tensor) => tensor !== undefined);
  return weightProductOp(inputs, { scale: !!scale, bias: !!bias, residual: !!residual })[0];
}
