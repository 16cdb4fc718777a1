// PyTorch's .pt, .pth and .bin files since 1.6: a zip with one pickle and a file of numbers for each storage. The pickle is
// read as data (pickle.ts), the numbers by slices.
import { TesseraError } from "../base/errors";
import { PickleCall, PickleName, PickleReference, type PickleValue, readPickle } from "./pickle";
import type { ByteSource } from "./source";
import {
  asArray,
  byteRange,
  DTYPE_BYTES,
  elementCount,
  type FileDType,
  findEntry,
  type TensorData,
  type TensorEntry,
  type TensorFile,
} from "./tensor-data";
import { readZipDirectory, readZipEntry, type ZipEntry, zipDataStart } from "./zip";

const STORAGES: Readonly<Record<string, FileDType>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};
const REBUILD = "torch._utils._rebuild_tensor_v2";
/** (tensor, requires_grad, hooks). */
const PARAMETER = "torch._utils._rebuild_parameter";
const allowed = (name: string): boolean =>
  name === REBUILD ||
  name === PARAMETER ||
  /^torch\.[A-Z][A-Za-z0-9]*Storage$/.test(name); /* a type of element, known or not */
/** The pickle of a model of any size stays far below: it holds names and shapes only. */
const MOST_PICKLE_BYTES = 64 << 20;
/** Under these keys training scripts keep the weights, beside an optimiser's state. */
const WRAPPERS = ["state_dict", "model_state_dict", "model"];

interface Entry extends TensorEntry {
  storage: ZipEntry;
  /** First element in the storage, and elements between two along each axis. */
  offset: number;
  strides: readonly number[];
}

/** Whether a zip is one of these. */
export const isTorchZip = (entries: readonly ZipEntry[]): boolean => pickleOf(entries) !== undefined;
const pickleOf = (entries: readonly ZipEntry[]): ZipEntry | undefined =>
  entries.find(({ name }) => name.split("/").length === 2 && name.endsWith("/data.pkl"));

/**
 * Opens the tensors of a state_dict, or of nested dictionaries of them, named by their keys with dots between.
 * @throws TesseraError `pickle` for classes, functions or opcodes that no tensor needs; `dtype` for element types that are
 * not known; `file-corrupt`, `file-truncated` when the parts of the file do not fit together.
 */
export async function openTorch(source: ByteSource, zip?: readonly ZipEntry[]): Promise<TensorFile> {
  const parts = zip ?? (await readZipDirectory(source));
  const pickle = pickleOf(parts);
  const corrupt = (why: string): TesseraError =>
    new TesseraError("file-corrupt", `Not a valid PyTorch file: ${why}: ${source.name}`);
  if (!pickle) throw corrupt("it has no data.pkl");
  if (pickle.size > MOST_PICKLE_BYTES) throw corrupt(`its pickle has ${pickle.size} bytes`);
  const folder = pickle.name.slice(0, -"data.pkl".length);
  const files = new Map(parts.map((part) => [part.name, part]));
  const order = files.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(await readZipEntry(source, order, 16)) !== "little")
    throw corrupt("its numbers are big-endian, and only little-endian ones can be read");
  const value = readPickle(await readZipEntry(source, pickle), allowed, source.name);
  const entries: Entry[] = [];
  for (const [name, call] of tensorsIn(unwrapped(value))) {
    const storage = storageOf(call, (key) => files.get(`${folder}data/${key}`));
    if (typeof storage === "string") throw corrupt(`tensor ${name}: ${storage}`);
    entries.push({ name, ...storage });
  }
  if (entries.length === 0)
    throw new TesseraError("file-unknown", `There is no tensor in this PyTorch file: ${source.name}`);
  return {
    kind: "torch",
    name: source.name,
    metadata: {},
    entries,
    read: (name, range) => readTensor(source, findEntry(entries, name, source.name), range),
  };

  /** What a call that makes a tensor says; a text when it does not fit. */
  function storageOf(
    { args }: PickleCall,
    find: (key: string) => ZipEntry | undefined,
  ): Omit<Entry, "name"> | string {
    const [reference, offset, size, stride] = args;
    const id = reference instanceof PickleReference ? reference.id : undefined;
    if (!Array.isArray(id) || id[0] !== "storage" || !(id[1] instanceof PickleName))
      return "its storage is not told in the usual way";
    const [, type, key, , count] = id;
    const dtype = STORAGES[(type as PickleName).name];
    if (!dtype)
      throw new TesseraError(
        "dtype",
        `Elements of ${(type as PickleName).full} cannot be read; there are ${Object.keys(STORAGES).join(", ")}: ${source.name}`,
      );
    const storage = typeof key === "string" ? find(key) : undefined;
    if (!storage) return `its storage ${String(key)} is missing`;
    const [shape, strides] = [size, stride].map(wholeNumbers);
    if (!shape || !strides || shape.length !== strides.length || !isWhole(offset) || !isWhole(count))
      return "its shape, strides or offset are no whole numbers";
    const width = DTYPE_BYTES[dtype];
    if (storage.size !== count * width)
      return `its storage should have ${count} elements of ${width} bytes and has ${storage.size} bytes`;
    const elements = elementCount(shape, source.name);
    const last = shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis], offset);
    if (elements > 0 && last >= count) return `it reaches to element ${last} of ${count}`;
    return { dtype, shape, bytes: elements * width, storage, offset, strides };
  }
}

