// What the page of the attention laboratory knows at a moment, and nothing of how it changes. Plain data only.
import { defaults } from "../../../base/params";
import type { Progress } from "../../../base/task";
import type { RunState } from "../../../ui/run-clock";
import type {
  Analysis,
  BlockMap,
  Curve,
  CurveSettings,
  DeviceInfo,
  HeadResult,
  InputInfo,
  InputSource,
  Inspection,
  Measurement,
  TimeRow,
} from "../protocol";
import {
  type Settings,
  STRATEGIES,
  type StrategyId,
  type SynthSettings,
  synthParams,
} from "../protocol-params";
import type { GridMetric } from "./series";

/** The one long piece of work that may be under way, or the last one. */
export interface Job {
  kind: "analyse" | "curves" | "measure";
  state: RunState;
  progress?: Progress;
  error?: unknown;
}

/** Something small that is asked for and comes at once or fails. */
export interface Asked<R> {
  state: "none" | "waiting" | "ready" | "failed";
  value?: R;
  error?: unknown;
}

export type ViewId = "tensors" | "overview" | "map" | "curves" | "time" | "error" | "paper";

/** What the reader has set on the page beside the parameters. A triple that the input does not have means its first. */
export interface Choices {
  view: ViewId;
  metric: GridMetric;
  /** Whether the block map tells kept blocks from others, and shows frames and text. */
  hasKept: boolean;
  hasFrames: boolean;
  curves: Pick<CurveSettings, "triple" | "heads" | "strategies" | "blocks">;
  /** Head whose curves are shown, or their mean. */
  curveHead: number | "mean";
  time: { triple: string; heads: number };
  synth: SynthSettings;
}

export interface LabState {
  input: Asked<InputInfo>;
  source: InputSource | undefined;
  /** The pattern that names were last matched with. */
  pattern: string;
  /** Ids of the triples to analyse; empty = all. */
  chosen: readonly string[];
  choices: Choices;
  inspection: Asked<Inspection>;
  job: Job;
  /** Finished heads, also those of a run that did not end well. */
  heads: readonly HeadResult[];
  analysis: Analysis | undefined;
  /** Settings of the results shown, by what made them; they may differ from those in the form. */
  ran: Partial<Record<Job["kind"], Settings>>;
  selected: { triple: string; head: number } | undefined;
  map: Asked<BlockMap>;
  curves: readonly Curve[];
  /** Sparsities that the points of the curves were asked for. */
  curvesAt: readonly number[];
  left: readonly { strategy: StrategyId; why: string }[];
  times: readonly TimeRow[];
  measurement: Measurement | undefined;
  device: DeviceInfo | undefined;
  /** A stored run that is shown; its figures are not of this session. */
  saved: { id: string; name: string; state: string } | undefined;
  /** Why this run could not be stored; the results themselves are not touched by that. */
  keepError: unknown;
}

/** The results of an input, all gone when another input comes. */
export const NO_RESULTS = {
  chosen: [],
  inspection: { state: "none" },
  job: { kind: "analyse", state: "idle" },
  heads: [],
  analysis: undefined,
  ran: {},
  selected: undefined,
  map: { state: "none" },
  curves: [],
  curvesAt: [],
  left: [],
  times: [],
  measurement: undefined,
  saved: undefined,
  keepError: undefined,
} as const satisfies Partial<LabState>;

/** The first click: what a GPU does in seconds, and what a software adapter does in seconds. */
export const EXAMPLES: Readonly<Record<"gpu" | "software", SynthSettings>> = {
  gpu: { ...defaults(synthParams), heads: 8, length: 4096 },
  software: { ...defaults(synthParams), heads: 4, length: 1024 },
};

export const NOTHING: LabState = {
  ...NO_RESULTS,
  input: { state: "none" },
  source: undefined,
  pattern: "",
  choices: {
    view: "overview",
    metric: "recall",
    hasKept: true,
    hasFrames: true,
    curves: { triple: "", heads: [], strategies: STRATEGIES, blocks: ["64"] },
    curveHead: "mean",
    time: { triple: "", heads: 0 },
    synth: EXAMPLES.gpu,
  },
  device: undefined,
};

/** What of a run is stored, so that it can be shown again. */
export interface Snapshot {
  version: 1;
  info: InputInfo;
  chosen: readonly string[];
  /** How to make the tensors again; null for a file, which is not stored. */
  synth: SynthSettings | null;
  ran: LabState["ran"];
  heads: readonly HeadResult[];
  analysis: Analysis | null;
  curves: readonly Curve[];
  curvesAt: readonly number[];
  left: LabState["left"];
  times: readonly TimeRow[];
  measurement: Measurement | null;
}

/** The part of a state that is worth storing, or undefined before there is any result. */
export function snapshotOf(state: LabState): Snapshot | undefined {
  const { input, ran, source } = state;
  if (!input.value || Object.keys(ran).length === 0) return undefined;
  return {
    version: 1,
    info: input.value,
    chosen: state.chosen,
    synth: source?.kind === "synth" ? source.settings : null,
    ran,
    heads: state.heads,
    analysis: state.analysis ?? null,
    curves: state.curves,
    curvesAt: state.curvesAt,
    left: state.left,
    times: state.times,
    measurement: state.measurement ?? null,
  };
}

/** The state that shows a stored run. */
export function restored(saved: NonNullable<LabState["saved"]>, snapshot: Snapshot): LabState {
  const { info, synth, analysis, measurement, version: _, ...results } = snapshot;
  return {
    ...NOTHING,
    ...results,
    saved,
    input: { state: "ready", value: info },
    source: synth ? { kind: "synth", settings: synth } : undefined,
    analysis: analysis ?? undefined,
    measurement: measurement ?? undefined,
  };
}

/** Means over the heads that are there; the same figures as the engine's summary once all are. */
export function summarise(heads: readonly HeadResult[]): Analysis["summary"] | undefined {
  if (heads.length === 0) return undefined;
  const mean = (of: (head: HeadResult) => number): number =>
    heads.reduce((sum, head) => sum + of(head), 0) / heads.length;
  const kept = mean((h) => h.kept);
  const hasError = heads.every((h) => h.outputError !== null);
  return {
    recall: mean((h) => h.recall),
    kept,
    skipped: 1 - kept,
    outputError: hasError ? mean((h) => h.outputError ?? 0) : null,
    heads: heads.length,
  };
}

/**
 * Ids of the triples that a run left undone, when there are some beside finished ones: then the run can go on without
 * doing those again. Empty for a run that is whole or has no finished triple.
 */
export function unfinished({ input, chosen, heads, job }: LabState): string[] {
  if (job.kind === "analyse" && ["running", "pausing", "paused", "cancelling"].includes(job.state)) return [];
  const asked = (input.value?.triples ?? []).filter((t) => chosen.length === 0 || chosen.includes(t.id));
  const left = asked.filter((t) => heads.filter((h) => h.triple === t.id).length < t.heads);
  return heads.length > 0 && left.length < asked.length ? left.map((t) => t.id) : [];
}
