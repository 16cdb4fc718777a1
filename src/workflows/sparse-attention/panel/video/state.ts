// What the page of the video transformer knows at a moment, and nothing of how it changes. Plain data only.
import type { Progress } from "../../../../base/task";
import type { RunState } from "../../../../ui/run-clock";
import type { DeviceInfo } from "../../protocol";
import type { StepReport } from "../../protocol-video";
import type { VideoSettings } from "../../protocol-video-page";
import type {
  ClipPreview,
  SampledVideo,
  TrainedVideo,
  VideoEvents,
  VideoInspection,
  VideoMetrics,
  WeightsInfo,
} from "../../protocol-video-session";
import type { Asked } from "../state";

export interface VideoJob {
  kind: "train" | "sample";
  state: RunState;
  progress?: Progress;
  error?: unknown;
}

export type VideoViewId = "training" | "clips" | "schedule" | "time" | "paper";

/** What is known of a training that was interrupted, before it is opened. */
export interface Interrupted {
  id: string;
  name: string;
  /** Done when its state was stored last. */
  steps: number;
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
  /** Losses of the GPU that the training which is shown has survived, the latest last. */
  recovered: readonly VideoEvents["recovered"][];
  trained: TrainedVideo | undefined;
  /** Clips under way, both after the same step; `next` is the dense one that waits for its sparse one. */
  live: { dense?: ClipPreview; sparse?: ClipPreview; next?: ClipPreview };
  steps: StepsSoFar;
  sampled: SampledVideo | undefined;
  /** Weights that the clips shown were sampled with. */
  sampledWith: WeightsInfo | undefined;
  /** Settings of what is shown; they may differ from those in the form. */
  ran: { train?: VideoSettings; sample?: VideoSettings };
  inspection: Asked<VideoInspection>;
  device: DeviceInfo | undefined;
  /** Why the stored state of the run that is shown cannot be gone on from. */
  stateError: unknown;
  /** A training that another page of this browser left unfinished. */
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

export const NO_VIDEO: VideoState = {
  view: "training",
  job: { kind: "train", state: "idle" },
  weights: { state: "none" },
  file: undefined,
  training: undefined,
  metrics: [],
  recovered: [],
  trained: undefined,
  live: {},
  steps: { dense: [], sparse: [] },
  sampled: undefined,
  sampledWith: undefined,
  ran: {},
  inspection: { state: "none" },
  device: undefined,
  stateError: undefined,
  interrupted: undefined,
  saved: undefined,
  keepError: undefined,
};

/** What of a run is stored as JSON; weights, state and clips are files beside it. */
export interface VideoSnapshot {
  version: 1;
  weights: WeightsInfo | null;
  training: { steps: number; settings: VideoSettings } | null;
  trained: TrainedVideo | null;
  metrics: readonly VideoMetrics[];
  sampled: Omit<SampledVideo, "dense" | "sparse"> | null;
  sampledWith: WeightsInfo | null;
  denseSteps: readonly StepReport[];
  ran: VideoState["ran"];
}

export function videoSnapshot(state: VideoState): VideoSnapshot {
  const { weights, training, trained, metrics, sampled, sampledWith, steps, ran } = state;
  const account = sampled && withoutClips(sampled);
  return {
    version: 1,
    weights: weights.value ?? null,
    training: training ? { steps: training.steps, settings: training.settings } : null,
    trained: trained ?? null,
    metrics,
    sampled: account ?? null,
    sampledWith: sampledWith ?? null,
    denseSteps: steps.dense,
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
}

/** The state that shows a stored run; `steps` are those that its training state says of itself. */
export function restoredVideo(stored: StoredVideo, steps: number | undefined): VideoState {
  const { run, settings, snapshot, metrics, weights, training, clips } = stored;
  const { sampled = null, trained = null, sampledWith = null } = snapshot ?? {};
  const half = clips ? clips.length / 2 : 0;
  return {
    ...NO_VIDEO,
    view: sampled && clips ? "clips" : "training",
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
    ran: snapshot?.ran ?? { train: settings },
    saved: run,
  };
}
