// NumPy's .npy, versions 1 to 3: header parser, reader (any byte order, C or Fortran), writer. Never evaluates Python.
// Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { TesseraError } from "../base/errors";
import {
  asArray,
  DTYPE_BYTES,
  elementCount,
  type FileArray,
  type FileDType,
  type TensorData,
} from "./tensor-data";

export const NPY_MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
/** NumPy itself refuses longer headers unless told otherwise (64 KiB in version 1). */
const MAX_HEADER = 1 << 20;

export interface NpyHeader {
  dtype: FileDType;
  shape: readonly number[];
  fortran: boolean;
  bigEndian: boolean;
  /** Position of the first value in the file. */
  dataStart: number;
  /** Size of the values. */
  bytes: number;
}

const TYPES: Readonly<Record<string, FileDType>> = {
  f8: "F64",
  f4: "F32",
  f2: "F16",
  i8: "I64",
  i4: "I32",
  i2: "I16",
  i1: "I8",
  u8: "U64",
  u4: "U32",
  u2: "U16",
  u1: "U8",
  b1: "BOOL",
};
const CODES = Object.fromEntries(Object.entries(TYPES).map(([code, dtype]) => [dtype, code])) as Record<
  FileDType,
  string
>;

/** How many bytes from the start hold the header, from the first 12 bytes. @throws TesseraError `file-corrupt`. */
export function npyHeaderEnd(head: Uint8Array, name: string): number {
  const bad = (why: string): TesseraError =>
    new TesseraError("file-corrupt", `Not a valid npy array: ${why}: ${name}`, { at: 0 });
  if (head.length < 10 || !NPY_MAGIC.every((b, i) => head[i] === b))
    throw bad("it does not start with \\x93NUMPY");
  const major = head[6];
  if (major < 1 || major > 3) throw bad(`format version ${major} is not 1, 2 or 3`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (major > 1 && head.length < 12) throw bad("it ends inside the header");
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER) throw bad(`the header claims ${length} bytes, at most ${MAX_HEADER} are allowed`);
  return (major === 1 ? 10 : 12) + length;
}

/** Parses a whole header. @throws TesseraError `file-corrupt`, or `dtype` for object and structured arrays. */
export function parseNpyHeader(head: Uint8Array, name: string): NpyHeader {
  const end = npyHeaderEnd(head, name);
  if (head.length < end)
    throw new TesseraError(
      "file-truncated",
      `The npy header ends at byte ${end}, but only ${head.length} are there: ${name}`,
      { end, size: head.length },
    );
  const text = new TextDecoder("latin1").decode(head.subarray(head[6] === 1 ? 10 : 12, end));
  const bad = (why: string): TesseraError =>
    new TesseraError("file-corrupt", `Not a valid npy array: ${why}: ${name}`, { at: 10 });
  // The header is one flat dictionary literal with three known keys; anything else is refused.
  const descr = /^\s*\{[^{}]*'descr'\s*:\s*(?:'([^']*)'|(\[))/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)\s*[,}]/.exec(text);
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(text);
  if (!descr || !order || !shape) throw bad("the header lacks descr, fortran_order or shape");
  if (descr[2])
    throw new TesseraError(
      "dtype",
      `Structured arrays (named fields) cannot be read; save the field you need as an array of its own: ${name}`,
    );
  const [, mark, code] = /^([<>|=]?)(\w+)$/.exec(descr[1]) ?? [];
  if (code === "O")
    throw new TesseraError(
      "dtype",
      `Object arrays hold Python pickles and are never opened; save plain numbers with arr.astype(numpy.float32): ${name}`,
    );
  const dtype = TYPES[code];
  if (!dtype)
    throw new TesseraError(
      "dtype",
      `Element type '${descr[1]}' cannot be read; known are ${Object.keys(TYPES).join(", ")}: ${name}`,
    );
  const dims = shape[1]
    .split(",")
    .map((n) => n.replace("L", "").trim())
    .filter(Boolean)
    .map(Number);
  return {
    dtype,
    shape: dims,
    fortran: order[1] === "True",
    bigEndian: mark === ">",
    dataStart: end,
    bytes: elementCount(dims, name) * DTYPE_BYTES[dtype],
  };
}

/** Turns the stored values into a little-endian, row-major tensor. `bytes` holds exactly the values. */
export function npyValues(header: NpyHeader, bytes: Uint8Array<ArrayBuffer>): TensorData {
  const { dtype, shape } = header;
  if (header.bigEndian) swapBytes(bytes, DTYPE_BYTES[dtype]);
  const data = asArray(bytes, dtype);
  const isColumnMajor = header.fortran && shape.filter((n) => n !== 1).length > 1;
  return { dtype, shape, data: isColumnMajor ? toRowMajor(data, shape) : data };
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; width > 1 && at + width <= bytes.length; at += width)
    bytes.subarray(at, at + width).reverse();
}

function toRowMajor(data: FileArray, shape: readonly number[]): FileArray {
  const out = data.slice();
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
  let from = 0;
  for (let to = 0; to < data.length; to++) {
    out[to] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** A version-1 file, row-major and little-endian. @throws TesseraError `dtype` for BF16, which NumPy lacks. */
export function encodeNpy(tensor: {
  dtype: FileDType;
  shape: readonly number[];
  data: ArrayBufferView;
}): Uint8Array<ArrayBuffer> {
  const code = CODES[tensor.dtype];
  if (!code) throw new TesseraError("dtype", "NumPy has no bfloat16; write F32, or use safetensors");
  const bytes = elementCount(tensor.shape, "npy") * DTYPE_BYTES[tensor.dtype];
  if (tensor.data.byteLength !== bytes)
    throw new TesseraError(
      "tensor-shape",
      `${tensor.dtype} [${tensor.shape.join(", ")}] takes ${bytes} bytes, got ${tensor.data.byteLength}`,
    );
  const order = DTYPE_BYTES[tensor.dtype] === 1 ? "|" : "<";
  const shape = tensor.shape.length === 1 ? `(${tensor.shape[0]},)` : `(${tensor.shape.join(", ")})`;
  const words = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${shape}, }`;
  const length = Math.ceil((10 + words.length + 1) / 64) * 64 - 10;
  const out = new Uint8Array(10 + length + bytes);
  out.set([...NPY_MAGIC, 1, 0, length & 255, length >> 8]);
  out.set(new TextEncoder().encode(`${words.padEnd(length - 1)}\n`), 10);
  out.set(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, bytes), 10 + length);
  return out;
}
