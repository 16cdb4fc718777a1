// Tensors as files hold them: element type names of safetensors, shapes, typed arrays. No reading and no GPU.
import { TesseraError } from "../base/errors";
import { decodeHalf } from "../base/half";

export const DTYPES = [
  "F64",
  "F32",
  "F16",
  "BF16",
  "I64",
  "U64",
  "I32",
  "U32",
  "I16",
  "U16",
  "I8",
  "U8",
  "BOOL",
] as const;
export type FileDType = (typeof DTYPES)[number];

export const DTYPE_BYTES: Readonly<Record<FileDType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** F16 and BF16 stay as bits in a Uint16Array; BOOL is 0 or 1 in a Uint8Array. */
export type FileArray =
  | Float64Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

export interface TensorEntry {
  name: string;
  dtype: FileDType;
  /** Row-major; [] is a scalar. */
  shape: readonly number[];
  /** Size of the values, uncompressed. */
  bytes: number;
}

export interface TensorData {
  dtype: FileDType;
  shape: readonly number[];
  data: FileArray;
}

const ARRAYS: Readonly<Record<FileDType, new (buffer: ArrayBuffer) => FileArray>> = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** Little-endian bytes as a typed array; copies only when the bytes do not start their buffer or are shared. */
export function asArray(bytes: Uint8Array<ArrayBuffer>, dtype: FileDType): FileArray {
  const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return new ARRAYS[dtype](whole ? bytes.buffer : bytes.slice().buffer);
}

/** Values as f32, rounded to nearest. 64-bit integers go through float64. */
export function toFloat32(tensor: Pick<TensorData, "dtype" | "data">): Float32Array<ArrayBuffer> {
  const { dtype, data } = tensor;
  if (data instanceof Float32Array) return data;
  if (dtype === "F16" || dtype === "BF16") {
    return decodeHalf(data as Uint16Array, dtype === "F16" ? "f16" : "bf16") as Float32Array<ArrayBuffer>;
  }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float32Array.from(data, Number);
  return Float32Array.from(data);
}

/** Product of a shape. @throws TesseraError `tensor-shape` when it passes 2^53 or a length is not a whole number. */
export function elementCount(shape: readonly number[], what: string): number {
  let count = 1;
  for (const n of shape) {
    if (!Number.isSafeInteger(n) || n < 0)
      throw new TesseraError("tensor-shape", `${what}: ${n} is no length of an axis`);
    count *= n;
    if (count > Number.MAX_SAFE_INTEGER) {
      throw new TesseraError(
        "tensor-shape",
        `${what}: the shape [${shape.join(", ")}] has more elements than can be counted`,
      );
    }
  }
  return count;
}

/** One interface over safetensors, npz, npy and PyTorch files. Nothing but headers is read before `read`. */
export interface TensorFile {
  kind: "safetensors" | "npz" | "npy" | "torch";
  name: string;
  metadata: Readonly<Record<string, string>>;
  entries: readonly TensorEntry[];
  /**
   * Reads one tensor, or the elements [from, to) of it in row-major order (then `shape` is [to - from]). Compressed
   * and Fortran-ordered entries are read whole for any part of them.
   * @throws TesseraError `tensor-missing`, `file-truncated`, `file-corrupt`.
   */
  read(name: string, range?: { from: number; to: number }): Promise<TensorData>;
}

/** Finds an entry or says which names there are. */
export function findEntry<E extends TensorEntry>(entries: readonly E[], name: string, file: string): E {
  const entry = entries.find((e) => e.name === name);
  if (entry) return entry;
  const known = entries.slice(0, 8).map((e) => e.name);
  throw new TesseraError(
    "tensor-missing",
    `There is no tensor ${name}; the file has ${known.join(", ")}${entries.length > 8 ? ", …" : ""}: ${file}`,
  );
}

/** Checks a range of elements and gives its byte bounds inside the tensor. @throws TesseraError `tensor-range`. */
export function byteRange(
  entry: TensorEntry,
  range: { from: number; to: number } | undefined,
): { start: number; end: number; shape: readonly number[] } {
  if (!range) return { start: 0, end: entry.bytes, shape: entry.shape };
  const width = DTYPE_BYTES[entry.dtype];
  const { from, to } = range;
  if (!(from >= 0 && from <= to && to * width <= entry.bytes)) {
    throw new TesseraError(
      "tensor-range",
      `${entry.name}: elements ${from} to ${to} were asked for, it has ${entry.bytes / width}`,
    );
  }
  return { start: from * width, end: to * width, shape: [to - from] };
}
