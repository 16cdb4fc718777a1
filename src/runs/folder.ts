// Where runs are kept: a few plain file operations that the browser's private files, a Node folder and memory all have.
import { TesseraError } from "../base/errors";
import { formatBytes } from "../base/stats";

/** Paths use "/" and are relative. Nothing here is atomic; see sealed.ts for files that must survive a crash. */
export interface Folder {
  /** Paths of all files below `prefix` (a folder path, or "" for all), in no order. */
  list(prefix: string): Promise<string[]>;
  /** Bytes [start, end) of a file, cut at its end; undefined when there is no such file. */
  read(path: string, start?: number, end?: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Creates or replaces. @throws TesseraError `storage-full`. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds at the end; creates the file when missing. @throws TesseraError `storage-full`. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file, or a folder with all in it; nothing happens when there is none. */
  remove(path: string): Promise<void>;
}

/** A folder in memory: for tests, and for browsers that offer no private files. */
export function memoryFolder(
  capacity = Number.POSITIVE_INFINITY,
): Folder & { files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  const put = (path: string, bytes: Uint8Array): void => {
    let used = bytes.length;
    for (const [name, old] of files) if (name !== path) used += old.length;
    if (used > capacity) throw storageFull(bytes.length, capacity - (used - bytes.length));
    files.set(path, bytes);
  };
  return {
    files,
    list: async (prefix) => [...files.keys()].filter((path) => isBelow(path, prefix)),
    read: async (path, start, end) =>
      files.get(path)?.slice(start, end) as Uint8Array<ArrayBuffer> | undefined,
    write: async (path, bytes) => put(path, bytes.slice()),
    async append(path, bytes) {
      const old = files.get(path) ?? new Uint8Array();
      const joined = new Uint8Array(old.length + bytes.length);
      joined.set(old);
      joined.set(bytes, old.length);
      put(path, joined);
    },
    async remove(path) {
      for (const name of [...files.keys()]) if (name === path || isBelow(name, path)) files.delete(name);
    },
  };
}

const isBelow = (path: string, prefix: string): boolean => prefix === "" || path.startsWith(`${prefix}/`);

/**
 * The typed form of a full disk or an exceeded quota. `needed` is undefined where not even an empty file could be made,
 * `free` where the platform does not tell.
 */
export function storageFull(needed: number | undefined, free: number | undefined): TesseraError {
  const left =
    free === undefined
      ? "the platform does not say how much is free"
      : `${formatBytes(Math.max(0, free))} are free`;
  return new TesseraError(
    "storage-full",
    `There is no room to store ${needed === undefined ? "anything" : formatBytes(needed)}: ${left}. Remove old runs, or export them to a file first.`,
    { needed: needed ?? null, free: free ?? null },
  );
}
