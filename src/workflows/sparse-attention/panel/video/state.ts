// What the page of the video transformer knows at a moment, and nothing of how it changes. Plain data only.
import type { Progress } from "../../../../base/task";
import type { RunState } from "../../../../ui/run-clock";
import type { DeviceInfo } from "../../protocol";
import type { StepReport } from "../../protocol-video";
import { type AblationPlan, type AblationRow, clipsOf } from "../../protocol-video-ablate";
import type { VideoSettings } from "../../protocol-video-page";
import type {
  ClipPreview,
  SampledVideo,
  TrainClip,
  TrainedVideo,
  TrainingCost,
  VideoEvents,
  VideoInspection,
  VideoMetrics,
  WeightsInfo,
} from "../../protocol-video-session";
import type { Asked } from "../state";

export interface VideoJob {
  kind: "train" | "sample" | "ablate";
  state: RunState;
  progress?: Progress;
  error?: unknown;
}

export type VideoViewId = "training" | "clips" | "schedule" | "time" | "ablation" | "paper";

/** Where the results of a job are shown. */
export const VIEW_OF = {
  train: "training",
  sample: "clips",
  ablate: "ablation",
} as const satisfies Record<VideoJob["kind"], VideoViewId>;

/** What is known of a training or a grid that was interrupted, before it is opened. */
export interface Interrupted {
  kind: "train" | "ablate";
  id: string;
  name: string;
  /** Steps that its last stored state had done, or points. */
  done: number;
  of: number;
  settings: VideoSettings;
}

/** Steps of both samplers as they come. */
export interface StepsSoFar {
  dense: readonly StepReport[];
  sparse: readonly StepReport[];
}

export interface VideoState {
  view: VideoViewId;
  job: VideoJob;
  /** The weights that are sampled, and their file; kept in the page, so that a dead worker takes nothing with it. */
  weights: Asked<WeightsInfo>;
  file: Blob | undefined;
  /** A state that training can go on from, and the settings that it was trained with. */
  training: { steps: number; file: Blob; settings: VideoSettings } | undefined;
  metrics: readonly VideoMetrics[];
  /** Of the training that is shown, from its second step on. */
  stepCost: TrainingCost | undefined;
  /** What the learning rate of the training that is shown was last multiplied with from here. */
  rateFactor: number;
  /** Losses of the GPU that the training which is shown has survived, the latest last. */
  recovered: readonly VideoEvents["recovered"][];
  trained: TrainedVideo | undefined;
  /** The latest clips that the training drew, in the order of their steps. */
  drawn: readonly TrainClip[];
  /** Clips under way, both after the same step; `next` is the dense one that waits for its sparse one. */
  live: { dense?: ClipPreview; sparse?: ClipPreview; next?: ClipPreview };
  steps: StepsSoFar;
  sampled: SampledVideo | undefined;
  /** Weights that the clips shown were sampled with. */
  sampledWith: WeightsInfo | undefined;
  /** Finished points in the order they came, and the keys of all points that the last grid asked for. */
  ablation: { rows: readonly AblationRow[]; asked: readonly string[] };
  /** Key of the point that is looked at. */
  point: string | undefined;
  /** What the grid in the form would cost. */
  plan: Asked<AblationPlan>;
  /** Settings of what is shown; they may differ from those in the form. */
  ran: { [Kind in VideoJob["kind"]]?: VideoSettings };
  inspection: Asked<VideoInspection>;
  device: DeviceInfo | undefined;
  /** Why the stored state of the run that is shown cannot be gone on from. */
  stateError: unknown;
  /** What another page of this browser left unfinished. */
  interrupted: Interrupted | undefined;
  /** A stored run that is shown. */
  saved: { name: string; state: string } | undefined;
  keepError: unknown;
}

/** The clips under way after another preview has come. */
export function withPreview(live: VideoState["live"], preview: ClipPreview): VideoState["live"] {
  if (preview.run === "sparse") return { dense: live.next ?? live.dense, sparse: preview };
  return live.sparse ? { ...live, next: preview } : { dense: preview };
}

/** So many clips of a training are kept; a long one would fill the memory. */
const DRAWN_CLIPS = 6;

/** Clips of a training after another has come; going on from a state does the steps after it again. */
export function withDrawn(drawn: readonly TrainClip[], clip: TrainClip): TrainClip[] {
  return [...drawn.filter((one) => one.step < clip.step), clip].slice(-DRAWN_CLIPS);
}

/** Keys of the last grid that have no point yet, if the weights are still those that it asked for. */
export function pointsLeft({ ablation: { rows, asked }, weights }: VideoState): string[] {
  if (asked.length === 0 || clipsOf(asked[0]).weights !== weights.value?.id) return [];
  return missingPoints(asked, rows);
}

