// Numbers as people read them: significant digits, percent, ticks and value scales of charts. It draws nothing.

/** Significant digits with thousands separators; very small and very large values in e-notation. 12345.6 → "12,346". */
export function formatNumber(value: number, digits = 3): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-3)) return value.toExponential(digits - 1);
  if (Number.isInteger(value) || size >= 10 ** (digits - 1)) {
    return Math.round(value).toLocaleString("en-US");
  }
  return value.toPrecision(digits);
}

/** 0.8123 → "81.2 %". */
export function formatPercent(share: number, digits = 1): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : "NaN";
}

/** Short text of a tick value; ticks that belong together keep the same number of decimals through `step`. */
export function formatTick(value: number, step = 0): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(2).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`;
  }
  if (step > 0 && step < 1) return value.toFixed(Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
  return String(Number(value.toPrecision(4)));
}

/** Round values covering [low, high], about `count` of them: steps of 1, 2 or 5 times a power of ten. */
export function linearTicks(low: number, high: number, count = 5): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) ?? 10 * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Powers of ten in [low, high], thinned to about `count`; with fewer than two of them, 1-2-5 values as well. */
export function logTicks(low: number, high: number, count = 6): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first >= 1) {
    const stride = Math.max(1, Math.ceil((last - first + 1) / count));
    const ticks: number[] = [];
    for (let e = first; e <= last; e += stride) ticks.push(Number(`1e${e}`));
    return ticks;
  }
  const ticks: number[] = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    for (const m of [1, 2, 5]) {
      const value = Number(`${m}e${e}`);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push(value);
    }
  }
  return ticks.length > 0 ? ticks : [low, high];
}

/** A value scale: position in [0, 1] of a value, and its ticks. */
export interface ValueScale {
  low: number;
  high: number;
  isLog: boolean;
  /** Position of a value, unclamped; NaN for what the scale cannot show (zero or less on a log scale). */
  at(value: number): number;
  ticks: number[];
}

/** Builds a scale. A range without width is widened; a log scale needs `low` above zero and is given one if not. */
export function valueScale(kind: "linear" | "log", low: number, high: number, count = 5): ValueScale {
  if (kind === "log") {
    let top = high > 0 ? high : 1;
    let bottom = low > 0 ? low : top / 1e6;
    if (bottom >= top) {
      bottom = top / 10 ** 0.5;
      top *= 10 ** 0.5;
    }
    const a = Math.log(bottom);
    const b = Math.log(top);
    return {
      low: bottom,
      high: top,
      isLog: true,
      at: (v) => (v > 0 ? (Math.log(v) - a) / (b - a) : Number.NaN),
      ticks: logTicks(bottom, top, count + 1),
    };
  }
  const bottom = high > low ? low : low - Math.abs(low || 1) / 2;
  const top = high > low ? high : low + Math.abs(low || 1) / 2;
  return {
    low: bottom,
    high: top,
    isLog: false,
    at: (v) => (v - bottom) / (top - bottom),
    ticks: linearTicks(bottom, top, count),
  };
}

/** Smallest and largest finite value; with `positive`, only values above zero count. Undefined when there is none. */
export function finiteRange(
  values: ArrayLike<number | null>,
  positive = false,
): [number, number] | undefined {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (v === null || !Number.isFinite(v) || (positive && v <= 0)) continue;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return low <= high ? [low, high] : undefined;
}
