// The kinds of work that the queue takes: dispatches with their variants, transfers, replays. Plain data.
import type { Kernel } from "./pipelines";
import type { Allocation } from "./pool";
import type { Recording } from "./recording";
import type { Uniforms } from "./reflect";

/** One way to compute the same result; an op with several lets the tuner choose by measurement. */
export interface Variant {
  name: string;
  kernel: Kernel;
  /** Number of workgroups, flat. Kernels compute their index with lib/grid. */
  groups: number;
  uniforms: Uniforms;
}

export interface Dispatch {
  kind: "dispatch";
  label: string;
  variants: readonly Variant[];
  /** One allocation per storage binding of the kernel, in binding order. */
  bindings: readonly Allocation[];
  /** About how many arithmetic operations the whole grid takes; sets the first slice and the progress weight. */
  work: number;
  /** Shape class for the tuner: dispatches of one class share the winner. */
  shapeClass: string;
}
export interface Write {
  kind: "write";
  target: Allocation;
  offset: number;
  data: Uint8Array;
}
export interface Copy {
  kind: "copy";
  source: Allocation;
  sourceOffset: number;
  target: Allocation;
  targetOffset: number;
  bytes: number;
}
export interface Clear {
  kind: "clear";
  target: Allocation;
}
interface Replay {
  kind: "replay";
  recording: Recording;
}
export type Recorded = Dispatch | Write | Copy | Clear | Replay;

export interface FlushOptions {
  signal?: AbortSignal;
  /** Called after each submit that finished: share of the recorded work done, in [0, 1]. */
  progress?(share: number): void;
}

export interface QueueCounters {
  dispatches: number;
  submits: number;
  bytesWritten: number;
  bytesRead: number;
}
