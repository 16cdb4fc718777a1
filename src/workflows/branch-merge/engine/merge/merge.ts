// Merges models into a folder: tensor by tensor and chunk by chunk, reading ahead and writing behind. A merge that is
// broken off goes on at the tensor; until it is complete its files are named so that nobody takes them for a model.
import { TesseraError, toRecord } from "../../../../base/errors";
import type { TaskContext } from "../../../../base/task";
import type { OutputFolder } from "../../../../formats/folder";
import { DTYPE_BYTES } from "../../../../formats/tensor-data";
import type { NonFinite } from "../../protocol";
import type { Plan, PlannedTensor } from "../plan/plan";
import { type ChunkReader, chunkReader, metered, type Room } from "./chunks";
import { countNonFinite, encodeValues } from "./encode";
import { smallFiles } from "./finish";
import { INDEX, indexFile, layOut, type Shard, tensorBytes, unfinished } from "./layout";
import type { Meter } from "./meter";
import { type Progress, resumePoint, type StageProgress, saveProgress } from "./progress";
import { PIECE_BYTES, ShardWriter } from "./shard-writer";

export interface MergeSettings {
  /** Bytes of f32 values of one model that are worked on at a time. */
  chunkBytes: number;
  shardBytes: number;
  seed: number;
}

/** How often what is finished is noted down, in milliseconds. */
const SAVE_MS = 1000;

/** One recipe of a merge: what it makes, where, and what is done of it. */
export interface Stage {
  plan: Plan;
  /** The recipe's text, for the model card. */
  recipe: string;
  settings: MergeSettings;
  folder: OutputFolder;
  /** The folder of the whole merge, in which `whole` is noted down; `progress` is this stage's part of it. */
  home: OutputFolder;
  whole: Progress;
  progress: StageProgress;
  meter: Meter;
  context: Pick<TaskContext, "gate" | "report">;
  /** Bytes of the output that are done, over all stages. */
  count: { done: number; total: number };
}

/**
 * Writes the output of one plan.
 * @throws TesseraError of the folders, of the method, `cancelled`: what is finished is kept.
 */
export async function mergeStage(stage: Stage): Promise<void> {
  const { plan, folder, progress, count } = stage;
  if (progress.isComplete) {
    count.done += plan.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
    return;
  }
  const shards = layOut(plan.tensors, stage.settings.shardBytes);
  await saveProgress(stage.home, stage.whole);
  for (const shard of shards) await writeShard(stage, shard);
  const files = new Set((await folder.list()).map((file) => file.name));
  for (const { name } of shards) if (files.has(unfinished(name))) await folder.rename(unfinished(name), name);
  if (shards.length > 1) await folder.write(INDEX, indexFile(shards));
  for (const [name, bytes] of await smallFiles(plan, stage.recipe)) await folder.write(name, bytes);
  progress.isComplete = true;
  await saveProgress(stage.home, stage.whole);
}

