// A file that is read by slices: the same interface over a browser File, a Node file and bytes in memory.
import { TesseraError } from "../base/errors";

export interface ByteSource {
  readonly name: string;
  readonly size: number;
  /** Bytes [start, end). @throws TesseraError `file-truncated` when the range passes the end. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

function checkRange(source: { name: string; size: number }, start: number, end: number): void {
  if (start < 0 || end < start || end > source.size) {
    throw new TesseraError(
      "file-truncated",
      `Bytes ${start} to ${end} were asked for, but the file ends at ${source.size}; it is cut short or its header is wrong: ${source.name}`,
      { name: source.name, start, end, size: source.size },
    );
  }
}

/** A browser File or Blob. */
export function blobSource(blob: Blob, name = (blob as File).name ?? "data"): ByteSource {
  return {
    name,
    size: blob.size,
    async read(start, end) {
      checkRange(this, start, end);
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
  };
}

/** Bytes already in memory. */
export function bytesSource(bytes: Uint8Array, name = "data"): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(start, end) {
      checkRange(this, start, end);
      return bytes.slice(start, end) as Uint8Array<ArrayBuffer>;
    },
  };
}
