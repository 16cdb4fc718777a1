// What weights, steps and clips are, in words, and the series of the charts. It formats; every number comes from the session.
import { formatNumber, formatPercent } from "../../../../ui/format";
import type { LineSeries } from "../../../../ui/LineChart";
import { fieldLabel } from "../../../../ui/params-form";
import type { Phase, StepReport } from "../../protocol-video";
import { type VideoSettings, videoParams } from "../../protocol-video-page";
import type { VideoMetrics, WeightsInfo } from "../../protocol-video-session";
import type { VideoJob } from "./state";

/** Below this many steps the page warns. Measured is only that 2,400 steps of four clips at size XXS draw no shapes. */
export const BARELY_TRAINED = 10_000;

/** "20 steps, loss 1.21, validation loss 1.19", or that the file does not say. */
export function trainingWords({ origin }: WeightsInfo): string {
  if (!origin) return "the file does not say how they were trained";
  const { steps, loss, validationLoss, stopped } = origin;
  return [
    `${steps.toLocaleString("en")} ${steps === 1 ? "step" : "steps"}`,
    loss === null ? undefined : `loss ${formatNumber(loss)}`,
    validationLoss === null ? undefined : `validation loss ${formatNumber(validationLoss)}`,
    stopped ? "stopped before its end, weights of the last step" : undefined,
  ]
    .filter(Boolean)
    .join(", ");
}

/** True for weights whose clips say nothing about quality. */
export const isBarelyTrained = ({ origin }: WeightsInfo): boolean =>
  origin !== null && origin.steps < BARELY_TRAINED;

/** "8 frames of 32 × 32, 512 tokens, 252,000 weights". */
export function sizeWords({
  config,
  tokens,
  parameters,
}: Pick<WeightsInfo, "config" | "tokens" | "parameters">) {
  const { frames, height, width } = config;
  return `${frames} frames of ${width} × ${height}, ${tokens.toLocaleString("en")} video tokens, ${parameters.toLocaleString("en")} weights`;
}

/** Exponential moving average with bias correction; `keep` is the share that the average keeps at each point. */
export function smoothed(values: readonly number[], keep: number): number[] {
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}

/** The loss of the training that is shown, raw and smoothed, and of each other one a single line under its label. */
export function lossSeries(
  metrics: readonly VideoMetrics[],
  keep: number,
  others: readonly { label: string; metrics: readonly VideoMetrics[] }[] = [],
): LineSeries[] {
  const x = metrics.map((m) => m.step);
  const loss = metrics.map((m) => m.loss);
  const raw: LineSeries = { name: "Loss", x, y: loss, points: metrics.length <= 40 };
  const own = keep === 0 ? [raw] : [raw, { name: "Smoothed", x, y: smoothed(loss, keep), points: false }];
  return [
    ...(metrics.length > 0 ? own : []),
    ...others.map((other) => ({
      name: other.label,
      x: other.metrics.map((m) => m.step),
      y: smoothed(
        other.metrics.map((m) => m.loss),
        keep,
      ),
      points: false,
    })),
  ];
}

/** Names of stored runs with the time they began, each once: a series of a chart is known by its name. */
export function runLabels(runs: readonly { name: string; createdAt: number }[]): string[] {
  const seen = new Map<string, number>();
  return runs.map(({ name, createdAt }) => {
    const time = new Date(createdAt).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    const label = `${name} (${time})`;
    const count = (seen.get(label) ?? 0) + 1;
    seen.set(label, count);
    return count === 1 ? label : `${label}, ${count}`;
  });
}

export const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  dense: "Dense attention",
  "one-pass": "Dense with masses",
  search: "Search",
  select: "Selection",
  sparse: "Sparse attention",
  rest: "All but attention",
};

/** For the names of bars. */
export const SHORT_NAMES: Readonly<Record<Phase, string>> = {
  dense: "Dense",
  "one-pass": "With masses",
  search: "Search",
  select: "Selection",
  sparse: "Sparse",
  rest: "The rest",
};

const mean = (values: readonly number[]): number | null =>
  values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;

/** One step of the sparse sampler, means over layers and heads; null where it was not measured. */
export interface StepRow {
  step: number;
  what: string;
  kind: "dense" | "search" | "sparse" | "sparse-search";
  kept: number | null;
  recall: number | null;
  bestRecall: number | null;
  gauge: number | null;
  overlap: number | null;
  bestOverlap: number | null;
  drift: number | null;
  driftDeviation: number | null;
  outputError: number | null;
  ms: number;
}

export function stepRow({ step, output, search, layers, ms }: StepReport): StepRow {
  const searches = search !== "none";
  const truths = layers.flatMap((l) => (l.truth ? [l.truth] : []));
  const masks = layers.flatMap((l) => l.maskRecall ?? []);
  return {
    step,
    what: `${output}${searches ? `, search (${search})` : ""}`,
    kind: output === "dense" ? (searches ? "search" : "dense") : searches ? "sparse-search" : "sparse",
    kept: mean(layers.map((l) => l.kept)),
    recall: mean(truths.length ? truths.flatMap((t) => t.recall) : masks),
    bestRecall: mean(truths.flatMap((t) => t.bestRecall)),
    gauge: mean(layers.flatMap((l) => l.recallGauge ?? [])),
    overlap: mean(layers.flatMap((l) => (l.maskOverlap === null ? [] : [l.maskOverlap]))),
    bestOverlap: mean(truths.map((t) => t.overlap)),
    drift: mean(truths.map((t) => t.driftMean)),
    driftDeviation: mean(truths.map((t) => t.driftDeviation)),
    outputError: mean(truths.map((t) => t.outputError)),
    ms,
  };
}

const PARTS: Readonly<Record<VideoJob["kind"], readonly string[]>> = {
  train: ["model", "train"],
  sample: ["clip", "sparse", "report"],
  ablate: ["clip", "grid"],
};

/** Labels of the settings that matter to a result and differ from those in the form. */
export function changedVideoSettings(
  kind: VideoJob["kind"],
  ran: VideoSettings,
  now: VideoSettings,
): string[] {
  const names = Object.keys(videoParams) as (keyof VideoSettings)[];
  return names
    .filter((name) => PARTS[kind].some((part) => name.startsWith(part)) && ran[name] !== now[name])
    .map((name) => fieldLabel(name, videoParams[name]));
}

export const share = (value: number | null): string | null => (value === null ? null : formatPercent(value));

/** Labels of an axis that counts: places between whole numbers stay empty. */
export const wholeTick = (value: number): string =>
  Number.isInteger(value) ? value.toLocaleString("en") : "";
