// What a merge has finished, in a file of the output folder: a merge that was broken off goes on at the tensor. It
// stands there as long as the output is not complete.
import { TesseraError } from "../../../../base/errors";
import { type OutputFolder, readSmallFile } from "../../../../formats/folder";
import type { NonFinite } from "../../protocol";
import { type Shard, unfinished } from "./layout";

export const PROGRESS = "merge-progress.json";

/** What must be the same for a merge to go on. */
export interface MergeKey {
  recipe: string;
  mode: string;
  seed: number;
  shardBytes: number;
  truncateVocabulary: boolean;
  /** Files of the models with their sizes. */
  models: { [model: string]: { [file: string]: number } };
}

/** Of one recipe of the file; intermediate results are stages of their own. */
export interface StageProgress {
  /** All files stand under their names. */
  isComplete: boolean;
  finished: string[];
  nonFinite: NonFinite[];
}

export interface Progress {
  note: string;
  version: 1;
  key: MergeKey;
  stages: StageProgress[];
}

const NOTE =
  "This folder holds a merge that is not finished. Run the same merge again to go on; this file then goes.";

/**
 * The progress of an earlier attempt, or a new one.
 * @throws TesseraError `merge-folder` when another merge is unfinished there, or files of a model stand there.
 */
export async function startProgress(folder: OutputFolder, key: MergeKey, stages: number): Promise<Progress> {
  const present = (await folder.list()).map((file) => file.name);
  if (present.includes(PROGRESS)) {
    const old = await readProgress(folder);
    const changed = Object.keys(key).filter(
      (part) =>
        JSON.stringify(old.key?.[part as keyof MergeKey]) !== JSON.stringify(key[part as keyof MergeKey]),
    );
    if (changed.length === 0 && old.stages.length === stages) return old;
    throw new TesseraError(
      "merge-folder",
      `An unfinished merge stands in this folder, with another ${changed.join(", ")}; choose an empty folder, or empty this one: ${folder.name}`,
      { changed },
    );
  }
  const taken = present.find((name) => /\.(safetensors|incomplete)$|^config\.json$|^README\.md$/.test(name));
  if (taken) {
    throw new TesseraError(
      "merge-folder",
      `The output needs an empty folder, ${taken} stands in this one: ${folder.name}`,
    );
  }
  const fresh = (): StageProgress => ({ isComplete: false, finished: [], nonFinite: [] });
  return { note: NOTE, version: 1, key, stages: Array.from({ length: stages }, fresh) };
}

async function readProgress(folder: OutputFolder): Promise<Progress> {
  try {
    const value = JSON.parse(new TextDecoder().decode(await readSmallFile(folder, PROGRESS))) as Progress;
    if (value.version === 1 && Array.isArray(value.stages)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new TesseraError(
    "merge-folder",
    `${PROGRESS} cannot be read; empty the folder and begin again: ${folder.name}`,
  );
}

export async function saveProgress(folder: OutputFolder, progress: Progress): Promise<void> {
  await folder.write(PROGRESS, new TextEncoder().encode(JSON.stringify(progress, null, 1)));
}

/**
 * Where a shard goes on: how many of its tensors are in the file, and the byte behind them. The file itself decides
 * where it is shorter than the progress says: a folder may lose what was not settled.
 */
export async function resumePoint(
  folder: OutputFolder,
  shard: Shard,
  finished: ReadonlySet<string>,
): Promise<{ tensors: number; at: number }> {
  const files = new Map((await folder.list()).map((file) => [file.name, file.size]));
  if (files.get(shard.name) === shard.size) return { tensors: shard.tensors.length, at: shard.size };
  const size = files.get(unfinished(shard.name)) ?? 0;
  let tensors = 0;
  for (const { tensor, end } of shard.tensors) {
    if (!finished.has(tensor.name) || end > size) break;
    tensors++;
  }
  return { tensors, at: tensors ? shard.tensors[tensors - 1].end : 0 };
}
