// Where the dots of a scatter chart go, and which of them no other beats. Pure geometry in CSS px; it draws nothing.
import { finiteRange, formatTick, valueScale } from "./format";

export interface XY {
  x: number;
  y: number;
}

/** Indices of the points that no other beats, by rising x: less x is better, more y is better; y may be infinite. */
export function paretoFront(points: readonly XY[]): number[] {
  const order = points
    .map((_, i) => i)
    .filter((i) => !Number.isNaN(points[i].x) && !Number.isNaN(points[i].y))
    .sort((a, b) => points[a].x - points[b].x || points[b].y - points[a].y);
  const front: number[] = [];
  for (const i of order) {
    const last = front.at(-1);
    const equal = last !== undefined && points[last].x === points[i].x && points[last].y === points[i].y;
    if (last === undefined || points[i].y > points[last].y || equal) front.push(i);
  }
  return front;
}

export interface ScatterLayout {
  plot: { x0: number; y0: number; x1: number; y1: number };
  xTicks: { at: number; text: string }[];
  yTicks: { at: number; text: string }[];
  /** One for each point; null for one that is not finite. */
  dots: ({ x: number; y: number } | null)[];
  /** Place of the vertical reference lines. */
  lines: number[];
}

interface Input {
  points: readonly XY[];
  width: number;
  height: number;
  /** Values of x that must be in sight. */
  lines: readonly number[];
  formatX?(value: number): string;
  formatY?(value: number): string;
}

const CHARACTER = 6.6;
/** Room around the outermost dots, as a share of the range. */
const MARGIN = 0.08;

export function scatterLayout({ points, width, height, lines, formatX, formatY }: Input): ScatterLayout {
  const shown = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  const scaleOf = (values: readonly number[], count: number) => {
    const [low, high] = finiteRange(values) ?? [0, 1];
    const pad = (high - low || Math.abs(high) || 1) * MARGIN;
    return valueScale("linear", low - pad, high + pad, count);
  };
  const x = scaleOf([...shown.map((p) => p.x), ...lines], Math.max(4, Math.floor(width / 110)));
  const y = scaleOf(
    shown.map((p) => p.y),
    6,
  );
  const texts = (ticks: readonly number[], format?: (value: number) => string): string[] => {
    const step = ticks.length > 1 ? ticks[1] - ticks[0] : 0;
    return ticks.map((tick) => format?.(tick) ?? formatTick(tick, step));
  };
  const [xTexts, yTexts] = [texts(x.ticks, formatX), texts(y.ticks, formatY)];
  const left = 26 + CHARACTER * Math.max(2, ...yTexts.map((text) => text.length));
  const plot = { x0: left, y0: 20, x1: width - 14, y1: height - 42 };
  const toX = (value: number): number => plot.x0 + x.at(value) * (plot.x1 - plot.x0);
  const toY = (value: number): number => plot.y1 - y.at(value) * (plot.y1 - plot.y0);
  return {
    plot,
    xTicks: x.ticks.map((tick, i) => ({ at: toX(tick), text: xTexts[i] })),
    yTicks: y.ticks.map((tick, i) => ({ at: toY(tick), text: yTexts[i] })),
    dots: points.map((p) =>
      Number.isFinite(p.x) && Number.isFinite(p.y) ? { x: toX(p.x), y: toY(p.y) } : null,
    ),
    lines: lines.map(toX),
  };
}

/** Indices of dots whose mark, a text at their upper right, hits no mark that came before: the dots `first` come first. */
export function freeMarks(
  dots: readonly (XY | null)[],
  marks: readonly string[],
  first: readonly number[],
): Set<number> {
  const order = [...first, ...dots.map((_, i) => i).filter((i) => !first.includes(i))];
  const taken: { x0: number; x1: number; y: number }[] = [];
  const free = new Set<number>();
  for (const i of order) {
    const dot = dots[i];
    if (!dot) continue;
    const box = { x0: dot.x - 6, x1: dot.x + 10 + CHARACTER * marks[i].length, y: dot.y };
    if (taken.some((t) => t.x0 < box.x1 && box.x0 < t.x1 && Math.abs(t.y - box.y) < 12)) continue;
    taken.push(box);
    free.add(i);
  }
  return free;
}
