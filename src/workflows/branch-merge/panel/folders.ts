// Folders as the page gets them: by the picker where there is one, by a file input elsewhere. A folder of models gives
// one model for each folder in it. It opens no file.
import type { ModelSource } from "../protocol-service";

type Picker = (options: { mode: "read" | "readwrite"; id: string }) => Promise<FileSystemDirectoryHandle>;

/** Undefined where the browser has no picker for folders. */
export const folderPicker = (): Picker | undefined =>
  (globalThis as unknown as { showDirectoryPicker?: Picker }).showDirectoryPicker?.bind(globalThis);

/** Undefined when the choice was cancelled. */
export async function pickFolder(
  mode: "read" | "readwrite",
  id: string,
): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await folderPicker()?.({ mode, id });
  } catch (error) {
    if ((error as Error).name === "AbortError") return undefined;
    throw error;
  }
}

export interface FoundModel {
  name: string;
  source: ModelSource;
}

const isWeights = (name: string): boolean => /\.(safetensors|bin|pth?)$/.test(name);

/** The folder itself when it holds weights, else those of its folders that do; the folder itself when none does. */
export async function modelsIn(handle: FileSystemDirectoryHandle): Promise<FoundModel[]> {
  const itself: FoundModel = { name: handle.name, source: { kind: "handle", handle } };
  const inside: FileSystemDirectoryHandle[] = [];
  for await (const [name, entry] of handle.entries()) {
    if (entry.kind === "directory") inside.push(entry as FileSystemDirectoryHandle);
    else if (isWeights(name)) return [itself];
  }
  const found: FoundModel[] = [];
  for (const folder of inside) {
    for await (const name of folder.keys()) {
      if (!isWeights(name)) continue;
      found.push({ name: folder.name, source: { kind: "handle", handle: folder } });
      break;
    }
  }
  return found.length ? found : [itself];
}

/** The same of the files of an `<input webkitdirectory>`. */
export function modelsOf(files: readonly File[]): FoundModel[] {
  const folders = new Map<string, File[]>();
  for (const file of files) {
    const folder = file.webkitRelativePath.split("/").slice(0, -1).join("/");
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  const withWeights = [...folders].filter(([, list]) => list.some((file) => isWeights(file.name)));
  const found = withWeights.length ? withWeights : [...folders].slice(0, 1);
  return found.map(([folder, list]) => ({
    name: folder.split("/").at(-1) || "model",
    source: { kind: "files", files: list },
  }));
}
