// Wall time of the parts of a step. Around a part that is timed apart the queue is drained, so what it shows is the
// device's time plus one wait; at the level of whole steps nothing waits. It never changes what is computed.
import type { Gpu } from "../../../../gpu/gpu";
import type { Phase } from "../../protocol-video";

export interface Clock {
  /** Runs `record` and adds its time to a phase. */
  time<R>(phase: Phase, record: () => R | Promise<R>): Promise<R>;
  /** Runs something that is no part of the step, its work on the device included: its time counts nowhere. */
  aside<R>(work: () => Promise<R>): Promise<R>;
  /** Phases since the last call. */
  take(): Partial<Record<Phase, number>>;
  /** Drains the queue; milliseconds since the clock was made, without what went aside. */
  stop(): Promise<number>;
}

/** Starts a clock on a drained queue. `apart` false times the whole only. */
export async function startClock(gpu: Gpu, apart: boolean, signal: AbortSignal): Promise<Clock> {
  const options = { signal };
  await gpu.queue.finish(options);
  let phases: Partial<Record<Phase, number>> = {};
  let asideMs = 0;
  const started = performance.now();
  return {
    async time(phase, record) {
      if (!apart) return record();
      await gpu.queue.finish(options);
      const from = performance.now();
      const result = await record();
      await gpu.queue.finish(options);
      phases[phase] = (phases[phase] ?? 0) + performance.now() - from;
      return result;
    },
    async aside(work) {
      await gpu.queue.finish(options);
      const from = performance.now();
      try {
        const result = await work();
        await gpu.queue.finish(options);
        return result;
      } finally {
        asideMs += performance.now() - from;
      }
    },
    take() {
      const taken = phases;
      phases = {};
      return taken;
    },
    async stop() {
      await gpu.queue.finish(options);
      return performance.now() - started - asideMs;
    },
  };
}
