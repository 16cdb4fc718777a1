// Makes a data set in a folder, run by run: seeded, resumable, every run past its gates, with a card.
import { TesseraError } from "../../../../base/errors";
import { formatDuration } from "../../../../base/stats";
import type { TaskContext } from "../../../../base/task";
import { type OutputFolder, readSmallFile } from "../../../../formats/folder";
import type { SetParams } from "../../protocol";
import { CARD, type Card, cardText, makeCard, type RunRecord, type Split } from "./card";
import { encodeRun } from "./encode";
import { drawPlate, FRAMES, type PlateCase, type PlateSettings, POISSON_RATIOS, SHAPES, STEP } from "./plate";
import { type Run, simulate } from "./simulate";

/** Draws of one stream before it counts as hopeless. */
const MOST_DRAWS = 64;
/** A quarter of the usual depth: shallower runs are no use. */
const LEAST_STEP = STEP / 4;
/** The card is written this often, so that little is done again after a break. */
const SAVE_MS = 2000;

/** A run to make: its place in the set. */
export interface Slot {
  file: string;
  split: Split;
  fixed: Pick<PlateCase, "top" | "shift" | "poisson">;
  /** First of the random streams that are its own. */
  stream: number;
}

/** All runs in order: split, shape, Poisson ratio, number. 5 of 7 are for training, 1 for validation, 1 for tests. */
export function slotsOf(perCell: number): Slot[] {
  const slots: Slot[] = [];
  const share = perCell / 7;
  for (const [split, count] of [
    ["train", 5 * share],
    ["validation", share],
    ["test", share],
  ] as const) {
    let number = 0;
    for (const shape of SHAPES)
      for (const poisson of POISSON_RATIOS)
        for (let i = 0; i < count; i++)
          slots.push({
            file: `${split}-${String(number++).padStart(4, "0")}.npz`,
            split,
            fixed: { ...shape, poisson },
            stream: MOST_DRAWS * slots.length,
          });
  }
  return slots;
}

/** How a set is made, beside its slots. */
export type MakeSettings = PlateSettings & Pick<SetParams, "seed" | "snaps">;

/** Draws until a run holds every gate. @throws TesseraError `data-set` when none of many does. */
export function makeRun(slot: Slot, settings: MakeSettings): { run: Run; dropped: string[] } {
  const dropped: string[] = [];
  for (let draw = 0; draw < MOST_DRAWS; draw++) {
    const run = smoothRun(drawPlate(slot.fixed, settings.seed, slot.stream + draw), settings);
    if (!run.miss) return { run, dropped };
    dropped.push(`${run.miss.gate} in frame ${run.miss.frame}`);
  }
  throw new TesseraError(
    "data-set",
    `None of ${MOST_DRAWS} draws for ${slot.file} held every gate (${dropped[0]}); choose other settings`,
    { file: slot.file, dropped },
  );
}

/** A run, or the same one to the depth two frames before the plate snaps, in as many frames. */
export function smoothRun(plate: PlateCase, settings: MakeSettings): Run {
  const run = simulate(plate, settings, settings.snaps === "keep");
  if (run.miss?.gate !== "snap") return run;
  const step = (plate.step * (run.miss.frame - 2)) / (FRAMES - 1);
  return step < LEAST_STEP ? run : smoothRun({ ...plate, step }, settings);
}

/**
 * Makes what the folder lacks of the set. @returns the card of the whole set.
 * @param slots the runs of the set. @throws TesseraError `data-folder` when the folder holds another set, `data-set`,
 * `cancelled`, `storage-full`.
 */
export async function generate(
  settings: SetParams,
  folder: OutputFolder,
  context: TaskContext,
  slots: readonly Slot[] = slotsOf(settings.perCell),
): Promise<Card> {
  const records = await readRecords(folder, settings);
  const save = async (): Promise<Card> => {
    const runs = slots.flatMap(({ file }) => records.get(file) ?? []);
    const isComplete = runs.length === slots.length;
    const sha256 = isComplete
      ? await hash(new TextEncoder().encode(runs.map((run) => run.sha256).join("\n")))
      : null;
    const card = makeCard(settings, runs, slots.length, sha256);
    await folder.write(CARD, new TextEncoder().encode(`${JSON.stringify(card, null, 1)}\n`));
    return card;
  };
  const started = performance.now();
  const kept = records.size;
  let savedAt = started;
  // From the first file on the folder says what it is.
  if (kept === 0) await save();
  try {
    for (const slot of slots) {
      if (records.has(slot.file)) continue;
      await context.gate();
      const made = records.size - kept;
      const left = (((performance.now() - started) / made) * (slots.length - records.size)) / 1000;
      context.report({
        done: records.size,
        total: slots.length,
        what: `Run ${records.size + 1} of ${slots.length}${made > 0 ? `, ${formatDuration(left)} left` : ""}`,
      });
      const { run, dropped } = makeRun(slot, settings);
      const bytes = encodeRun(run, settings);
      await folder.write(slot.file, bytes);
      const { file, split } = slot;
      const [size, sha256] = [bytes.length, await hash(bytes)];
      records.set(file, { file, split, size, sha256, ...run.plate, figures: run.figures, dropped });
      if (performance.now() - savedAt > SAVE_MS) {
        await save();
        savedAt = performance.now();
      }
    }
  } catch (error) {
    // What stopped the set is told, not that the card could not be written either.
    await save().catch(() => {});
    throw error;
  }
  const card = await save();
  await folder.write("card.md", new TextEncoder().encode(cardText(card)));
  return card;
}

/** Finished runs by file; those whose file is missing or has another size are made again. */
async function readRecords(folder: OutputFolder, settings: SetParams): Promise<Map<string, RunRecord>> {
  const sizes = new Map((await folder.list()).map(({ name, size }) => [name, size]));
  if (!sizes.has(CARD)) {
    const other = [...sizes.keys()].find((name) => name.endsWith(".npz"));
    if (other === undefined) return new Map();
    throw new TesseraError(
      "data-folder",
      `An empty folder is needed, ${other} stands in this one: ${folder.name}`,
    );
  }
  let card: Card;
  try {
    card = JSON.parse(new TextDecoder().decode(await readSmallFile(folder, CARD))) as Card;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TesseraError(
      "data-folder",
      `${CARD} cannot be read; empty the folder and begin again: ${folder.name}`,
    );
  }
  const keys = Object.keys(settings) as (keyof SetParams)[];
  const changed = keys.filter((key) => card.settings?.[key] !== settings[key]);
  if (changed.length > 0) {
    throw new TesseraError(
      "data-folder",
      `A set with another ${changed.join(", ")} stands in this folder; choose an empty one: ${folder.name}`,
      { changed },
    );
  }
  return new Map(
    card.runs.filter(({ file, size }) => sizes.get(file) === size).map((run) => [run.file, run]),
  );
}

async function hash(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
