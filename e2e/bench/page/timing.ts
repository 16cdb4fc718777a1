// Times several pieces of work in turn, round by round, so that drift of a shared machine hits all alike.
import { median } from "../../../src/base/stats";

export interface Timed {
  name: string;
  /** Computes `repeats` times in a row and resolves when the device has finished. */
  run(repeats: number): Promise<void>;
}

/** A shorter run measures the clock and the queue; it is repeated. */
const LEAST_MS = 20;

/** How many times as slow as the first entry one may be to be timed in every round; slower ones get two rounds. */
const FAR_BEHIND = 4;

/**
 * Median milliseconds of one run of each entry, over `rounds` rounds; entries far behind the first are timed in two
 * rounds only. Every entry must have run once before.
 */
export async function timeInTurn(
  entries: readonly Timed[],
  rounds: number,
  log: (line: string) => void,
): Promise<Map<string, number>> {
  const repeats = new Map<string, number>();
  const times = new Map<string, number[]>(entries.map((entry) => [entry.name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = Math.min(...(times.get(entries[0].name) ?? []));
    for (const entry of entries) {
      if (round > 1 && Math.min(...(times.get(entry.name) ?? [])) > FAR_BEHIND * first) continue;
      const count = repeats.get(entry.name) ?? 1;
      const started = performance.now();
      await entry.run(count);
      const ms = (performance.now() - started) / count;
      if (round === 0) repeats.set(entry.name, Math.min(200, Math.ceil(LEAST_MS / Math.max(ms, 0.05))));
      times.get(entry.name)?.push(ms);
      log(`  round ${round + 1} of ${rounds}: ${entry.name} ${ms.toPrecision(4)} ms`);
    }
  }
  return new Map([...times].map(([name, all]) => [name, median(all)]));
}

/** Four significant digits: more would be noise. */
export const round4 = (value: number): number => Number(value.toPrecision(4));

/** Largest difference over the largest magnitude of `expected`; infinite when lengths differ or a value is not finite. */
export function relativeDifference(expected: ArrayLike<number>, got: ArrayLike<number>): number {
  if (expected.length !== got.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(expected[i] - got[i]);
    worst = Number.isFinite(error) ? Math.max(worst, error) : Number.POSITIVE_INFINITY;
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return worst / scale;
}
