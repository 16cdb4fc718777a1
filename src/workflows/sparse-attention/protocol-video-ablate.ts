// The ablation as both sides and its files share it: the lists that a grid is made of, a line of results, what makes two
// lines the same point. The grid itself is made and run in engine/video/ablate.ts.
import { choice, int, type ParamSpec, type ParamValues, text, validate } from "../../base/params";
import type { DeviceInfo } from "./protocol";
import { type ClipSettings, type SparseSettings, sparseParams } from "./protocol-video";

const list = (values: string, label: string, help: string, separator = ",") =>
  text(values, { label, help: `${help}; several values apart by "${separator}".` });

/** Lists of values for every setting of sparse sampling; the grid is their product. */
export const gridParams = {
  sparsity: list("0.8", "Sparsities", "Sparsities"),
  block: list("64", "Block sides", "Block sides: 32, 64, 128"),
  denseSteps: list("10", "Warm-ups", "Warm-up steps"),
  searches: list("10;10,30;10,20,30", "Search schedules", "Search schedules", ";"),
  tiers: list("true,false", "Head-adaptive tiers", "Head-adaptive tiers"),
  lseReuse: list("true,false", "LSE reuse", "LSE reuse"),
  order: list("raster", "Token orders", "Token orders: raster, tile-1x8x8, tile-4x4x4"),
  rule: list("adaspa", "Selection rules", "Selection rules: adaspa, pooled, template, window, random"),
  firstSearch: list("two-pass", "First search", "First search: two-pass, one-pass"),
  textSink: list("true", "Text sink", "Keeping text blocks"),
  clips: int(4, {
    min: 1,
    max: 256,
    label: "Clips a point",
    help: "Clips for each point, with seeds one after the other; quality and times are their means.",
  }),
} as const satisfies Record<keyof SparseSettings | "clips", ParamSpec[string]>;
export type GridSettings = ParamValues<typeof gridParams>;

const MORE = "More of the grid";

const either = (label: string, help: string) =>
  choice("true,false", ["true,false", "true", "false"], {
    labels: { "true,false": "Both", true: "On", false: "Off" },
    label,
    help,
  });

/** The same for the page: a grid that a software adapter is done with in some minutes, at the page's own defaults. */
export const pageGridParams = {
  sparsity: { ...gridParams.sparsity, default: "0.5,0.8" },
  block: { ...gridParams.block, default: "32" },
  denseSteps: { ...gridParams.denseSteps, default: "2" },
  searches: { ...gridParams.searches, default: "2;2,6" },
  tiers: either("Head-adaptive tiers", "With tiers, without, or both."),
  lseReuse: either("Cached LSE", "Later searches on the LSE of the first one, on a new one, or both."),
  order: { ...gridParams.order, group: MORE },
  rule: { ...gridParams.rule, group: MORE },
  firstSearch: { ...gridParams.firstSearch, group: MORE },
  textSink: { ...either("Text sink", "Text blocks kept, not kept, or both."), default: "true", group: MORE },
  clips: { ...gridParams.clips, default: 1 },
} as const;
/** Groups of the grid's form that start closed. */
export const CLOSED_GRID_GROUPS: readonly string[] = [MORE];

/** One point of the grid, one line of a results file. */
export interface AblationRow {
  /** Weights, settings and clips as text; equal keys are the same point. */
  key: string;
  settings: SparseSettings;
  clips: number;
  steps: number;
  /** Means over clips. PSNR is null when every frame is equal. */
  psnr: number | null;
  ssim: number;
  denseMs: number;
  sparseMs: number;
  speedup: number;
  attentionShare: number | null;
  attentionWork: number;
  bound: number | null;
  searchShare: number | null;
  kept: number | null;
}

/** What a grid asks for, told before it runs. */
export interface AblationPlan {
  /** Of all points, in the order in which they run. */
  keys: string[];
  /** Points that are not done yet, and their operations by counting: dense clips, sparse clips, kernels tried before. */
  left: number;
  flops: number;
  /** At the rate measured on this device; null while nothing was measured. */
  seconds: number | null;
}

export interface AblatedVideo {
  points: number;
  /** Points that this call ran; the others were done before. */
  run: number;
  seconds: number;
  device: DeviceInfo;
}

/** What makes a point: weights, settings and clips; nothing that a file's name or the machine says. */
export const rowKey = (
  weights: string,
  settings: SparseSettings,
  { steps, guidance, seed, prompt }: ClipSettings,
  clips: number,
): string => JSON.stringify({ weights, ...ordered(settings), steps, guidance, seed, prompt, clips });

/** Settings in one order, so that equal ones are equal text. */
export const ordered = (settings: SparseSettings): object =>
  Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The part of a key that points must share to be compared: weights and clips. */
export type ComparedClips = Pick<ClipSettings, "steps" | "guidance" | "seed" | "prompt"> & {
  weights: string;
  clips: number;
};
export function clipsOf(key: string): ComparedClips {
  const { weights, steps, guidance, seed, prompt, clips } = JSON.parse(key) as ComparedClips;
  return { weights, steps, guidance, seed, prompt, clips };
}

/** A results file: a JSON object a line. */
export const encodeRows = (rows: readonly AblationRow[]): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));

/** Lines of a results file; a line torn by a crash, or of another kind, is left out and its point run again. */
export function parseRows(text: string): AblationRow[] {
  return text.split("\n").flatMap((line) => {
    try {
      const row = JSON.parse(line) as AblationRow;
      return isRow(row) ? [row] : [];
    } catch {
      return [];
    }
  });
}

function isRow(row: Partial<AblationRow> | null): row is AblationRow {
  if (!row || typeof row.key !== "string" || !row.settings) return false;
  validate(sparseParams, row.settings);
  const { psnr, denseMs, sparseMs, ssim } = row;
  const numbers = [psnr ?? 0, denseMs, sparseMs, ssim];
  return numbers.every((value) => Number.isFinite(value)) && Number.isInteger(clipsOf(row.key).clips);
}
