// Files of a disk by slices, and what can go wrong with them in words. Node only.
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { TesseraError } from "../base/errors";
import type { ByteSource } from "../formats/source";

/** @throws TesseraError `file` when it is no file. */
export async function fileSource(path: string, handle: FileHandle): Promise<ByteSource> {
  const info = await handle.stat();
  if (!info.isFile())
    throw new TesseraError("file", `A file is needed, got a folder or a device: ${path}`, { path });
  return {
    name: basename(path),
    size: info.size,
    async read(start, end) {
      if (start < 0 || end < start || end > info.size) {
        throw new TesseraError(
          "file-truncated",
          `Bytes ${start} to ${end} were asked for, but the file ends at ${info.size}; it is cut short or its header is wrong: ${path}`,
          { name: path, start, end, size: info.size },
        );
      }
      const bytes = new Uint8Array(end - start);
      let at = 0;
      while (at < bytes.length) {
        const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at);
        if (bytesRead === 0)
          throw new TesseraError("file-truncated", `The file shrank while it was read: ${path}`, { path });
        at += bytesRead;
      }
      return bytes;
    },
  };
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "access is denied",
  EPERM: "access is denied",
  EROFS: "the disk is read-only",
  ENOTDIR: "it is not a folder",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
};

const KINDS: Readonly<Record<string, string>> = {
  ENOSPC: "storage-full",
  EDQUOT: "storage-full",
  EACCES: "permission",
  EPERM: "permission",
  EROFS: "permission",
};

/** `storage-full` and `permission` are kinds of their own: what was being written can go on later. */
export function fileError(what: string, path: string, error: unknown): TesseraError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new TesseraError(
    KINDS[code] ?? "file",
    `Cannot ${what} the file: ${WORDS[code] ?? message}: ${path}`,
    {
      path,
      reason: code,
    },
  );
}
