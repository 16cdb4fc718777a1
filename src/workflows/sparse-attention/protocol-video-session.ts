// What the page and the engine of the video transformer say to each other, beside the parameters and reports of
// protocol-video.ts. Plain data only; nothing here computes.
import type { TaskContext } from "../../base/task";
import type { DeviceInfo } from "./protocol";
import type { RunTimes, StepReport, VideoComparison, VideoConfig } from "./protocol-video";
import type { AblatedVideo, AblationPlan, AblationRow } from "./protocol-video-ablate";
import type { VideoSettings } from "./protocol-video-page";

/** One line of metrics of training; pace and rate are those of all steps since the report before. */
export interface VideoMetrics {
  /** Steps done. */
  step: number;
  loss: number;
  gradientNorm: number;
  learningRate: number;
  stepsPerSecond: number;
  gflops: number;
  /** Root of the sum of all squared weights after the last step of the report; null in runs stored without it. */
  parameterNorm: number | null;
}

/** What a step of training takes on the device. */
export interface TrainingCost {
  dispatches: number;
  pipelines: number;
  /** Bytes of the tensors that its dispatches bind: what they move when each reads or writes its tensors once. */
  bytes: number;
  /** Most bytes of buffers so far. */
  peakBytes: number;
}

/** What is known of weights that the session holds. */
export interface WeightsInfo {
  /** Checksum of sizes and values. */
  id: string;
  name: string;
  config: VideoConfig;
  tokens: number;
  parameters: number;
  bytes: number;
  /** How they were trained; null for a file that does not say. */
  origin: {
    steps: number;
    seed: number;
    loss: number | null;
    validationLoss: number | null;
    stopped?: boolean;
  } | null;
}

/** Cost of what the form asks for, told before it runs. */
export interface VideoInspection {
  config: VideoConfig;
  tokens: number;
  parameters: number;
  /** Key blocks of a row, and the share of all blocks that a sparse step computes. */
  blocks: number;
  kept: number;
  /** Operations of the training and of both samplers by counting, and of attention in the sparse run over the dense. */
  trainFlops: number;
  sampleFlops: number;
  attentionWork: number;
  /** Seconds at the rates measured on this device; null while nothing was measured. */
  trainSeconds: number | null;
  sampleSeconds: number | null;
}

/** The account of one clip without its pixels; `steps` are those of the sparse run where there is one. */
export interface ClipAccount {
  caption: string;
  config: VideoConfig;
  tokens: number;
  forwardGflop: number;
  comparison: VideoComparison | null;
  denseTimes: RunTimes | null;
  sparseTimes: RunTimes | null;
  steps: StepReport[];
}

/** A clip drawn while a model is trained, f32 [F, H, W, 3] in [-1, 1]. */
export interface TrainClip {
  /** Steps of training done. */
  step: number;
  caption: string;
  size: Pick<VideoConfig, "frames" | "height" | "width">;
  clip: Float32Array<ArrayBuffer>;
}

/** A clip as it is after a step, f32 [F, H, W, 3] in [-1, 1]; before the last step it is part noise. */
export interface ClipPreview {
  run: "dense" | "sparse";
  step: number;
  of: number;
  size: Pick<VideoConfig, "frames" | "height" | "width">;
  clip: Float32Array<ArrayBuffer>;
}

export interface SampledVideo extends ClipAccount {
  dense: Float32Array<ArrayBuffer>;
  sparse: Float32Array<ArrayBuffer>;
  device: DeviceInfo;
  seconds: number;
}

export interface TrainedVideo {
  weights: WeightsInfo;
  /** Steps done before this call, by the state that was gone on from. */
  resumedAt: number;
  seconds: number;
  stepsPerSecond: number;
  cost: TrainingCost | null;
  device: DeviceInfo;
}

/** Events arrive in order and before the result, and outlive a failed call. */
export interface VideoEvents {
  device: DeviceInfo;
  /** A line for each step since the event before. */
  metrics: VideoMetrics[];
  /** Known from the second step on. */
  cost: TrainingCost;
  /** What the averaged weights draw by then: the dense clip of the form's settings. */
  drawn: TrainClip;
  /** Weights as safetensors: at the end, and of the last step when training was stopped. */
  weights: { info: WeightsInfo; bytes: Uint8Array<ArrayBuffer> };
  /** A state to go on from: now and then, at the end, and when training was stopped. */
  state: { steps: number; bytes: Uint8Array<ArrayBuffer> };
  /** The GPU was lost after step `at` of a training, which goes on from step `from`. */
  recovered: { at: number; from: number };
  step: { run: "dense" | "sparse"; report: StepReport };
  preview: ClipPreview;
  /** Keys of all points of a grid, before the first one runs. */
  points: { keys: string[] };
  /** A point that is done. */
  row: AblationRow;
}

type Context = TaskContext<VideoEvents>;

export interface ClipsToWrite {
  /** f32 [F, H, W, 3] in [-1, 1]. */
  dense: Float32Array<ArrayBuffer>;
  sparse: Float32Array<ArrayBuffer>;
  size: Pick<VideoConfig, "frames" | "height" | "width">;
  /** Whatever JSON can hold. */
  parameters: object;
}

export interface AblationRequest {
  settings: VideoSettings;
  done: readonly string[];
}

/**
 * The session of the video transformer. It keeps one set of weights: the last trained or loaded. All methods may throw
 * `TesseraError`: `no-weights`, `weights` (not of this model), `params`, `caption`, `too-large`, `diverged`, `checkpoint`,
 * `gpu-*`, `device-lost`, `out-of-memory`, `cancelled`.
 */
export type VideoService = {
  /** Tells sizes, operations and time; runs nothing on the GPU. */
  inspect(request: { settings: VideoSettings }, context: Context): Promise<VideoInspection>;
  /** Reads weights that `train` or an earlier export wrote. */
  loadWeights(request: { blob: Blob; name: string }, context: Context): Promise<WeightsInfo>;
  /** Trains from fresh weights, or goes on from a state; emits `metrics`, `drawn`, `state` and `weights`. */
  train(request: { settings: VideoSettings; state: Blob | null }, context: Context): Promise<TrainedVideo>;
  /** Asks the training that runs for its state after the current step: it may be the last that runs. Waits for nothing. */
  saveState(request: Record<string, never>, context: Context): Promise<void>;
  /** Multiplies the learning rate of the training that runs from its next step on; the state remembers it. */
  setRate(request: { factor: number }, context: Context): Promise<void>;
  /** What a training state says of itself. @throws TesseraError `checkpoint` for a file that cannot be gone on from. */
  readState(request: { blob: Blob }, context: Context): Promise<{ steps: number; config: VideoConfig }>;
  /** Samples one clip by both samplers from the same noise; emits `step` and `preview` after each step. */
  sample(request: { settings: VideoSettings }, context: Context): Promise<SampledVideo>;
  /** Both clips and what they were made with as an npz. Runs nothing on the GPU. */
  clipsFile(request: ClipsToWrite, context: Context): Promise<Uint8Array<ArrayBuffer>>;
  /** Tells points, operations and time of a grid; `done` are keys of points that are done. Runs nothing on the GPU. */
  planAblation(request: AblationRequest, context: Context): Promise<AblationPlan>;
  /** Samples the points of a grid that are not done; emits `points`, and a `row` after each point. */
  ablate(request: AblationRequest, context: Context): Promise<AblatedVideo>;
  close(request: Record<string, never>, context: Context): Promise<void>;
};