const isWhole = (value: PickleValue): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const wholeNumbers = (value: PickleValue): number[] | undefined =>
  Array.isArray(value) && value.every(isWhole) ? (value as number[]) : undefined;

function unwrapped(value: PickleValue): PickleValue {
  if (!(value instanceof Map)) return value;
  for (const key of WRAPPERS) {
    const inner = value.get(key);
    if (inner instanceof Map) return inner;
  }
  return value;
}

/**
 * Tensors of nested dictionaries, by their keys with dots between. A dictionary is entered once, however often it occurs: one
 * that holds itself, or many that hold each other twice, end too.
 */
function tensorsIn(root: PickleValue): Map<string, PickleCall> {
  const found = new Map<string, PickleCall>();
  const seen = new Set<PickleValue>();
  const walk = (value: PickleValue, path: string): void => {
    if (value instanceof PickleCall) {
      const { of, args } = value;
      if (of.full === REBUILD) found.set(path || "tensor", value);
      else if (of.full === PARAMETER && args[0] instanceof PickleCall && args[0].of.full === REBUILD)
        found.set(path || "tensor", args[0]);
    } else if (value instanceof Map && !seen.has(value)) {
      seen.add(value);
      for (const [key, inner] of value)
        if (typeof key === "string" || typeof key === "number")
          walk(inner, path ? `${path}.${key}` : String(key));
    }
  };
  walk(root, "");
  return found;
}

async function readTensor(
  source: ByteSource,
  entry: Entry,
  range?: { from: number; to: number },
): Promise<TensorData> {
  const { dtype, storage, offset, strides, shape } = entry;
  const width = DTYPE_BYTES[dtype];
  const part = byteRange(entry, range);
  const [from, to] = [part.start / width, part.end / width];
  const bytesOf = async (start: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    if (storage.method !== 0) return (await readZipEntry(source, storage)).slice(start * width, end * width);
    const at = await zipDataStart(source, storage);
    return source.read(at + start * width, at + end * width);
  };
  if (isContiguous(shape, strides)) {
    const bytes = await bytesOf(offset + from, offset + to);
    return { dtype, shape: part.shape, data: asArray(bytes, dtype) };
  }
  // A transposed or cut-out view: what it spans is read, and its elements are picked.
  const places = new Float64Array(to - from);
  for (let i = from; i < to; i++) {
    let [rest, place] = [i, offset];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += (rest % shape[axis]) * strides[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    places[i - from] = place;
  }
  let [low, high] = [places[0] ?? offset, places[0] ?? offset];
  for (const place of places) {
    low = Math.min(low, place);
    high = Math.max(high, place);
  }
  const span = await bytesOf(low, places.length ? high + 1 : low);
  const picked = new Uint8Array(places.length * width);
  for (const [i, place] of places.entries())
    picked.set(span.subarray((place - low) * width, (place - low + 1) * width), i * width);
  return { dtype, shape: part.shape, data: asArray(picked, dtype) };
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] > 1 && strides[axis] !== step) return false;
    step *= shape[axis];
  }
  return true;
}
