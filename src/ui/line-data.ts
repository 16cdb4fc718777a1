// Line series with their own x values, joined on one common x axis for drawing, tables and CSV. Pure.

export interface LineSeries {
  name: string;
  x: ArrayLike<number>;
  /** null is a gap in the line. */
  y: ArrayLike<number | null>;
  colour?: string;
  dash?: readonly number[];
  /** Draw dots; by default when there are at most 40. */
  points?: boolean;
  /** false draws dots only. */
  line?: boolean;
}

/**
 * Common x values (ascending, distinct) and one column per series. undefined: the series has no point there (the line
 * goes on); null: a gap, or a value that a log axis cannot show.
 */
export interface Joined {
  x: number[];
  columns: (number | null | undefined)[][];
  /** Points left out because a log axis has no place for them. */
  hidden: number;
}

/** Joins series; of two points of one series at the same x, the later one counts. Points without finite x are dropped. */
export function joinSeries(series: readonly LineSeries[], isLogX = false, isLogY = false): Joined {
  let hidden = 0;
  const maps = series.map(({ x, y }) => {
    const map = new Map<number, number | null>();
    for (let i = 0; i < x.length; i++) {
      const at = x[i];
      if (!Number.isFinite(at)) continue;
      if (isLogX && at <= 0) {
        hidden++;
        continue;
      }
      const value = y[i] ?? null;
      const isShown = value !== null && Number.isFinite(value) && !(isLogY && value <= 0);
      if (!isShown && isLogY && value !== null && value <= 0) hidden++;
      map.set(at, isShown ? value : null);
    }
    return map;
  });
  const x = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
  return { x, columns: maps.map((map) => x.map((at) => map.get(at))), hidden };
}

/** Index of the point of `column` nearest to index `at`, by distance in x; undefined when the column is empty. */
export function nearestPoint(
  x: readonly number[],
  column: readonly (number | null | undefined)[],
  at: number,
): number | undefined {
  let left = at;
  let right = at;
  while (left >= 0 && column[left] == null) left--;
  while (right < x.length && column[right] == null) right++;
  if (left < 0) return right < x.length ? right : undefined;
  if (right >= x.length) return left;
  return Math.abs(x[at] - x[left]) <= Math.abs(x[right] - x[at]) ? left : right;
}

/** Share of a value below which uPlot 1.6 pads a range to nothing, and then never ends to look for its ticks. */
const NARROW = 3e-6;

/** The range of values as uPlot can divide it: one that is too narrow for that counts as a single value. */
export function divisibleRange(low: number, high: number): [number, number] {
  return high - low > NARROW * Math.max(Math.abs(low), Math.abs(high)) ? [low, high] : [low, low];
}
