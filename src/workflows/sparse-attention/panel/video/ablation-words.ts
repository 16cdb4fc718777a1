// Points of an ablation as they are drawn and named: which belong together, what tells them apart, which no other beats.
// It formats; every number comes from the session or a results file.
import { formatPercent } from "../../../../ui/format";
import { paretoFront } from "../../../../ui/scatter-layout";
import { type SparseSettings, sparseParams } from "../../protocol-video";
import { type AblationRow, type ComparedClips, clipsOf } from "../../protocol-video-ablate";

export const QUALITIES = ["psnr", "ssim"] as const;
export type Quality = (typeof QUALITIES)[number];

export interface Point {
  row: AblationRow;
  /** Its number, in the order in which the points came. */
  mark: string;
  /** The settings that not all points share. */
  name: string;
  /** Time over that of the dense clip. */
  share: number;
  /** No other is faster and at least as good; one mark for each measure of quality. */
  isBest: { readonly [Q in Quality]: boolean };
}

/** Points of the same weights and clips: only these can be compared. */
export interface PointGroup {
  id: string;
  clips: ComparedClips;
  points: Point[];
}

/** PSNR as a number: equal clips are infinitely good. */
export const qualityOf = (row: AblationRow, quality: Quality): number =>
  quality === "ssim" ? row.ssim : (row.psnr ?? Number.POSITIVE_INFINITY);

export function pointGroups(rows: readonly AblationRow[]): PointGroup[] {
  const groups = new Map<string, { clips: ComparedClips; rows: AblationRow[] }>();
  for (const row of rows) {
    const clips = clipsOf(row.key);
    const id = JSON.stringify(clips);
    const group = groups.get(id) ?? { clips, rows: [] };
    group.rows.push(row);
    groups.set(id, group);
  }
  return [...groups].map(([id, group]) => ({ id, clips: group.clips, points: pointsOf(group.rows) }));
}

function pointsOf(rows: readonly AblationRow[]): Point[] {
  const names = pointNames(rows.map((row) => row.settings));
  const best = (quality: Quality): Set<number> =>
    new Set(paretoFront(rows.map((row) => ({ x: timeShare(row), y: qualityOf(row, quality) }))));
  const [psnr, ssim] = [best("psnr"), best("ssim")];
  return rows.map((row, i) => ({
    row,
    mark: String(i + 1),
    name: names[i],
    share: timeShare(row),
    isBest: { psnr: psnr.has(i), ssim: ssim.has(i) },
  }));
}

const timeShare = ({ sparseMs, denseMs }: AblationRow): number => sparseMs / denseMs;

const steps = (list: string): string => list.split(",").join(", ");
const percent = (value: number): string => formatPercent(value, Number.isInteger(100 * value) ? 0 : 1);

const WORDS: { readonly [K in keyof SparseSettings]: (settings: SparseSettings) => string | undefined } = {
  sparsity: (s) => `sparsity ${percent(s.sparsity)}`,
  block: (s) => `blocks of ${s.block}`,
  denseSteps: (s) => `warm-up ${s.denseSteps}`,
  searches: (s) => (s.searches ? `search at ${steps(s.searches)}` : "no search"),
  tiers: (s) => (s.tiers ? "tiers" : "no tiers"),
  // With one search there is no later one to use its LSE.
  lseReuse: (s) => (s.searches.includes(",") ? (s.lseReuse ? "cached LSE" : "new LSE") : undefined),
  order: (s) => `order ${s.order}`,
  rule: (s) => `rule ${s.rule}`,
  firstSearch: (s) => `first search ${s.firstSearch}`,
  textSink: (s) => (s.textSink ? "text kept" : "text not kept"),
};
const SETTINGS = Object.keys(WORDS) as (keyof SparseSettings)[];

/** One name for each, of the settings in which they differ. */
export function pointNames(all: readonly SparseSettings[]): string[] {
  const telling = SETTINGS.filter((name) => new Set(all.map((s) => s[name])).size > 1);
  return all.map((s) => settingWords(s, telling) || "The only point");
}

/** "Sparsity 80 %, blocks of 32, …" */
export function settingWords(
  settings: SparseSettings,
  names: readonly (keyof SparseSettings)[] = SETTINGS,
): string {
  const words = names.flatMap((name) => WORDS[name](settings) ?? []).join(", ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** "10 steps, seed 0, 1 clip a point, weights 0000abcd". */
export function clipsWords({ weights, steps, guidance, seed, prompt, clips }: ComparedClips): string {
  return [
    `${steps} ${steps === 1 ? "step" : "steps"}`,
    `seed ${seed}`,
    clips === 1 ? "1 clip a point" : `${clips} clips a point`,
    guidance === 1 ? undefined : `guidance ${guidance}`,
    prompt ? `“${prompt}”` : undefined,
    `weights ${weights}`,
  ]
    .filter(Boolean)
    .join(", ");
}

const FIGURES = [
  ...["clips", "steps", "psnr", "ssim", "denseMs", "sparseMs", "speedup", "attentionShare"],
  ...["attentionWork", "bound", "searchShare", "kept"],
] as readonly Exclude<keyof AblationRow, "key" | "settings">[];

/** All points with full precision: settings, then figures. */
export function rowsTable(rows: readonly AblationRow[]): {
  header: string[];
  cells: (string | number | boolean | null)[][];
} {
  const settings = Object.keys(sparseParams) as (keyof SparseSettings)[];
  return {
    header: [...settings, ...FIGURES, "weights", "seed"],
    cells: rows.map((row) => {
      const { weights, seed } = clipsOf(row.key);
      return [
        ...settings.map((name) => row.settings[name]),
        ...FIGURES.map((name) => row[name] ?? null),
        ...[weights, seed],
      ];
    }),
  };
}
