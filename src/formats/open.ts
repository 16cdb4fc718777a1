// Opens a file of tensors by looking at its bytes, not its name, and says what else it might be when it is none.
import { TesseraError } from "../base/errors";
import { NPY_MAGIC, npyHeaderEnd, npyValues, parseNpyHeader } from "./npy";
import { openNpz } from "./npz";
import { openSafetensors, safetensorsHeaderLength } from "./safetensors";
import type { ByteSource } from "./source";
import { byteRange, findEntry, type TensorFile } from "./tensor-data";
import { isTorchZip, openTorch } from "./torch";
import { readZipDirectory } from "./zip";

/** Beginnings of files that people drop by mistake, and what to do with them. */
const OTHERS: readonly { starts: readonly number[]; what: string; advice: string }[] = [
  { starts: [0x47, 0x47, 0x55, 0x46], what: "a GGUF model", advice: "export the tensors as safetensors" },
  { starts: [0x89, 0x48, 0x44, 0x46], what: "an HDF5 file", advice: "save the arrays with numpy.savez" },
  { starts: [0x89, 0x50, 0x4e, 0x47], what: "a PNG picture", advice: "drop a file of tensors" },
  { starts: [0xff, 0xd8, 0xff], what: "a JPEG picture", advice: "drop a file of tensors" },
  {
    starts: [0x80, 0x02],
    what: "a Python pickle, or a PyTorch file from before version 1.6",
    advice: "save it again with torch.save, or with safetensors.torch.save_file",
  },
  { starts: [0x1f, 0x8b], what: "a gzip archive", advice: "unpack it first" },
];

/**
 * Opens safetensors, npz, npy or PyTorch files.
 * @throws TesseraError `file-unknown` for anything else, and what the formats throw.
 */
export async function openTensorFile(source: ByteSource): Promise<TensorFile> {
  const head = await source.read(0, Math.min(12, source.size));
  const starts = (bytes: readonly number[]): boolean => bytes.every((b, i) => head[i] === b);
  if (starts([0x50, 0x4b, 0x03, 0x04]) || starts([0x50, 0x4b, 0x05, 0x06])) return openZip(source);
  if (starts(NPY_MAGIC)) return openNpy(source, head);
  const other = OTHERS.find((o) => starts(o.starts));
  if (other) throw unknown(source, `this is ${other.what}; ${other.advice}`);
  if (source.name.endsWith(".safetensors") || (await safetensorsHeaderLength(source)) !== undefined)
    return openSafetensors(source);
  throw unknown(source, source.size === 0 ? "this file is empty" : "its first bytes belong to none of these");
}

function unknown(source: ByteSource, why: string): TesseraError {
  return new TesseraError(
    "file-unknown",
    `safetensors, npz, npy and PyTorch files can be opened, but ${why}: ${source.name}`,
  );
}

async function openZip(source: ByteSource): Promise<TensorFile> {
  const parts = await readZipDirectory(source);
  if (isTorchZip(parts)) return openTorch(source, parts);
  const file = await openNpz(source, parts);
  if (file.entries.length === 0)
    throw unknown(source, "this zip holds no .npy array and no data.pkl of PyTorch");
  return file;
}

/** A single array is a file with one tensor, named like the file. */
async function openNpy(source: ByteSource, head: Uint8Array): Promise<TensorFile> {
  const end = Math.min(npyHeaderEnd(head, source.name), source.size);
  const header = parseNpyHeader(await source.read(0, end), source.name);
  if (header.dataStart + header.bytes > source.size) {
    throw new TesseraError(
      "file-truncated",
      `The array ends at byte ${header.dataStart + header.bytes}, but the file ends at ${source.size}; it is cut short: ${source.name}`,
      { size: source.size },
    );
  }
  const name = source.name.replace(/^.*[\\/]/, "").replace(/\.npy$/, "");
  const entry = { name, dtype: header.dtype, shape: header.shape, bytes: header.bytes };
  return {
    kind: "npy",
    name: source.name,
    metadata: {},
    entries: [entry],
    async read(wanted, range) {
      const { start, end: stop, shape } = byteRange(findEntry([entry], wanted, source.name), range);
      if (range && !header.fortran) {
        return npyValues(
          { ...header, shape },
          await source.read(header.dataStart + start, header.dataStart + stop),
        );
      }
      const whole = npyValues(header, await source.read(header.dataStart, header.dataStart + header.bytes));
      return range ? { dtype: whole.dtype, shape, data: whole.data.slice(range.from, range.to) } : whole;
    },
  };
}
