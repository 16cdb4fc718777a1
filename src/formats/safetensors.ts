// safetensors: header and tensors by slices, and a writer. Format: 8-byte header length, JSON header, data
// (github.com/huggingface/safetensors, README "Format"). Stricter than asked: no gaps, no overlaps, no duplicate keys.
import { TesseraError } from "../base/errors";
import { type Json, parseStrictJson } from "./json-header";
import type { ByteSource } from "./source";
import {
  asArray,
  byteRange,
  DTYPE_BYTES,
  DTYPES,
  elementCount,
  type FileDType,
  findEntry,
  type TensorData,
  type TensorEntry,
  type TensorFile,
} from "./tensor-data";

/** The reference implementation's own limit. */
const MAX_HEADER = 100_000_000;

interface Entry extends TensorEntry {
  /** Absolute byte position in the file. */
  start: number;
}

function corrupt(
  source: ByteSource,
  why: string,
  fields: { at?: number; tensor?: string } = {},
): TesseraError {
  return new TesseraError("file-corrupt", `Not a valid safetensors file: ${why}: ${source.name}`, fields);
}

/** Length of the header when the first bytes can begin a safetensors file, else undefined. */
export async function safetensorsHeaderLength(source: ByteSource): Promise<number | undefined> {
  if (source.size < 8) return undefined;
  const head = await source.read(0, Math.min(9, source.size));
  const view = new DataView(head.buffer);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  return length <= MAX_HEADER && (head.length < 9 || head[8] === 0x7b) ? length : undefined;
}

/**
 * Reads and checks the header; no tensor data is touched.
 * @throws TesseraError `file-truncated` or `file-corrupt`, naming the tensor or the byte position.
 */
export async function openSafetensors(source: ByteSource): Promise<TensorFile> {
  const { entries, metadata } = await readHeader(source);
  return {
    kind: "safetensors",
    name: source.name,
    metadata,
    entries,
    async read(name, range): Promise<TensorData> {
      const entry = findEntry(entries, name, source.name);
      const { start, end, shape } = byteRange(entry, range);
      const bytes = await source.read(entry.start + start, entry.start + end);
      return { dtype: entry.dtype, shape, data: asArray(bytes, entry.dtype) };
    },
  };
}

async function readHeader(
  source: ByteSource,
): Promise<{ entries: Entry[]; metadata: Record<string, string> }> {
  if (source.size < 8)
    throw corrupt(source, `it has ${source.size} bytes, the header length alone takes 8`, { at: 0 });
  const view = new DataView((await source.read(0, 8)).buffer);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > MAX_HEADER)
    throw corrupt(source, `the header claims ${length} bytes, at most ${MAX_HEADER} are allowed`, { at: 0 });
  if (8 + length > source.size) {
    throw new TesseraError(
      "file-truncated",
      `The header claims ${length} bytes, but the file ends at ${source.size}; it is cut short: ${source.name}`,
      { length, size: source.size },
    );
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      await source.read(8, 8 + length),
    );
  } catch {
    throw corrupt(source, "the header is not UTF-8", { at: 8 });
  }
  const header = parseStrictJson(text, source.name);
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw corrupt(source, "the header is not a JSON object", { at: 8 });
  const { __metadata__, ...tensors } = header;
  const dataStart = 8 + length;
  const entries = Object.entries(tensors).map(([name, record]) => readEntry(source, name, record, dataStart));
  checkLayout(source, entries, dataStart);
  return { entries, metadata: readMetadata(source, __metadata__) };
}

function readMetadata(source: ByteSource, record: Json | undefined): Record<string, string> {
  if (record === undefined) return {};
  if (typeof record !== "object" || record === null || Array.isArray(record))
    throw corrupt(source, "__metadata__ is not an object");
  for (const [key, value] of Object.entries(record)) {
    if (typeof value !== "string") throw corrupt(source, `__metadata__.${key} is not a text`);
  }
  return { ...(record as Record<string, string>) };
}

