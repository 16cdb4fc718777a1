// Runs in the browser's private files (OPFS), from a page or a worker. It asks for no permission and shows nothing.
import { TesseraError } from "../base/errors";
import { type Folder, storageFull } from "./folder";

/** The folder `name` of this origin's private files. @throws TesseraError `storage-missing` where there are none. */
export async function opfsFolder(name = "runs"): Promise<Folder> {
  if (!("storage" in navigator) || !navigator.storage.getDirectory) {
    const words =
      "This browser gives pages no private files, so runs cannot be kept. Use a current browser over https or localhost, outside private browsing.";
    throw new TesseraError("storage-missing", words);
  }
  const top = await navigator.storage.getDirectory();
  const root = await orFull(undefined, () => top.getDirectoryHandle(name, { create: true }));

  const parent = async (
    path: string,
    create: boolean,
  ): Promise<{ folder: FileSystemDirectoryHandle; leaf: string }> => {
    const parts = path.split("/");
    const leaf = parts.pop()!;
    let folder = root;
    for (const part of parts) folder = await folder.getDirectoryHandle(part, { create });
    return { folder, leaf };
  };
  // Full storage may show already when a folder or an empty file is to be made.
  const put = (path: string, bytes: Uint8Array, isAppend: boolean): Promise<void> =>
    orFull(bytes.length, async () => {
      const { folder, leaf } = await parent(path, true);
      const handle = await folder.getFileHandle(leaf, { create: true });
      await writeHandle(handle, bytes as Uint8Array<ArrayBuffer>, isAppend);
    });

  return {
    async list(prefix) {
      const start = prefix === "" ? root : await orUndefined(parent(`${prefix}/x`, false));
      if (!start) return [];
      const found: string[] = [];
      await walk("folder" in start ? start.folder : start, prefix === "" ? "" : `${prefix}/`, found);
      return found;
    },
    async read(path, start = 0, end) {
      const at = await orUndefined(parent(path, false));
      const handle = at && (await orUndefined(at.folder.getFileHandle(at.leaf)));
      if (!handle) return undefined;
      return new Uint8Array(await (await handle.getFile()).slice(start, end).arrayBuffer());
    },
    write: (path, bytes) => put(path, bytes, false),
    append: (path, bytes) => put(path, bytes, true),
    async remove(path) {
      const at = await orUndefined(parent(path, false));
      if (at) await orUndefined(at.folder.removeEntry(at.leaf, { recursive: true }));
    },
  };
}

async function walk(folder: FileSystemDirectoryHandle, prefix: string, found: string[]): Promise<void> {
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind === "directory")
      await walk(handle as FileSystemDirectoryHandle, `${prefix}${name}/`, found);
    else found.push(prefix + name);
  }
}

/** In a worker the access handle writes in place; on a page `createWritable` copies the file first. */
async function writeHandle(
  handle: FileSystemFileHandle,
  bytes: Uint8Array<ArrayBuffer>,
  isAppend: boolean,
): Promise<void> {
  if ("createSyncAccessHandle" in handle && typeof document === "undefined") {
    const access = await handle.createSyncAccessHandle();
    try {
      const start = isAppend ? access.getSize() : 0;
      if (!isAppend) access.truncate(0);
      access.write(bytes, { at: start });
      access.flush();
    } finally {
      access.close();
    }
    return;
  }
  const writable = await handle.createWritable({ keepExistingData: isAppend });
  try {
    await writable.write({
      type: "write",
      position: isAppend ? (await handle.getFile()).size : 0,
      data: bytes,
    });
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => {});
    throw error;
  }
}

/** Turns an exceeded quota into `storage-full`; every other failure is passed on. */
async function orFull<V>(needed: number | undefined, work: () => Promise<V>): Promise<V> {
  try {
    return await work();
  } catch (error) {
    if ((error as Error).name !== "QuotaExceededError") throw error;
    const { quota, usage } = await navigator.storage.estimate();
    throw storageFull(needed, quota === undefined || usage === undefined ? undefined : quota - usage);
  }
}

/** Undefined for what does not exist; every other failure is passed on. */
async function orUndefined<V>(work: Promise<V>): Promise<V | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as Error).name === "NotFoundError") return undefined;
    throw error;
  }
}
