// Where the bars, names, ticks and numbers of a bar chart go. Pure geometry in CSS px; it draws nothing.
import { finiteRange, formatNumber, formatTick, valueScale } from "./format";

interface Input {
  categories: readonly string[];
  series: readonly { values: readonly (number | null)[] }[];
  vertical?: boolean;
  scale?: "linear" | "log";
  lines?: readonly { at: number; label: string }[];
  format?(value: number): string;
  height?: number;
}

export interface BarLayout {
  height: number;
  plot: { x0: number; y0: number; x1: number; y1: number };
  ticks: { at: number; text: string }[];
  names: { x: number; y: number; text: string; full: string }[];
  bars: {
    category: number;
    series: number;
    value: number | null;
    x: number;
    y: number;
    width: number;
    height: number;
    textX: number;
    textY: number;
  }[];
  lines: { at: number; label: string }[];
}

const CHARACTER = 6.6;
const BAR = 16;
const GAP = 14;

/** Linear bars grow from zero; log bars from the lower end of the scale, one decade below the smallest value. */
export function barLayout(input: Input, width: number): BarLayout {
  const { categories, series, lines = [] } = input;
  const format = input.format ?? formatNumber;
  const isLog = input.scale === "log";
  const values = [...series.flatMap((s) => s.values), ...lines.map((l) => l.at)];
  const [low, high] = finiteRange(values, isLog) ?? [0, 1];
  const scale = isLog
    ? valueScale("log", 10 ** Math.floor(Math.log10(low) - 1e-9), high, 4)
    : valueScale("linear", Math.min(0, low), Math.max(0, high), Math.max(2, Math.floor(width / 110)));
  const textWidth = (text: string): number => text.length * CHARACTER;
  const valueRoom = Math.max(...values.map((v) => (v === null ? 0 : textWidth(format(v))))) + 10;
  const top = lines.length > 0 ? 18 : 4;
  const zero = isLog ? 0 : scale.at(0);
  const at = (value: number | null): number =>
    value === null || !Number.isFinite(scale.at(value)) ? zero : scale.at(value);
  const step = scale.ticks.length > 1 && !isLog ? scale.ticks[1] - scale.ticks[0] : 0;

  if (input.vertical) {
    const height = input.height ?? 260;
    const left = 12 + Math.max(...scale.ticks.map((t) => textWidth(formatTick(t, step))));
    const plot = { x0: left, y0: top + 14, x1: width - 4, y1: height - 24 };
    const y = (position: number): number => plot.y1 - position * (plot.y1 - plot.y0);
    const slot = (plot.x1 - plot.x0) / Math.max(1, categories.length);
    const bar = Math.min(44, (slot * 0.72) / Math.max(1, series.length));
    return {
      height,
      plot,
      ticks: scale.ticks.map((t) => ({ at: y(scale.at(t)), text: formatTick(t, step) })),
      names: categories.map((full, c) => ({
        x: plot.x0 + slot * (c + 0.5),
        y: plot.y1 + 16,
        text: shorten(full, Math.floor(slot / CHARACTER)),
        full,
      })),
      bars: categories.flatMap((_, c) =>
        series.map((s, i) => {
          const value = s.values[c] ?? null;
          const x = plot.x0 + slot * (c + 0.5) + (i - series.length / 2) * bar;
          const [upper, lower] = [Math.max(at(value), zero), Math.min(at(value), zero)];
          return {
            category: c,
            series: i,
            value,
            x: x + 1,
            y: y(upper),
            width: bar - 2,
            height: y(lower) - y(upper),
            textX: x + bar / 2,
            textY: y(upper) - 4,
          };
        }),
      ),
      lines: lines.map((l) => ({ at: y(scale.at(l.at)), label: l.label })),
    };
  }

  const nameRoom = Math.min(width * 0.36, Math.max(...categories.map(textWidth), 20) + 4);
  const group = series.length * BAR + GAP;
  const plot = { x0: nameRoom + 8, y0: top, x1: width - valueRoom, y1: top + categories.length * group };
  const x = (position: number): number => plot.x0 + position * (plot.x1 - plot.x0);
  return {
    height: plot.y1 + 24,
    plot,
    ticks: scale.ticks.map((t) => ({ at: x(scale.at(t)), text: formatTick(t, step) })),
    names: categories.map((full, c) => ({
      x: nameRoom,
      y: plot.y0 + group * (c + 0.5) + 4,
      text: shorten(full, Math.floor(nameRoom / CHARACTER)),
      full,
    })),
    bars: categories.flatMap((_, c) =>
      series.map((s, i) => {
        const value = s.values[c] ?? null;
        const [upper, lower] = [Math.max(at(value), zero), Math.min(at(value), zero)];
        const y = plot.y0 + group * c + GAP / 2 + i * BAR;
        return {
          category: c,
          series: i,
          value,
          x: x(lower),
          y: y + 1,
          width: x(upper) - x(lower),
          height: BAR - 2,
          textX: x(upper) + 5,
          textY: y + BAR / 2 + 4,
        };
      }),
    ),
    lines: lines.map((l) => ({ at: x(scale.at(l.at)), label: l.label })),
  };
}

/** Cuts a name to the number of characters there is room for; the full one is in the tooltip and the table. */
function shorten(text: string, room: number): string {
  return text.length <= Math.max(3, room) ? text : `${text.slice(0, Math.max(2, room - 1))}…`;
}
