// From results to what the charts draw: grids, curves, bars. Pure; colours are handed in.
import type { BarSeries } from "../../../ui/BarChart";
import type { Boundary } from "../../../ui/Heatmap";
import type { LineSeries } from "../../../ui/line-data";
import type { BlockMap, Curve, HeadResult, TimeRow, TripleInfo } from "../protocol";
import { STRATEGIES, STRATEGY_INFO, type StrategyId } from "../protocol-params";
import type { LabState } from "./state";

export type GridMetric = "recall" | "kept" | "skipped" | "tier" | "outputError";

export interface HeadGrid {
  data: Float32Array;
  triples: string[];
  heads: number;
}

/** Triples down, heads across. `expected` triples have their place before they are done; what is missing is NaN. */
export function headGrid(
  results: readonly HeadResult[],
  metric: GridMetric,
  expected: readonly Pick<TripleInfo, "id" | "heads">[] = [],
): HeadGrid {
  const triples = [...new Set([...expected.map((t) => t.id), ...results.map((r) => r.triple)])];
  const heads = Math.max(0, ...expected.map((t) => t.heads), ...results.map((r) => r.head + 1));
  const data = new Float32Array(triples.length * heads).fill(Number.NaN);
  const row = new Map(triples.map((id, i) => [id, i]));
  for (const r of results) data[(row.get(r.triple) ?? 0) * heads + r.head] = r[metric] ?? Number.NaN;
  return { data, triples, heads };
}

/** Boundaries of frames and text among the rows of a map, which differ from the key blocks when rows are sampled. */
export function rowBoundaries({ boundaries, rowBlocks, rows, keys }: BlockMap): Boundary[] {
  if (rows === keys) return boundaries;
  const lines: Boundary[] = [];
  for (const { at, label } of boundaries) {
    const row = rowBlocks.findIndex((block) => block >= at);
    // Of several boundaries between two sampled rows the last one tells where the row lies.
    if (row > 0 && lines.at(-1)?.at === row) lines.pop();
    if (row > 0) lines.push({ at: row, label });
  }
  return lines;
}

const DASHES: Readonly<Record<number, readonly number[] | undefined>> = {
  32: [2, 4],
  64: undefined,
  128: [9, 5],
};

const ofHead = (curves: readonly Curve[], head: number | "mean"): readonly Curve[] =>
  head === "mean" ? curves : curves.filter((c) => c.head === head);

/** One line per rule and block side: of one head, or the mean over heads at each sparsity. */
export function curveSeries(
  curves: readonly Curve[],
  head: number | "mean",
  colours: readonly string[],
): LineSeries[] {
  const shown = ofHead(curves, head);
  const sides = [...new Set(shown.map((c) => c.side))].sort((a, b) => a - b);
  return STRATEGIES.flatMap((strategy, s) =>
    sides.flatMap((side): LineSeries[] => {
      const own = shown.filter((c) => c.strategy === strategy && c.side === side);
      if (own.length === 0) return [];
      const mean = (of: "skipped" | "recall"): number[] =>
        own[0][of].map((_, i) => own.reduce((sum, curve) => sum + curve[of][i], 0) / own.length);
      const { label } = STRATEGY_INFO[strategy];
      return [
        {
          name: sides.length > 1 ? `${label}, ${side}` : label,
          x: mean("skipped"),
          y: mean("recall"),
          colour: colours[s % colours.length],
          dash: sides.length > 1 ? DASHES[side] : undefined,
          points: true,
        },
      ];
    }),
  );
}

export interface CurveReading {
  strategy: StrategyId;
  side: number;
  heads: number;
  skipped: number;
  recall: number;
  note: string;
}

/**
 * What each rule keeps of the mass at one sparsity, best first. Of the sparsities that the curves were asked for, the one
 * nearest to `wanted` is read, at which all rules have the same budget.
 */
