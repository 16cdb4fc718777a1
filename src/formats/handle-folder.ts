// Folders that a browser gives: a list of chosen files, a folder chosen for reading and writing, the private files of
// the page. For workers and pages. It asks for no permission.
import { TesseraError } from "../base/errors";
import type { InputFolder, OutputFolder } from "./folder";
import { blobSource } from "./source";

/** Files of an `<input webkitdirectory>` or of a drop, by name. */
export function filesFolder(name: string, files: readonly File[]): InputFolder {
  return {
    name,
    list: async () => files.map((file) => ({ name: file.name, size: file.size })),
    async open(wanted) {
      const file = files.find((one) => one.name === wanted);
      if (!file) throw new TesseraError("file", `There is no such file: ${name}/${wanted}`);
      return blobSource(file, `${name}/${wanted}`);
    },
  };
}

/** A file that is being written from its start to its end. */
interface Writing {
  name: string;
  size: number;
  write(at: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): Promise<void>;
}

/** Not in every browser, and not in TypeScript's list. */
type Movable = FileSystemFileHandle & { move?(name: string): Promise<void> };

/**
 * A folder by its handle. In the page's private files a worker writes in place. Elsewhere the browser writes a copy and
 * puts it in place when the file is settled: what is not settled is lost when the page ends.
 */
export function handleFolder(handle: FileSystemDirectoryHandle, isPrivate = false): OutputFolder {
  let writing: Writing | undefined;
  const told = <V>(what: string, name: string, work: () => Promise<V>): Promise<V> =>
    work().catch((error) => {
      throw folderError(what, `${handle.name || "private files"}/${name}`, error);
    });
  const settle = async (): Promise<void> => {
    const last = writing;
    writing = undefined;
    await last?.close();
  };
  const begin = async (name: string, at: number): Promise<Writing> => {
    if (writing?.name === name && at === writing.size) return writing;
    await settle();
    const file = await handle.getFileHandle(name, { create: true });
    writing = isPrivate ? await inPlace(name, file) : await asCopy(name, file, at);
    return writing;
  };
  return {
    name: handle.name,
    list: () =>
      told("list", "", async () => {
        const found: { name: string; size: number }[] = [];
        for await (const [name, entry] of handle.entries()) {
          if (entry.kind !== "file") continue;
          const isOpen = writing?.name === name;
          const size = isOpen ? writing!.size : (await (entry as FileSystemFileHandle).getFile()).size;
          found.push({ name, size });
        }
        return found;
      }),
    open: (name) =>
      told("open", name, async () =>
        blobSource(await (await handle.getFileHandle(name)).getFile(), `${handle.name}/${name}`),
      ),
    write: (name, bytes) =>
      told("write", name, async () => {
        const file = await handle.getFileHandle(name, { create: true });
        const writable = await file.createWritable();
        await writable.write(bytes as Uint8Array<ArrayBuffer>);
        await writable.close();
      }),
    writeAt: (name, at, bytes) =>
      told("write", name, async () => {
        const file = await begin(name, at);
        await file.write(at, bytes as Uint8Array<ArrayBuffer>);
        file.size = at + bytes.length;
      }),
    rename: (from, to) =>
      told("rename", from, async () => {
        await settle();
        const file: Movable = await handle.getFileHandle(from);
        try {
          if (file.move) return await file.move(to);
        } catch {
          // Some browsers have it for private files only; then the file is copied.
        }
        const target = await (await handle.getFileHandle(to, { create: true })).createWritable();
        await (await file.getFile()).stream().pipeTo(target);
        await handle.removeEntry(from);
      }),
    remove: (name) =>
      told("remove", name, async () => {
        if (writing?.name === name) await settle();
        await handle.removeEntry(name).catch((error) => {
          if ((error as Error).name !== "NotFoundError") throw error;
        });
      }),
    settle: () => told("write", writing?.name ?? "", settle),
  };
}

async function inPlace(name: string, file: FileSystemFileHandle): Promise<Writing> {
  const access = await file.createSyncAccessHandle();
  return {
    name,
    size: access.getSize(),
    async write(at, bytes) {
      if (at < access.getSize()) access.truncate(at);
      for (let done = 0; done < bytes.length; ) {
        const count = access.write(bytes.subarray(done), { at: at + done });
        if (count === 0) throw new DOMException("nothing was written", "QuotaExceededError");
        done += count;
      }
    },
    async close() {
      access.flush();
      access.close();
    },
  };
}

async function asCopy(name: string, file: FileSystemFileHandle, at: number): Promise<Writing> {
  const writable = await file.createWritable({ keepExistingData: at > 0 });
  if (at > 0) await writable.truncate(at);
  return {
    name,
    size: at,
    write: (position, bytes) => writable.write({ type: "write", position, data: bytes }),
    close: () => writable.close(),
  };
}

function folderError(what: string, path: string, error: unknown): unknown {
  const { name, message } = error as Error;
  const say = (code: string, why: string): TesseraError =>
    new TesseraError(code, `Cannot ${what} the file: ${why}: ${path}`, { reason: name }, { cause: error });
  if (name === "QuotaExceededError") return say("storage-full", "there is no room left");
  if (name === "NotAllowedError" || name === "SecurityError")
    return say("permission", "the browser's permission for this folder is gone");
  if (name === "NotFoundError") return say("file", "it is not there, or was moved away");
  if (name === "NoModificationAllowedError") return say("file", "another page or program has it open");
  return error instanceof TesseraError ? error : say("file", message);
}
