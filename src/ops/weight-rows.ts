// Rows of packed weights by index, decoded: the embedding of a model whose table stays packed, and may lie in several parts.
import sourceText from "../../shaders/ops/weight_rows.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Tensor } from "../tensor/tensor";
import { expectIndex } from "./csr";
import { defineOp, type Sample } from "./op";
import { type Weights, weightSample } from "./weight-product";
import { decodedWeights, WEIGHT_STORAGES, type WeightStorage, weightImports, weightSizes } from "./weights";

const source: KernelSource = { file: "ops/weight_rows.wgsl", text: sourceText };
const LANES = 64;

export interface WeightRowsAttrs {
  /** Index of the first row: w is the part of a larger table that begins there. */
  first: number;
}

export const weightRowsOp = defineOp<WeightRowsAttrs>({
  name: "weight-rows",
  summary:
    "y[i, :] = row index[i] - first of weights stored as f32, f16, bf16 or bytes; no such row gives zeros",
  inputs: ["w", "index", "scale"],
  optional: 1,
  variants: ["value"],
  infer([w, index, scale]) {
    const { columns } = weightSizes(w, scale, "weight-rows");
    expectIndex(index, "weight-rows: index");
    return [{ shape: [...index.shape, columns], dtype: "f32" }];
  },
  launch({ inputs: [w, index, scale], outputs: [y], attrs: { first }, dispatch }) {
    const { storage, rows, columns } = weightSizes(w, scale, "weight-rows");
    const count = y.size / 4;
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(source, { imports: weightImports(storage) }),
          groups: Math.ceil(count / LANES),
          uniforms: { count, k4: columns / 4, rows, first },
        },
      ],
      bindings: [w, index, scale ?? w, y],
      work: y.size * 8,
    });
  },
  vjp: { none: "weights that are packed are run, not trained" },
  reference([w, index, scale], { first }) {
    const { shape, data: weights } = decodedWeights(w, scale);
    const [rows, k] = shape;
    const data = new Float64Array(index.data.length * k);
    index.data.forEach((at, i) => {
      const row = at - first;
      if (row >= 0 && row < rows) data.set(weights.subarray(row * k, row * k + k), i * k);
    });
    return [{ shape: [...index.shape, k], data }];
  },
  samples: [
    ...WEIGHT_STORAGES.map((storage) => sample(storage, "whole table", 9, 12, [2, 5], 0)),
    sample("bf16", "a part from row 6 on", 4, 8, [13], 6),
    sample("int8", "a part from row 3 on", 3, 4, [11], 3),
    sample("f32", "no indices", 4, 4, [0], 0),
  ],
  rejects: [
    {
      inputs: [
        { shape: [3, 8], dtype: "f32" },
        { shape: [2], dtype: "i32" },
      ],
      attrs: { first: 0 },
      says: "weight-rows: index must be u32, got i32[2]",
    },
    {
      inputs: [
        { shape: [3, 2, 4], dtype: "f32" },
        { shape: [2], dtype: "u32" },
      ],
      attrs: { first: 0 },
      says: "weight-rows: w must be a matrix of f32, f16, bf16, or u32 of four bytes, got f32[3, 2, 4]",
    },
  ],
  bound: {
    f32: { rel: 1e-7, scaled: 0, why: "values are decoded exactly; bytes are scaled with one rounding" },
  },
});

function sample(
  storage: WeightStorage,
  name: string,
  rows: number,
  columns: number,
  index: number[],
  first: number,
): Sample<WeightRowsAttrs> {
  return {
    name: `${storage}, ${name}`,
    inputs: [
      weightSample(storage, rows, columns),
      { shape: index, dtype: "u32", fill: { kind: "index", below: 12 } },
      ...(storage === "int8"
        ? [{ shape: [rows], dtype: "f32", fill: { kind: "uniform", from: 0.001, to: 0.02 } } as const]
        : []),
    ],
    attrs: { first },
  };
}

/** Rows of a table, decoded: index u32[...] → f32[..., columns]. */
export const weightRows = ({ w, scale }: Weights, index: Tensor, first = 0): Tensor =>
  weightRowsOp(scale ? [w, index, scale] : [w, index], { first })[0];
