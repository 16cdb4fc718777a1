// Files and the GPU as a command sees them, in Node. It decides nothing about what is read or written.
import { type FileHandle, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { TesseraError } from "../base/errors";
import type { ByteSource } from "../formats/source";
import { type Gpu, openGpu } from "../gpu/gpu";
import type { CommandHost } from "../workflows/define";
import { type NodeAdapter, openNodeGpu } from "./node-gpu";
import { fileTuneStore } from "./tune-file";

export interface NodeHost extends CommandHost {
  /** The adapter that the command asked for; null while it asked for none. */
  adapter(): { name: string; description: string; software: boolean; features: readonly string[] } | null;
  /** Closes files and the device. */
  close(): Promise<void>;
}

export function nodeHost(adapter?: NodeAdapter): NodeHost {
  const handles: FileHandle[] = [];
  let opening: Promise<{ gpu: Gpu; description: string }> | undefined;
  let opened: { gpu: Gpu; description: string } | undefined;
  return {
    async open(path) {
      const handle = await open(path, "r").catch((error) => {
        throw fileError("open", path, error);
      });
      handles.push(handle);
      return fileSource(path, handle);
    },
    async write(path, bytes, { before } = {}) {
      // A reader of the old file, or a crash, must never meet half of the new one.
      const next = `${path}.part-${process.pid}`;
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(next, bytes);
        if (before) await rename(path, before).catch(unlessMissing);
        await rename(next, path);
      } catch (error) {
        await rm(next, { force: true });
        throw fileError("write", path, error);
      }
    },
    async gpu() {
      opening ??= (async () => {
        const { gpu: source, description } = await openNodeGpu(adapter ? { adapter } : {});
        opened = { gpu: await openGpu(source, { tuneStore: fileTuneStore() }), description };
        return opened;
      })();
      return (await opening).gpu;
    },
    adapter() {
      if (!opened) return null;
      const { name, software, features } = opened.gpu.adapter;
      return { name, description: opened.description, software, features };
    },
    async close() {
      await Promise.all(handles.map((h) => h.close()));
      opened?.gpu.close();
    },
  };
}

async function fileSource(path: string, handle: FileHandle): Promise<ByteSource> {
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

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "access is denied",
  EISDIR: "it is a folder",
  ENOSPC: "the disk is full",
};

function fileError(what: string, path: string, error: unknown): TesseraError {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new TesseraError("file", `Cannot ${what} the file: ${WORDS[code] ?? message}: ${path}`, {
    path,
    reason: code,
  });
}