export function readCurves(
  { curves, curvesAt }: Pick<LabState, "curves" | "curvesAt">,
  head: number | "mean",
  wanted: number,
): CurveReading[] {
  const at = nearest(curvesAt, wanted);
  const groups = new Map<string, Curve[]>();
  for (const curve of ofHead(curves, head)) {
    const key = `${curve.strategy} ${curve.side}`;
    groups.set(key, [...(groups.get(key) ?? []), curve]);
  }
  const readings = [...groups.values()].map((own): CurveReading => {
    const mean = (of: "skipped" | "recall"): number =>
      own.reduce((sum, curve) => sum + curve[of][at], 0) / own.length;
    const notes = [...new Set(own.map((c) => c.note).filter(Boolean))];
    const { strategy, side } = own[0];
    return {
      strategy,
      side,
      heads: own.length,
      skipped: mean("skipped"),
      recall: mean("recall"),
      note: notes.join("; "),
    };
  });
  return readings.sort((a, b) => b.recall - a.recall);
}

/** Index of the value nearest to the one wanted, the first among equals. */
export function nearest(values: readonly number[], wanted: number): number {
  let best = 0;
  for (let i = 1; i < values.length; i++)
    if (Math.abs(values[i] - wanted) < Math.abs(values[best] - wanted)) best = i;
  return best;
}

export const TIME_NAMES: Readonly<Record<TimeRow["name"], string>> = {
  dense: "Dense",
  search: "Search (masses)",
  "dense+mass": "Dense with masses",
  select: "Select",
  sparse: "Sparse",
};

/**
 * The sparse row of the sparsity that was set. The engine times the selection at that sparsity only, so it is the sparse
 * row with the same share skipped; without a selection, none.
 */
export function sparseAsSet(times: readonly TimeRow[]): TimeRow | undefined {
  const at = times.find((t) => t.name === "select")?.skipped;
  return times.find((t) => t.name === "sparse" && t.skipped === at);
}

/** One bar per kernel, sparse at the sparsity that was set, measured beside what counting operations says. */
export function timeBars(times: readonly TimeRow[]): { categories: string[]; series: BarSeries[] } {
  const dense = times.find((t) => t.name === "dense");
  const asSet = sparseAsSet(times);
  const rows = [...times.filter((t) => t.name !== "sparse"), ...(asSet ? [asSet] : [])];
  return {
    categories: rows.map((row) => TIME_NAMES[row.name]),
    series: [
      { name: "measured", values: rows.map((row) => row.ms) },
      {
        name: "by counting operations",
        hatched: true,
        values: rows.map((row) => (dense ? row.theoretical * dense.ms : null)),
      },
    ],
  };
}

/** Time of the sparse kernel against the share skipped, and what the dense time would shrink to by counting. */
export function sparseLines(times: readonly TimeRow[]): LineSeries[] {
  const dense = times.find((t) => t.name === "dense");
  const rows = times.filter((t) => t.name === "sparse").sort((a, b) => (a.skipped ?? 0) - (b.skipped ?? 0));
  if (!dense || rows.length === 0) return [];
  const x = rows.map((row) => row.skipped ?? 0);
  return [
    { name: "sparse, measured", x, y: rows.map((row) => row.ms), points: true },
    {
      name: "sparse, by counting operations",
      x,
      y: rows.map((row) => row.theoretical * dense.ms),
      dash: [5, 4],
      points: false,
    },
  ];
}

/** Relative error, and largest difference with its bound, of each head at the mass it lost. */
export function errorDots(heads: readonly HeadResult[]): { relative: LineSeries[]; largest: LineSeries[] } {
  const known = heads.filter((h) => h.outputError !== null);
  const dots = (name: string, of: (head: HeadResult) => number | null): LineSeries => ({
    name,
    x: known.map((h) => 1 - h.recall),
    y: known.map(of),
    points: true,
    line: false,
  });
  if (known.length === 0) return { relative: [], largest: [] };
  return {
    relative: [dots("relative error of the output", (h) => h.outputError)],
    largest: [
      dots("largest difference", (h) => h.maxError),
      dots("bound 2(1 − recall)·max|v|", (h) => h.bound),
    ],
  };
}
