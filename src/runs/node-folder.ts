// Runs in a folder on disk. Node only: the command line imports it, the page never does.
import { appendFile, mkdir, open, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { type Folder, storageFull } from "./folder";

export function nodeFolder(root: string): Folder {
  const put = async (
    path: string,
    bytes: Uint8Array,
    write: (file: string, bytes: Uint8Array) => Promise<void>,
  ): Promise<void> => {
    const file = join(root, path);
    try {
      await mkdir(dirname(file), { recursive: true });
      await write(file, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      const { bavail, bsize } = await statfs(root);
      throw storageFull(bytes.length, bavail * bsize);
    }
  };
  return {
    async list(prefix) {
      const start = join(root, prefix);
      const entries = await readdir(start, { withFileTypes: true, recursive: true }).catch(missing(() => []));
      return entries
        .filter((e) => e.isFile())
        .map((e) => relative(root, join(e.parentPath, e.name)).split(sep).join("/"));
    },
    async read(path, start = 0, end) {
      const handle = await open(join(root, path), "r").catch(missing(() => undefined));
      if (!handle) return undefined;
      try {
        const { size } = await handle.stat();
        const bytes = new Uint8Array(Math.max(0, Math.min(end ?? size, size) - start));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        return bytes.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
    write: (path, bytes) => put(path, bytes, writeFile),
    append: (path, bytes) => put(path, bytes, appendFile),
    remove: (path) => rm(join(root, path), { recursive: true, force: true }),
  };
}

/** Turns "no such file or folder" into a value; passes every other failure on. */
function missing<V>(value: () => V): (error: NodeJS.ErrnoException) => V {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return value();
    throw error;
  };
}
