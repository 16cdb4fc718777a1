// A folder of files as readers and writers of whole models see it: on a disk, picked in a browser, or in memory.
// Names are those of files directly in it. It knows no format.
import { TesseraError } from "../base/errors";
import { formatBytes } from "../base/stats";
import { type ByteSource, bytesSource } from "./source";

export interface InputFolder {
  /** For messages. */
  readonly name: string;
  list(): Promise<{ name: string; size: number }[]>;
  /** @throws TesseraError `file` when there is no such file. */
  open(name: string): Promise<ByteSource>;
}

export interface OutputFolder extends InputFolder {
  /** Creates or replaces a file as a whole: a reader, or a crash, never meets half of it. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Writes at a position no larger than the file's size and cuts off what stood behind; creates the file. */
  writeAt(name: string, at: number, bytes: Uint8Array): Promise<void>;
  /** Replaces a file that has the new name. */
  rename(from: string, to: string): Promise<void>;
  /** Nothing happens when there is no such file. */
  remove(name: string): Promise<void>;
  /** Finishes what `writeAt` began: files it keeps open are closed and last. Writing may go on afterwards. */
  settle(): Promise<void>;
}

/** The files of a folder that begin with `prefix`, as a folder of their own. */
export function prefixedFolder(folder: OutputFolder, prefix: string): OutputFolder {
  return {
    name: `${folder.name}/${prefix}`,
    list: async () =>
      (await folder.list())
        .filter(({ name }) => name.startsWith(prefix))
        .map(({ name, size }) => ({ name: name.slice(prefix.length), size })),
    open: (name) => folder.open(prefix + name),
    write: (name, bytes) => folder.write(prefix + name, bytes),
    writeAt: (name, at, bytes) => folder.writeAt(prefix + name, at, bytes),
    rename: (from, to) => folder.rename(prefix + from, prefix + to),
    remove: (name) => folder.remove(prefix + name),
    settle: () => folder.settle(),
  };
}

/** Reads a small file whole. @throws TesseraError `file`, or `file-size` above `limit` bytes. */
export async function readSmallFile(
  folder: InputFolder,
  name: string,
  limit = 100_000_000,
): Promise<Uint8Array<ArrayBuffer>> {
  const source = await folder.open(name);
  if (source.size > limit) {
    throw new TesseraError(
      "file-size",
      `At most ${formatBytes(limit)} are expected here, the file has ${formatBytes(source.size)}: ${folder.name}/${name}`,
    );
  }
  return source.read(0, source.size);
}

/** A folder in memory. `capacity` in bytes makes it full like a disk: for tests of what happens then. */
export function memoryFolder(
  name: string,
  files: Readonly<Record<string, Uint8Array>> = {},
  capacity = Number.POSITIVE_INFINITY,
): OutputFolder & { files: Map<string, Uint8Array> } {
  const stored = new Map(Object.entries(files));
  const put = (file: string, bytes: Uint8Array): void => {
    let used = bytes.length;
    for (const [other, { length }] of stored) if (other !== file) used += length;
    if (used > capacity) throw new TesseraError("storage-full", `The disk is full: ${name}/${file}`);
    stored.set(file, bytes);
  };
  return {
    name,
    files: stored,
    list: async () => [...stored].map(([file, { length }]) => ({ name: file, size: length })),
    async open(file) {
      const bytes = stored.get(file);
      if (!bytes) throw new TesseraError("file", `There is no such file: ${name}/${file}`);
      return bytesSource(bytes, `${name}/${file}`);
    },
    write: async (file, bytes) => put(file, bytes.slice()),
    async writeAt(file, at, bytes) {
      const joined = new Uint8Array(at + bytes.length);
      joined.set((stored.get(file) ?? joined).subarray(0, at));
      joined.set(bytes, at);
      put(file, joined);
    },
    async rename(from, to) {
      const bytes = stored.get(from);
      if (!bytes) throw new TesseraError("file", `There is no such file: ${name}/${from}`);
      stored.delete(from);
      stored.set(to, bytes);
    },
    remove: async (file) => void stored.delete(file),
    settle: async () => {},
  };
}
