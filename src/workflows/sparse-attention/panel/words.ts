// Where blocks lie and what has changed, in words. It formats; every number comes from the session.
import { formatNumber, formatPercent } from "../../../ui/format";
import type { HeatCell } from "../../../ui/Heatmap";
import type { BlockMap, Grid, HeadResult } from "../protocol";
import { params, type Settings } from "../protocol-params";
import type { Job } from "./state";

/** Places [from, to] of a block, both included. */
export function placesOf(block: number, side: number, length: number): [number, number] {
  return [block * side, Math.min(length, (block + 1) * side) - 1];
}

const range = (one: string, from: number, to: number): string =>
  from === to ? `${one} ${from}` : `${one}s ${from}–${to}`;

/**
 * The span of a key block (or of a query block, by its number): its tokens, the frames, rows and columns they lie in,
 * and the text among them. "tokens 64–127: frame 1, rows 0–7, columns 0–7".
 */
export function blockWords(
  block: number,
  { side, length, grid, boxes, order }: Pick<BlockMap, "side" | "length" | "grid" | "boxes" | "order">,
): string {
  const [from, to] = placesOf(block, side, length);
  const video = grid.frames * grid.height * grid.width;
  const parts: string[] = [];
  if (grid.known && from < video) {
    const [f0, f1, y0, y1, x0, x1] = boxes.subarray(6 * block, 6 * block + 6);
    parts.push(range("frame", f0, f1), range("row", y0, y1), range("column", x0, x1));
  }
  if (to >= video) parts.push(range("text token", Math.max(0, from - video), to - video));
  const span = order === "raster" ? `tokens ${from}–${to}` : `places ${from}–${to} of the tile order`;
  return parts.length > 0 ? `${span}: ${parts.join(", ")}` : span;
}

/** Three lines: the query block, the key block, and the mass that goes from one to the other. */
export function cellWords(
  map: BlockMap,
  { row, col, value }: Pick<HeatCell, "row" | "col" | "value">,
): string {
  const query = map.rowBlocks[row];
  const [from, to] = placesOf(query, map.side, map.length);
  const tokens = to - from + 1;
  const isKept = map.kept[row * map.keys + col] === 1;
  return [
    `Query block ${query}: ${blockWords(query, map)}`,
    `Key block ${col}: ${blockWords(col, map)}`,
    `Mass ${formatNumber(value)} of ${tokens} (${formatPercent(value / tokens)} of the row), ${isKept ? "kept" : "skipped"}`,
  ].join("\n");
}

/** "15 frames × 8 × 8 + 64 text tokens, from the file", or what is known without a grid. */
export function gridWords(grid: Grid): string {
  if (!grid.known) return grid.text > 0 ? `no video grid, ${grid.text} text tokens` : "no video grid known";
  const from = grid.from === "form" ? "from the form" : "from the input";
  return `${grid.frames} frames × ${grid.height} × ${grid.width} + ${grid.text} text tokens, ${from}`;
}

const INPUT = [
  "scale",
  "frames",
  "height",
  "width",
  "textTokens",
  "sampleRows",
  "seed",
  "order",
  "textSink",
] as const;
const METHOD = ["sparsity", "block", "strategy", "tiers", "search"] as const;
/** The settings that what a job gives depends on; curves bring block sides and sparsities of their own. */
const MATTERS: Readonly<Record<Job["kind"], readonly (keyof Settings)[]>> = {
  analyse: [...METHOD, ...INPUT],
  curves: INPUT,
  measure: ["sparsity", "block", ...INPUT],
};

/** Labels of the settings that would make the results of a job others now. */
export function changedSettings(kind: Job["kind"], ran: Settings, now: Settings): string[] {
  return MATTERS[kind].filter((name) => ran[name] !== now[name]).map((name) => params[name].label ?? name);
}

/** Both shares, always: readers mix up "kept" and "skipped" when only one of them is printed. */
export function sharesWords(kept: number, skipped: number): string {
  return `kept ${formatPercent(kept)}, skipped ${formatPercent(skipped)}`;
}

/** 1 → "skips more". */
export function tierWords(tier: HeadResult["tier"]): string {
  if (tier === 0) return "as set";
  return tier > 0 ? "skips more" : "skips less";
}

/** 6.1e12 → "6.10 TFLOP". */
export function flopsWords(flops: number): string {
  const units = ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"];
  let value = flops;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}
