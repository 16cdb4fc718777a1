// The grid of settings of an ablation, and one line of results for each point: quality against time, over several clips.
// Points that a file of results holds already are not run again.
import type { TaskContext } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import type { ClipSettings, SparseSettings } from "../../protocol-video";
import { type ClipRun, runClip } from "./run";
import type { SampledClip } from "./sampler";
import { planSteps, usesTiers } from "./schedule";
import type { VideoWeights } from "./weights";

/** Values to try of each setting; the grid is their product. */
export type Grid = { readonly [K in keyof SparseSettings]: readonly SparseSettings[K][] };

export interface AblationRow {
  /** Settings and clips as text; equal keys are the same point. */
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

/** What makes a point: weights, settings and clips; nothing that the file's name or the machine says. */
export const rowKey = (
  weights: VideoWeights,
  settings: SparseSettings,
  { steps, guidance, seed, prompt }: ClipSettings,
  clips: number,
): string =>
  JSON.stringify({ weights: weights.id, ...ordered(settings), steps, guidance, seed, prompt, clips });

const ordered = (settings: SparseSettings): object =>
  Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * All points of a grid in order, each once. Points that differ only in what does not count (tiers of a rule without
 * masses, a later search's LSE where there is one search) are one point; impossible ones are errors.
 * @throws TesseraError `params`.
 */
export function gridPoints(grid: Grid, steps: number): SparseSettings[] {
  let points: Partial<SparseSettings>[] = [{}];
  for (const [name, values] of Object.entries(grid)) {
    points = points.flatMap((point) =>
      (values as readonly unknown[]).map((value) => ({ ...point, [name]: value })),
    );
  }
  const seen = new Map<string, SparseSettings>();
  for (const point of points as SparseSettings[]) {
    planSteps(steps, point);
    const searches = point.searches.split(",").filter(Boolean).length;
    const plain = { ...point, tiers: usesTiers(point), lseReuse: searches > 1 ? point.lseReuse : true };
    const key = JSON.stringify(ordered(plain));
    if (!seen.has(key)) seen.set(key, plain);
  }
  return [...seen.values()];
}

/** Lines of a results file; a line torn by a crash is left out and run again. */
export function parseRows(text: string): AblationRow[] {
  return text.split("\n").flatMap((line) => {
    if (!line.trim()) return [];
    try {
      return [JSON.parse(line) as AblationRow];
    } catch {
      return [];
    }
  });
}

/**
 * Runs what is missing: for each token order the dense clips once, then every point on all clips. `onRow` is given each
 * finished row. Clip i has seed + i and, without a prompt, a caption of its own.
 */
export async function ablate(
  gpu: Gpu,
  weights: VideoWeights,
  points: readonly SparseSettings[],
  clip: ClipSettings,
  clips: number,
  done: ReadonlySet<string>,
  context: TaskContext,
  onRow: (row: AblationRow) => Promise<void>,
): Promise<void> {
  const missing = points.filter((point) => !done.has(rowKey(weights, point, clip, clips)));
  const dense = new Map<string, SampledClip>();
  for (const [i, settings] of missing.entries()) {
    const runs: ClipRun[] = [];
    for (let c = 0; c < clips; c++) {
      const key = `${settings.order} ${c}`;
      const known = dense.get(key);
      const inner: TaskContext = {
        ...context,
        report: (progress) =>
          context.report({
            ...progress,
            done: i * clips + c + progress.done / progress.total,
            total: missing.length * clips,
            what: `Point ${i + 1} of ${missing.length}, clip ${c + 1} of ${clips}: ${progress.what}`,
          }),
      };
      const own = { ...clip, seed: clip.seed + c };
      const request = {
        clip: own,
        sparse: settings,
        mode: "both",
        level: "layers",
        ...(known && { dense: known }),
      } as const;
      const run = await runClip(gpu, weights, request, inner);
      dense.set(key, run.dense!);
      runs.push(run);
    }
    await onRow({ key: rowKey(weights, settings, clip, clips), ...rowOf(settings, clip, clips, runs) });
  }
}

function rowOf(
  settings: SparseSettings,
  clip: ClipSettings,
  clips: number,
  runs: readonly ClipRun[],
): Omit<AblationRow, "key"> {
  const found = runs.map((run) => run.comparison!);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const meanOf = (values: readonly (number | null)[]): number | null => {
    const known = values.filter((v) => v !== null);
    return known.length ? mean(known) : null;
  };
  const [denseMs, sparseMs] = [mean(found.map((f) => f.denseMs)), mean(found.map((f) => f.sparseMs))];
  return {
    settings,
    clips,
    steps: clip.steps,
    psnr: meanOf(found.map((f) => f.meanPsnr)),
    ssim: mean(found.map((f) => f.meanSsim)),
    denseMs,
    sparseMs,
    speedup: denseMs / sparseMs,
    attentionShare: meanOf(found.map((f) => f.attentionShare)),
    attentionWork: mean(found.map((f) => f.attentionWork)),
    bound: meanOf(found.map((f) => f.bound)),
    searchShare: meanOf(found.map((f) => f.searchShare)),
    kept: meanOf(found.map((f) => f.kept)),
  };
}
