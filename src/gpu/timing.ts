// Measures how long recorded work takes on the device: enough repeats to rise above timer steps, minimum and median told.
import { throwIfCancelled } from "../base/errors";
import { median } from "../base/stats";
import type { Gpu } from "./gpu";

export interface Timing {
  /** Median milliseconds of one run. */
  ms: number;
  minMs: number;
  repeats: number;
}

/**
 * Runs `record` (which must record GPU work and free what it makes) once to warm up, then in rounds of at least
 * `minMs` each. Wall time around a drained queue, not timestamps: browsers round those to 0.1 ms, and a round is longer.
 */
export async function timeWork(
  gpu: Gpu,
  record: () => void,
  options: { rounds?: number; minMs?: number; signal?: AbortSignal } = {},
): Promise<Timing> {
  const { rounds = 5, minMs = 20, signal } = options;
  const run = async (repeats: number): Promise<number> => {
    throwIfCancelled(signal);
    for (let i = 0; i < repeats; i++) record();
    const started = performance.now();
    await gpu.queue.finish({ signal });
    return performance.now() - started;
  };
  await run(1);
  const once = await run(1);
  const repeats = Math.max(1, Math.min(1000, Math.ceil(minMs / Math.max(once, 0.01))));
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push((await run(repeats)) / repeats);
  return { ms: median(times), minMs: Math.min(...times), repeats: repeats * rounds };
}
