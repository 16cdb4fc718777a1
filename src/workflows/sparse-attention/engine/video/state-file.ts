// What a training state of the video transformer says of itself in its metadata: sizes, settings and the last losses. Its
// tensors are the business of nn/checkpoint.ts.
import type { TensorFile } from "../../../../formats/tensor-data";
import { refused, trainingHead } from "../../../../nn/checkpoint";
import { SIZES, type VideoConfig } from "../../protocol-video";
import { ARCHITECTURE } from "./weights";

/** Losses that the figure told at the end is the mean of, at most. */
export const TOLD_LOSSES = 100;

export interface StateNotes {
  config: VideoConfig;
  /** Settings of the training, by name. */
  settings: Readonly<Record<string, string | number | boolean>>;
  /** Of the last steps, `TOLD_LOSSES` at most: whoever goes on tells the same figure at the end. */
  losses: readonly number[];
  /** Loss of the first step of all. */
  untrained: number;
  /** What the learning rate was multiplied with at the end. */
  rateFactor: number;
}

export const encodeNotes = ({
  config,
  settings,
  losses,
  untrained,
  rateFactor,
}: StateNotes): Record<string, string> => ({
  architecture: ARCHITECTURE,
  config: JSON.stringify(config),
  settings: JSON.stringify(settings),
  losses: JSON.stringify(losses),
  untrained: String(untrained),
  rateFactor: String(rateFactor),
});

/** Steps and notes of a state. @throws TesseraError `checkpoint` for another kind of file, saying what it is. */
export function readNotes(file: TensorFile): StateNotes & { steps: number } {
  const { steps } = trainingHead(file);
  const { architecture = "nothing" } = file.metadata;
  if (architecture !== ARCHITECTURE)
    throw refused(file, `a state of ${ARCHITECTURE} is needed, the file says ${architecture}`);
  const [config, settings, losses] = ["config", "settings", "losses"].map((name) => parsed(file, name));
  const sizes = config as Partial<VideoConfig>;
  if (!Object.keys(SIZES.XXS).every((name) => Number.isInteger(sizes[name as keyof VideoConfig])))
    throw refused(file, "its metadata gives no sizes of a model");
  if (!Array.isArray(losses)) throw refused(file, "its metadata gives no list of losses");
  const untrained = Number(file.metadata.untrained);
  if (!Number.isFinite(untrained)) throw refused(file, "its metadata gives no first loss");
  const rateFactor = Number(file.metadata.rateFactor ?? 1);
  if (!(rateFactor > 0)) throw refused(file, `its learning rate is multiplied with ${rateFactor}`);
  return {
    steps,
    config: config as VideoConfig,
    settings: settings as StateNotes["settings"],
    losses,
    untrained,
    rateFactor,
  };
}

/**
 * The notes of a state that a training with a model of these sizes goes on from.
 * @throws TesseraError `checkpoint` when it is of other sizes, with both.
 */
export function notesFor(file: TensorFile, asked: VideoConfig): StateNotes & { steps: number } {
  const notes = readNotes(file);
  const names = Object.keys(SIZES.XXS) as (keyof VideoConfig)[];
  if (names.every((name) => notes.config[name] === asked[name])) return notes;
  throw refused(
    file,
    `it is of a model of ${modelWords(notes.config)} after ${notes.steps} steps, asked for is one of ${modelWords(asked)}`,
  );
}

/** "8 frames of 32 × 32, width 64, 4 blocks, 4 heads". */
const modelWords = ({ frames, width, height, dim, layers, heads }: VideoConfig): string =>
  `${frames} frames of ${width} × ${height}, width ${dim}, ${layers} ${layers === 1 ? "block" : "blocks"}, ${heads} heads`;

function parsed(file: TensorFile, name: string): unknown {
  try {
    const value: unknown = JSON.parse(file.metadata[name]);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Told below.
  }
  throw refused(file, `its metadata gives no ${name}`);
}