function readEntry(source: ByteSource, name: string, record: Json, dataStart: number): Entry {
  const bad = (why: string): TesseraError => corrupt(source, `tensor ${name}: ${why}`, { tensor: name });
  if (typeof record !== "object" || record === null || Array.isArray(record))
    throw bad("its record is not an object");
  const { dtype, shape, data_offsets: offsets } = record;
  if (!DTYPES.includes(dtype as FileDType))
    throw bad(`dtype ${JSON.stringify(dtype)} is not one of ${DTYPES.join(", ")}`);
  if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && (n as number) >= 0))
    throw bad("its shape is not a list of whole numbers");
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  ) {
    throw bad("data_offsets is not a pair of whole numbers");
  }
  const [from, to] = offsets as [number, number];
  const bytes = elementCount(shape as number[], `tensor ${name}`) * DTYPE_BYTES[dtype as FileDType];
  if (to - from !== bytes)
    throw bad(`${dtype} [${shape.join(", ")}] takes ${bytes} bytes, data_offsets span ${to - from}`);
  if (dataStart + to > source.size) {
    throw new TesseraError(
      "file-truncated",
      `Tensor ${name} ends at byte ${dataStart + to}, but the file ends at ${source.size}; it is cut short: ${source.name}`,
      {
        tensor: name,
        end: dataStart + to,
        size: source.size,
      },
    );
  }
  return { name, dtype: dtype as FileDType, shape: shape as number[], bytes, start: dataStart + from };
}

/** Tensors must follow each other without gap or overlap and fill the file. */
function checkLayout(source: ByteSource, entries: readonly Entry[], dataStart: number): void {
  let end = dataStart;
  for (const entry of [...entries].sort((a, b) => a.start - b.start || a.bytes - b.bytes)) {
    if (entry.start !== end) {
      const what =
        entry.start < end
          ? "overlaps the tensor before it"
          : `leaves ${entry.start - end} bytes unused before it`;
      throw corrupt(source, `tensor ${entry.name} ${what}`, { tensor: entry.name, at: entry.start });
    }
    end = entry.start + entry.bytes;
  }
  if (end !== source.size)
    throw corrupt(source, `${source.size - end} bytes follow the last tensor`, { at: end });
}

/** What the header says of a tensor. */
export interface TensorSlot {
  name: string;
  dtype: FileDType;
  shape: readonly number[];
}

/**
 * The head of a file whose tensors are yet to be written, in the given order: its bytes, the absolute position at which
 * each tensor starts, and the size of the whole file. Padded so that data starts at a multiple of 8.
 * @throws TesseraError `tensor-name` when two tensors share a name.
 */
export function safetensorsHead(
  slots: readonly TensorSlot[],
  metadata: Readonly<Record<string, string>> = {},
): { bytes: Uint8Array<ArrayBuffer>; starts: number[]; size: number } {
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  const offsets: number[] = [];
  let offset = 0;
  for (const { name, dtype, shape } of slots) {
    const bytes = elementCount(shape, name) * DTYPE_BYTES[dtype];
    if (Object.hasOwn(header, name)) throw new TesseraError("tensor-name", `Two tensors are named ${name}`);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offsets.push(offset);
    offset += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return { bytes, starts: offsets.map((at) => bytes.length + at), size: bytes.length + offset };
}

export interface TensorToWrite extends TensorSlot {
  /** Raw little-endian values; any view is fine. */
  data: ArrayBufferView;
}

/** A whole file in memory. Tensors keep their order. */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const head = safetensorsHead(tensors, metadata);
  const out = new Uint8Array(head.size);
  out.set(head.bytes);
  for (const [i, { name, dtype, shape, data }] of tensors.entries()) {
    const bytes = elementCount(shape, name) * DTYPE_BYTES[dtype];
    if (data.byteLength !== bytes)
      throw new TesseraError(
        "tensor-shape",
        `${name}: ${dtype} [${shape.join(", ")}] takes ${bytes} bytes, got ${data.byteLength}`,
      );
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), head.starts[i]);
  }
  return out;
}
