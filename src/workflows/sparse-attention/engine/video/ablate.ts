// The grid of settings of an ablation, and one line of results for each point: quality against time, over several clips.
// Points that a file of results holds already are not run again.
import { TesseraError } from "../../../../base/errors";
import { parseValue } from "../../../../base/params";
import type { TaskContext } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import { type ClipSettings, type SparseSettings, sparseParams } from "../../protocol-video";
import { type AblationRow, type GridSettings, ordered, rowKey } from "../../protocol-video-ablate";
import { type ClipRun, runClip } from "./run";
import type { SampledClip } from "./sampler";
import { planSteps, usesTiers } from "./schedule";
import type { VideoWeights } from "./weights";

/** Values to try of each setting; the grid is their product. */
export type Grid = { readonly [K in keyof SparseSettings]: readonly SparseSettings[K][] };

/** Far more than anyone waits for; a list of many numbers in each field would fill the memory. */
const MOST_POINTS = 10_000;

/** Lists as values, each checked as its parameter is. @throws TesseraError `params`. */
export function gridOf(lists: Omit<GridSettings, "clips">): Grid {
  const grid: Record<string, unknown[]> = {};
  for (const name of Object.keys(sparseParams) as (keyof SparseSettings)[]) {
    const parts = lists[name].split(name === "searches" ? ";" : ",");
    grid[name] = parts.map((part) => parseValue(name, sparseParams[name], part));
  }
  return grid as unknown as Grid;
}

/**
 * All points of a grid in order, each once. Points that differ only in what does not count (tiers of a rule without
 * masses, a later search's LSE where there is one search) are one point; impossible ones are errors.
 * @throws TesseraError `params`.
 */
export function gridPoints(grid: Grid, steps: number): SparseSettings[] {
  const product = Object.values(grid).reduce((sum, values) => sum * values.length, 1);
  if (product > MOST_POINTS)
    throw new TesseraError(
      "params",
      `A grid has at most ${MOST_POINTS} points, these lists make ${product}; shorten them.`,
      { points: product },
    );
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
  const missing = points.filter((point) => !done.has(rowKey(weights.id, point, clip, clips)));
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
    await onRow({ key: rowKey(weights.id, settings, clip, clips), ...rowOf(settings, clip, clips, runs) });
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
