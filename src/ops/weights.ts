// Weights as they are kept on the device: f32, f16, bf16, or signed bytes with a scale for each row. The shape rule and the
// references of the ops that read them; it defines no op.
import { TesseraError } from "../base/errors";
import { formatShape, sameShape } from "../tensor/shape";
import { formatSpec, type TensorSpec } from "../tensor/tensor";
import type { RefArray } from "./op";

export const WEIGHT_STORAGES = ["f32", "f16", "bf16", "int8"] as const;
export type WeightStorage = (typeof WEIGHT_STORAGES)[number];

export interface WeightSizes {
  storage: WeightStorage;
  rows: number;
  /** Values in a row, a multiple of four. */
  columns: number;
}

/**
 * w is f32, f16 or bf16 [rows, columns], or four signed bytes to a word, u32 [rows, columns / 4], with `scale` f32 [rows].
 * @throws TesseraError `dtype`, `shape`.
 */
export function weightSizes(w: TensorSpec, scale: TensorSpec | undefined, what: string): WeightSizes {
  if (w.dtype === "i32" || w.shape.length !== 2)
    throw new TesseraError(
      "dtype",
      `${what}: w must be a matrix of f32, f16, bf16, or u32 of four bytes, got ${formatSpec(w)}`,
    );
  const storage = w.dtype === "u32" ? "int8" : w.dtype;
  const [rows, inRow] = w.shape;
  const columns = storage === "int8" ? inRow * 4 : inRow;
  if (columns % 4 !== 0 || columns === 0)
    throw new TesseraError(
      "shape",
      `${what}: rows of w must have a multiple of 4 values, got ${formatSpec(w)}; pad with zeros`,
    );
  if ((storage === "int8") !== (scale !== undefined))
    throw new TesseraError(
      "arguments",
      `${what}: bytes need a scale for each row, and only they do; w is ${formatSpec(w)}`,
    );
  if (scale && (scale.dtype !== "f32" || !sameShape(scale.shape, [rows])))
    throw new TesseraError(
      "shape",
      `${what}: scale must be f32${formatShape([rows])}, got ${formatSpec(scale)}`,
    );
  return { storage, rows, columns };
}

/** Which library decodes the weights of a kernel that imports lib/weights_f32. */
export const weightImports = (storage: WeightStorage): Record<string, string> => ({
  "lib/weights_f32": `lib/weights_${storage}`,
});

/** Decoded weights of a reference: bytes unpacked, rows scaled. */
export function decodedWeights(w: RefArray, scale: RefArray | undefined): RefArray {
  if (!scale) return w;
  const [rows, words] = w.shape;
  const data = new Float64Array(rows * words * 4);
  for (let i = 0; i < data.length; i++) {
    const word = w.data[i >> 2] >>> 0;
    data[i] = ((word << (24 - 8 * (i & 3))) >> 24) * scale.data[Math.floor(i / (words * 4))];
  }
  return { shape: [rows, words * 4], data };
}
