// Work that is recorded anew the first time, captured the second time, and replayed from then on. It must record the same
// each time: what changes between calls lies in tensors.
import type { Gpu } from "../gpu/gpu";
import type { Recording } from "../gpu/recording";
import { scopedSync } from "../tensor/scope";

export interface Replayed {
  /** Null before the second run. */
  readonly recording: Recording | null;
  /** Records the work behind what is recorded already; nothing is submitted, but for the second run. */
  run(signal?: AbortSignal): Promise<void>;
  /** Gives the recording's buffers back. */
  dispose(): void;
}

/**
 * The first run compiles and tunes on real data; only then are the times known by which a recording is cut into submits.
 * `body` runs in a memory scope of its own.
 */
export function replayed(gpu: Gpu, body: () => void): Replayed {
  let warm = false;
  let recording: Recording | null = null;
  return {
    get recording() {
      return recording;
    },
    async run(signal) {
      if (!warm) {
        scopedSync(gpu, body);
        warm = true;
        return;
      }
      if (!recording) {
        await gpu.flush(signal ? { signal } : {});
        scopedSync(gpu, body);
        recording = await gpu.queue.capture();
      }
      gpu.queue.record({ kind: "replay", recording });
    },
    dispose() {
      recording?.dispose();
      recording = null;
      warm = false;
    },
  };
}
