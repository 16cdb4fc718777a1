// A folder of a disk for reading and writing whole models. Node only; folders inside it are not looked at.
import { type FileHandle, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { TesseraError } from "../base/errors";
import type { OutputFolder } from "../formats/folder";
import { fileError, fileSource } from "./files";

export interface NodeFolder extends OutputFolder {
  /** Closes all files. */
  close(): Promise<void>;
}

/** @throws TesseraError `file` when there is no such folder. */
export async function nodeFolder(path: string): Promise<NodeFolder> {
  const told = <V>(what: string, name: string, work: Promise<V>): Promise<V> =>
    work.catch((error) => {
      throw error instanceof TesseraError ? error : fileError(what, join(path, name), error);
    });
  const info = await stat(path).catch((error) => {
    throw fileError("open", path, error);
  });
  if (!info.isDirectory())
    throw new TesseraError("file", `A folder is needed, got a file: ${path}`, { path });
  const reading: FileHandle[] = [];
  /** The file that `writeAt` is at, kept open: a model is written from its start to its end. */
  let writing: { name: string; handle: FileHandle; size: number } | undefined;

  const settle = async (): Promise<void> => {
    if (!writing) return;
    const { handle } = writing;
    writing = undefined;
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
  };
  const openAt = async (name: string): Promise<{ name: string; handle: FileHandle; size: number }> => {
    if (writing?.name === name) return writing;
    await settle();
    const file = join(path, name);
    const handle = await open(file, "r+").catch((error) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return open(file, "w+");
      throw error;
    });
    writing = { name, handle, size: (await handle.stat()).size };
    return writing;
  };

  return {
    name: basename(resolve(path)),
    async list() {
      const entries = await told("list", "", readdir(path, { withFileTypes: true }));
      const files = entries.filter((entry) => !entry.isDirectory());
      const sized = files.map(async ({ name }) => {
        const found = await stat(join(path, name)).catch(() => undefined);
        return found?.isFile() ? [{ name, size: found.size }] : [];
      });
      return (await Promise.all(sized)).flat();
    },
    async open(name) {
      const handle = await told("open", name, open(join(path, name), "r"));
      reading.push(handle);
      return fileSource(join(path, name), handle);
    },
    async write(name, bytes) {
      const next = join(path, `${name}.part`);
      try {
        // What the new file tells of the one being written must be true after a power cut too.
        await writing?.handle.datasync();
        await writeFile(next, bytes);
        await rename(next, join(path, name));
      } catch (error) {
        await rm(next, { force: true });
        throw fileError("write", join(path, name), error);
      }
    },
    async writeAt(name, at, bytes) {
      await told(
        "write",
        name,
        (async () => {
          const file = await openAt(name);
          if (at > file.size)
            throw new TesseraError("internal", `write at ${at} of ${file.size} bytes: ${path}/${name}`);
          if (at < file.size) await file.handle.truncate(at);
          file.size = at;
          for (let done = 0; done < bytes.length; ) {
            const { bytesWritten } = await file.handle.write(bytes, done, bytes.length - done, at + done);
            done += bytesWritten;
            file.size = at + done;
          }
        })(),
      );
    },
    async rename(from, to) {
      await settle();
      await told("rename", from, rename(join(path, from), join(path, to)));
    },
    async remove(name) {
      if (writing?.name === name) await settle();
      await told("remove", name, rm(join(path, name), { force: true }));
    },
    settle: () => told("write", writing?.name ?? "", settle()),
    async close() {
      await settle();
      await Promise.all(reading.splice(0).map((handle) => handle.close()));
    },
  };
}