async function writeShard(stage: Stage, shard: Shard): Promise<void> {
  const { folder, progress, meter, settings, plan } = stage;
  const { tensors: done, at } = await resumePoint(folder, shard, new Set(progress.finished));
  const kept = new Set(shard.tensors.slice(0, done).map(({ tensor }) => tensor.name));
  const ours = new Set(shard.tensors.map(({ tensor }) => tensor.name));
  progress.finished = progress.finished.filter((name) => !ours.has(name) || kept.has(name));
  progress.nonFinite = progress.nonFinite.filter(({ tensor }) => !ours.has(tensor) || kept.has(tensor));
  for (const { tensor } of shard.tensors.slice(0, done)) stage.count.done += tensorBytes(tensor);
  if (at === shard.size) return;
  const pieceBytes = Math.min(PIECE_BYTES, settings.chunkBytes);
  const writer = new ShardWriter(folder, unfinished(shard.name), at, meter, pieceBytes);
  const rest = shard.tensors.slice(done);
  const elements = Math.max(1, Math.floor(settings.chunkBytes / 4));
  const room: Room = [];
  const read = (i: number): ChunkReader | undefined => {
    const next = rest[i]?.tensor;
    return next?.action === "merge" ? chunkReader(plan, next, elements, meter, room) : undefined;
  };
  /** Tensors that are pushed but may not be in the file yet. */
  const pushed: { name: string; end: number }[] = [];
  let savedAt = performance.now();
  const note = (): void => {
    while (pushed.length && pushed[0].end <= writer.done) progress.finished.push(pushed.shift()!.name);
  };
  try {
    if (at === 0) await writer.push(shard.head);
    let reader = read(0);
    for (const [i, { tensor, end }] of rest.entries()) {
      const following = read(i + 1);
      reader?.prime();
      following?.prime();
      const found: NonFinite = { tensor: tensor.name, nan: 0, infinite: 0, first: -1 };
      for await (const bytes of reader
        ? merged(stage, tensor, reader, found)
        : copied(stage, tensor, elements))
        await writer.push(bytes);
      if (found.nan + found.infinite > 0) progress.nonFinite.push(found);
      pushed.push({ name: tensor.name, end });
      note();
      if (performance.now() - savedAt > SAVE_MS) {
        await saveProgress(stage.home, stage.whole);
        savedAt = performance.now();
      }
      reader = following;
    }
    await writer.flush();
    await folder.settle();
    note();
  } catch (error) {
    await keep(stage, writer, note);
    throw withAdvice(error, progress.finished.length);
  }
  await saveProgress(stage.home, stage.whole);
}

/** Saves what can be saved of a merge that ends early. What fails here fails for the reason that is told already. */
async function keep(stage: Stage, writer: ShardWriter, note: () => void): Promise<void> {
  try {
    await writer.flush().catch(() => {});
    await stage.folder.settle();
    note();
    await saveProgress(stage.home, stage.whole);
  } catch {
    // The file of progress that was written before still holds.
  }
}

function withAdvice(error: unknown, finished: number): unknown {
  const { code, message, fields, stack } = toRecord(error);
  if (code !== "storage-full" && code !== "permission") return error;
  return new TesseraError(
    code,
    `${message} The ${finished} tensors that are finished are kept: make room or give access, and merge into the same folder again to go on.`,
    { ...fields, finished },
    { cause: stack },
  );
}

async function* merged(
  { plan, settings, context, count, meter }: Stage,
  tensor: PlannedTensor,
  reader: ChunkReader,
  found: NonFinite,
): AsyncGenerator<Uint8Array> {
  const total = tensorBytes(tensor) / DTYPE_BYTES[tensor.dtype];
  const { name, shape, base, shared, values } = tensor;
  const chunks = async function* (options?: { rows?: boolean }) {
    for await (const chunk of reader.chunks(options)) {
      await context.gate();
      yield chunk;
    }
  };
  const job = { name, shape, base, shared, values, seed: settings.seed, mode: plan.mode, chunks };
  let at = 0;
  for await (const part of plan.method.merge(job)) {
    const bytes = encodeValues(part, tensor.dtype);
    countNonFinite(bytes, tensor.dtype, at, found);
    at += part.length;
    count.done += bytes.length;
    context.report({ ...count, what: `Merging ${name}`, partial: meter.rates() });
    yield bytes;
  }
  if (at !== total)
    throw new TesseraError(
      "internal",
      `${plan.method.id} gave ${at} of ${total} values: ${name}. Please report it.`,
    );
}

async function* copied(
  { plan, meter, context, count }: Stage,
  tensor: PlannedTensor,
  elements: number,
): AsyncGenerator<Uint8Array> {
  const [source] = tensor.sources;
  const total = tensorBytes(tensor) / DTYPE_BYTES[tensor.dtype];
  for (let at = 0; at < total; at += elements) {
    await context.gate();
    const { model } = plan.models[source.model];
    const reading = metered(meter, model, source.tensor, at, Math.min(at + elements, total));
    const { data } = await meter.read.wait(reading);
    count.done += data.byteLength;
    context.report({ ...count, what: `Copying ${tensor.name}` });
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}