export function missingPoints(asked: readonly string[], rows: readonly AblationRow[]): string[] {
  const done = new Set(rows.map((row) => row.key));
  return asked.filter((key) => !done.has(key));
}

/** Rows after more have come; of two of one point the later one counts. */
export function withRows(before: readonly AblationRow[], more: readonly AblationRow[]): AblationRow[] {
  return [...new Map([...before, ...more].map((row) => [row.key, row])).values()];
}

export const NO_VIDEO: VideoState = {
  view: "training",
  job: { kind: "train", state: "idle" },
  weights: { state: "none" },
  file: undefined,
  training: undefined,
  metrics: [],
  stepCost: undefined,
  rateFactor: 1,
  recovered: [],
  trained: undefined,
  drawn: [],
  live: {},
  steps: { dense: [], sparse: [] },
  sampled: undefined,
  sampledWith: undefined,
  ablation: { rows: [], asked: [] },
  point: undefined,
  plan: { state: "none" },
  ran: {},
  inspection: { state: "none" },
  device: undefined,
  stateError: undefined,
  interrupted: undefined,
  saved: undefined,
  keepError: undefined,
};

/** What of a run is stored as JSON; weights, state, clips and points are files beside it. */
export interface VideoSnapshot {
  version: 1;
  /** What ran when it was stored; runs of an earlier version do not say. */
  job?: VideoJob["kind"];
  weights: WeightsInfo | null;
  training: { steps: number; settings: VideoSettings } | null;
  trained: TrainedVideo | null;
  metrics: readonly VideoMetrics[];
  sampled: Omit<SampledVideo, "dense" | "sparse"> | null;
  sampledWith: WeightsInfo | null;
  denseSteps: readonly StepReport[];
  /** Keys that the last grid asked for; runs of an earlier version have none. */
  asked?: readonly string[];
  ran: VideoState["ran"];
}

export function videoSnapshot(state: VideoState): VideoSnapshot {
  const { job, weights, training, trained, metrics, sampled, sampledWith, steps, ablation, ran } = state;
  const account = sampled && withoutClips(sampled);
  return {
    version: 1,
    job: job.kind,
    weights: weights.value ?? null,
    training: training ? { steps: training.steps, settings: training.settings } : null,
    trained: trained ?? null,
    metrics,
    sampled: account ?? null,
    sampledWith: sampledWith ?? null,
    denseSteps: steps.dense,
    asked: ablation.asked,
    ran,
  };
}

export function withoutClips(video: SampledVideo): Omit<SampledVideo, "dense" | "sparse"> {
  const { dense: _, sparse: __, ...account } = video;
  return account;
}

/** The files of a stored run. */
export interface StoredVideo {
  run: NonNullable<VideoState["saved"]>;
  /** Those that the run began with. */
  settings: VideoSettings;
  /** Missing where the page ended before it stored one. */
  snapshot: VideoSnapshot | undefined;
  /** All lines that were stored, which may be more than the snapshot has. */
  metrics: readonly VideoMetrics[];
  weights: Blob | undefined;
  training: Blob | undefined;
  /** Dense and then sparse pixels, f32. */
  clips: Float32Array<ArrayBuffer> | undefined;
  rows: AblationRow[];
}

/** The state that shows a stored run; `steps` are those that its training state says of itself. */
export function restoredVideo(stored: StoredVideo, steps: number | undefined): VideoState {
  const { run, settings, snapshot, metrics, weights, training, clips, rows } = stored;
  const { job, sampled = null, trained = null, sampledWith = null, asked = [] } = snapshot ?? {};
  const half = clips ? clips.length / 2 : 0;
  return {
    ...NO_VIDEO,
    view: job ? VIEW_OF[job] : sampled && clips ? "clips" : "training",
    weights: weights && snapshot?.weights ? { state: "ready", value: snapshot.weights } : { state: "none" },
    file: weights,
    training:
      training && steps !== undefined
        ? { steps, settings: snapshot?.training?.settings ?? settings, file: training }
        : undefined,
    metrics: metrics.length > 0 ? metrics : (snapshot?.metrics ?? []),
    trained: trained ?? undefined,
    steps: { dense: snapshot?.denseSteps ?? [], sparse: sampled?.steps ?? [] },
    sampled:
      sampled && clips ? { ...sampled, dense: clips.slice(0, half), sparse: clips.slice(half) } : undefined,
    sampledWith: sampledWith ?? undefined,
    ablation: { rows, asked },
    ran: snapshot?.ran ?? { train: settings },
    saved: run,
  };
}
