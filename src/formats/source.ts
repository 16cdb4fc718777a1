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

/** A browser File or Blob. Its `read` may also throw `file-unreadable`: the file was changed since it was chosen. */
export function blobSource(blob: Blob, name = (blob as File).name ?? "data"): ByteSource {
  return {
    name,
    size: blob.size,
    async read(start, end) {
      checkRange(this, start, end);
      try {
        return new Uint8Array(await blob.slice(start, end).arrayBuffer());
      } catch (error) {
        // Browsers give one error for all of these.
        throw new TesseraError(
          "file-unreadable",
          `Bytes ${start} to ${end} could not be read (${(error as Error).message}). The file was changed, moved or removed since it was chosen, or there is no memory for so much at once; choose it again: ${name}`,
          { name, start, end },
          { cause: error },
        );
      }
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
