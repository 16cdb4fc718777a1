// Files and the GPU as a command sees them, in Node. It decides nothing about what is read or written.
import { type FileHandle, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Gpu, openGpu } from "../gpu/gpu";
import type { CommandHost } from "../workflows/define";
import { fileError, fileSource } from "./files";
import { type NodeFolder, nodeFolder } from "./folders";
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
  const folders: NodeFolder[] = [];
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
    async folder(path) {
      const folder = await nodeFolder(path);
      folders.push(folder);
      return folder;
    },
    async outputFolder(path) {
      await mkdir(path, { recursive: true }).catch((error) => {
        throw fileError("make", path, error);
      });
      const folder = await nodeFolder(path);
      folders.push(folder);
      return folder;
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
      await Promise.all([...handles.map((h) => h.close()), ...folders.map((f) => f.close())]);
      opened?.gpu.close();
    },
  };
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
