// What the GPU tests of the video session share: a tiny model's settings and a context that keeps what it was told. For tests
// only.
import { defaults } from "../../base/params";
import { type Progress, plainContext, type TaskContext } from "../../base/task";
import { type VideoSettings, videoParams } from "./protocol-video-page";
import type { VideoEvents } from "./protocol-video-session";

/** One block of 32 wide tokens, clips of 8 frames of 16 x 16. */
export const settings: VideoSettings = {
  ...defaults(videoParams),
  modelFrames: 8,
  modelHeight: 16,
  modelWidth: 16,
  modelDim: 32,
  modelLayers: 1,
  modelHeads: 2,
  trainSteps: 4,
  trainBatch: 2,
  clipSteps: 4,
  sparseDenseSteps: 1,
  sparseSearches: "2",
  sparseSparsity: 0.5,
};

export type Event = {
  [Name in keyof VideoEvents]: { name: Name; data: VideoEvents[Name] };
}[keyof VideoEvents];

/** A context with all that came so far. */
export function contextOf(onEvent: (event: Event) => void = () => {}): {
  context: TaskContext<VideoEvents>;
  events: Event[];
  told: Progress[];
  abort: AbortController;
} {
  const events: Event[] = [];
  const told: Progress[] = [];
  const abort = new AbortController();
  const context = plainContext({
    signal: abort.signal,
    report: (progress) => void told.push(progress),
    emit(name, data) {
      const event = { name, data } as Event;
      events.push(event);
      onEvent(event);
    },
  }) as unknown as TaskContext<VideoEvents>;
  return { context, events, told, abort };
}

/** What events of one name carried. */
export const of = <Name extends keyof VideoEvents>(
  events: readonly Event[],
  name: Name,
): VideoEvents[Name][] =>
  events.filter((event) => event.name === name).map((event) => event.data as VideoEvents[Name]);
