// What the paper prints, where this laboratory departs from it, and which of the session's figures have a counterpart
// there. The constants are the paper's numbers only.
import { formatNumber, formatPercent } from "../../../ui/format";
import { readCurves, sparseAsSet } from "./series";
import { type LabState, summarise } from "./state";

export const PAPER = {
  title: "Training-free and Adaptive Sparse Attention for Efficient Long Video Generation",
  id: "arXiv:2502.21079v1",
  claim:
    "Block-sparse attention whose masks are searched online, from exact block masses with a cached LSE, skips 80 % of the blocks of a video diffusion transformer at almost the same video, and makes the whole generation 1.78 times as fast.",
  setting:
    "Whole generations of 50 denoising steps, the first 10 dense, at a sparsity of 0.8 on one A100 with 80 GB. PSNR, SSIM and LPIPS compare with the dense video of the same seed.",
} as const;

export interface PaperRow {
  model: string;
  method: string;
  vbench: number;
  psnr: number | null;
  ssim: number | null;
  lpips: number | null;
  seconds: number;
  speedup: number;
}

const HUNYUAN = "HunyuanVideo 13B, 720p, 129 frames";
const COGVIDEO = "CogVideoX1.5-5B, 720p, 161 frames";
const row = (
  model: string,
  method: string,
  vbench: number,
  [psnr, ssim, lpips]: readonly [number, number, number] | readonly [null, null, null],
  seconds: number,
  speedup: number,
): PaperRow => ({ model, method, vbench, psnr, ssim, lpips, seconds, speedup });

/** The paper's main table. */
export const PAPER_ROWS: readonly PaperRow[] = [
  row(HUNYUAN, "Dense (FlashAttention-2)", 80.1, [null, null, null], 3213.76, 1),
  row(HUNYUAN, "MInference", 79.17, [22.53, 0.7435, 0.355], 2532.8, 1.27),
  row(HUNYUAN, "Sparse VideoGen", 79.39, [27.61, 0.8683, 0.1703], 2035.59, 1.58),
  row(HUNYUAN, "AdaSpa, uniform heads", 79.64, [28.51, 0.8825, 0.1574], 1823.34, 1.76),
  row(HUNYUAN, "AdaSpa, no LSE cache", 80.16, [28.97, 0.8898, 0.1481], 1877.13, 1.71),
  row(HUNYUAN, "AdaSpa", 80.13, [29.07, 0.8905, 0.1478], 1810.23, 1.78),
  row(COGVIDEO, "Dense (FlashAttention-2)", 81.16, [null, null, null], 3135.24, 1),
  row(COGVIDEO, "MInference", 65.3, [10.31, 0.3113, 0.682], 2258.35, 1.39),
  row(COGVIDEO, "Sparse VideoGen", 79.4, [18.98, 0.6465, 0.3632], 2061.42, 1.52),
  row(COGVIDEO, "AdaSpa, uniform heads", 81.54, [22.99, 0.8133, 0.2203], 1915.88, 1.64),
  row(COGVIDEO, "AdaSpa, no LSE cache", 81.73, [23.14, 0.8255, 0.2091], 1961.71, 1.6),
  row(COGVIDEO, "AdaSpa", 81.9, [23.25, 0.8267, 0.2067], 1888.14, 1.66),
];

/** Recall at sparsity 0.9 with blocks of 32 on three typical heads of the paper. */
export const PAPER_RECALL: readonly { pattern: string; recall: readonly [number, number, number] }[] = [
  { pattern: "token top-k", recall: [0.54, 0.93, 1] },
  { pattern: "blocks", recall: [0.52, 0.9, 1] },
  { pattern: "columns", recall: [0.16, 0.18, 0.12] },
  { pattern: "diagonals", recall: [0.46, 0.79, 0.96] },
];

/** Where the paper is wrong, silent or followed differently; the README lists the same. */
export const DEVIATIONS: readonly string[] = [
  "Both search listings print Log(qk − LSE) and leave out the scale 1/√D. By the paper’s equation 4 it must be exp; that is what is computed.",
  "Tiers: the n heads of highest recall and the n of lowest change their budget. The paper does not say what happens for n above half of the heads; n is clamped there.",
  "The text sink is kept besides the budget: the sparsity is the share of video blocks that a row skips, and the share really skipped is smaller. The paper does not say which of the two it means.",
  "Tokens stand in raster order unless set otherwise; blocks of 3-D tiles are an addition.",
  "Selection is row by row, ties go to the lower block, and at least one video block is kept.",
  "The first search may also run in one pass on the LSE of the step before, and a single pass may give output, LSE and masses at once. The paper does neither.",
  "A file with one step has no older LSE. The stale-LSE rule then uses that of queries and keys with 20 % noise, and says so.",
  "Rules of other methods are compared on one budget. Left out are SpargeAttn’s self-similarity test and the coarse output of VSA, the token permutation of Sparse-VideoGen, the window search per head of Sliding Tile Attention, and the mass thresholds of XAttention and SpargeAttn.",
];

export interface Figure {
  what: string;
  here: string;
  paper: string;
}

/** What this session measured that the paper has a counterpart of. */
export function figures(state: LabState): Figure[] {
  const { heads, measurement, ran } = state;
  const rows: Figure[] = [];
  const means = summarise(heads);
  if (means) {
    rows.push({
      what: `Sparsity set; blocks kept and skipped, mean of ${means.heads} heads`,
      here: `${ran.analyse?.sparsity ?? "–"}; kept ${formatPercent(means.kept)}, skipped ${formatPercent(means.skipped)}`,
      paper: "0.8; not printed",
    });
    rows.push({
      what: "Softmax mass kept (recall), mean and lowest head",
      here: `${formatPercent(means.recall)}, ${formatPercent(Math.min(...heads.map((h) => h.recall)))}`,
      paper: "not printed at 0.8",
    });
    if (means.outputError !== null)
      rows.push({
        what: "Relative error of the attention output",
        here: formatNumber(means.outputError),
        paper: "not printed; the whole video has PSNR 29.07",
      });
  }
  const exact = readCurves(state, "mean", 0.9).filter((r) => r.strategy === "adaspa");
  const oracle = readCurves(state, "mean", 0.9).filter((r) => r.strategy === "oracle");
  for (const [name, readings, paper] of [
    ["blocks", exact, PAPER_RECALL[1]],
    ["token top-k", oracle, PAPER_RECALL[0]],
  ] as const)
    for (const r of readings)
      rows.push({
        what: `Recall of ${name}, side ${r.side}, at ${formatPercent(r.skipped)} skipped, mean of ${r.heads} heads`,
        here: r.recall.toFixed(2),
        paper: `${paper.recall.map((x) => x.toFixed(2)).join(", ")} (three heads, side 32, sparsity 0.9)`,
      });
  const dense = measurement?.times.find((t) => t.name === "dense");
  const sparse = measurement && sparseAsSet(measurement.times);
  if (measurement && dense && sparse)
    rows.push({
      what: `Speed-up of attention alone, ${measurement.length.toLocaleString("en")} tokens, ${formatPercent(sparse.skipped ?? 0)} skipped`,
      here: `${formatNumber(dense.ms / sparse.ms)}× on ${measurement.device.name}${measurement.device.software ? " (software)" : ""}`,
      paper: "not printed; the whole generation 1.78×",
    });
  return rows;
}
