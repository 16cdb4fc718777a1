// NumPy's .npz: a zip of npy arrays, read by slices where stored and bounded where compressed; and a writer.
import { zipSync } from "fflate";
import { TesseraError } from "../base/errors";
import { encodeNpy, type NpyHeader, npyHeaderEnd, npyValues, parseNpyHeader } from "./npy";
import type { ByteSource } from "./source";
import {
  byteRange,
  type FileDType,
  findEntry,
  type TensorData,
  type TensorEntry,
  type TensorFile,
} from "./tensor-data";
import { readZipDirectory, readZipEntry, type ZipEntry, zipDataStart } from "./zip";

interface Entry extends TensorEntry {
  zip: ZipEntry;
  header: NpyHeader;
}

/** Reads the directory and every array's header. @throws TesseraError `file-corrupt`, `file-truncated`, `dtype`. */
export async function openNpz(source: ByteSource, zip?: readonly ZipEntry[]): Promise<TensorFile> {
  const entries: Entry[] = [];
  for (const part of zip ?? (await readZipDirectory(source))) {
    if (!part.name.endsWith(".npy")) continue;
    const name = part.name.slice(0, -4);
    const header = await readHeader(source, part);
    if (header.dataStart + header.bytes !== part.size) {
      throw new TesseraError(
        "file-corrupt",
        `Array ${name} should take ${header.dataStart + header.bytes} bytes by its header, the zip says ${part.size}: ${source.name}`,
        { tensor: name },
      );
    }
    entries.push({ name, dtype: header.dtype, shape: header.shape, bytes: header.bytes, zip: part, header });
  }
  return {
    kind: "npz",
    name: source.name,
    metadata: {},
    entries,
    read: async (name, range) => readArray(source, findEntry(entries, name, source.name), range),
  };
}

async function readHeader(source: ByteSource, zip: ZipEntry): Promise<NpyHeader> {
  const what = `${zip.name} in ${source.name}`;
  const end = npyHeaderEnd(await readZipEntry(source, zip, Math.min(12, zip.size)), what);
  return parseNpyHeader(await readZipEntry(source, zip, Math.min(end, zip.size)), what);
}

async function readArray(
  source: ByteSource,
  entry: Entry,
  range?: { from: number; to: number },
): Promise<TensorData> {
  const { header, zip } = entry;
  const { start, end, shape } = byteRange(entry, range);
  if (zip.method === 0 && !header.fortran && range) {
    const at = (await zipDataStart(source, zip)) + header.dataStart;
    return npyValues({ ...header, shape }, await source.read(at + start, at + end));
  }
  const whole = npyValues(
    header,
    (await readZipEntry(source, zip)).slice(header.dataStart) as Uint8Array<ArrayBuffer>,
  );
  return range ? { dtype: whole.dtype, shape, data: whole.data.slice(range.from, range.to) } : whole;
}

export interface ArrayToWrite {
  dtype: FileDType;
  shape: readonly number[];
  data: ArrayBufferView;
}

/** Files are dated like this, so that the same arrays always give the same bytes. */
const FIXED_DATE = new Date(1980, 0, 1);

/** A whole file in memory, up to 2 GiB. `compress` deflates (smaller, slower; NumPy reads both). */
export function encodeNpz(
  arrays: Readonly<Record<string, ArrayToWrite>>,
  options: { compress?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const level = options.compress ? 6 : 0;
  const files = Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)]),
  );
  return zipSync(files, { level, mtime: FIXED_DATE }) as Uint8Array<ArrayBuffer>;
}
