// Times contestants in turn, round by round, so that drift of a shared machine hits all alike.
import { median } from "../../../src/base/stats";
import type { BenchCase, Contestant, Prepared, Row } from "./contestant";

export interface RunOptions {
  rounds: number;
  log(line: string): void;
}

/** One row: ours first, every peer interleaved with it; results are checked against each other before timing. */
export async function runCase(item: BenchCase, ours: Contestant, peers: readonly Contestant[], options: RunOptions): Promise<Row> {
  const absent: Record<string, string> = {};
  const ready: { name: string; prepared: Prepared; times: number[] }[] = [];
  for (const contestant of [ours, ...peers]) {
    try {
      const prepared = await contestant.prepare(item);
      await prepared.run();
      ready.push({ name: contestant.name, prepared, times: [] });
    } catch (error) {
      if (contestant === ours) throw error;
      absent[contestant.name] = (error as Error).message;
    }
  }
  const results = await Promise.all(ready.map((r) => r.prepared.result()));
  const difference = results.length > 1 ? Math.max(...results.slice(1).map((r) => relativeDifference(results[0], r))) : null;
  if (difference !== null && !(difference < 1e-3)) {
    throw new Error(`${item.row} ${item.case}: results of ${ready.map((r) => r.name).join(", ")} differ by ${difference}`);
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of ready) {
      const started = performance.now();
      await entry.prepared.run();
      entry.times.push(performance.now() - started);
    }
  }
  for (const entry of ready) entry.prepared.dispose();
  const ms = median(ready[0].times);
  const peerTimes = Object.fromEntries(ready.slice(1).map((r) => [r.name, round3(median(r.times))]));
  const best = Math.min(...Object.values(peerTimes));
  const row: Row = {
    name: item.row,
    case: item.case,
    ms: round3(ms),
    rate: round3(item.operations / ms / 1e6),
    unit: "GFLOP/s",
    peers: peerTimes,
    ratio: Number.isFinite(best) ? round3(best / ms) : null,
    absent,
    difference,
  };
  options.log(`${row.name} ${row.case}: ${row.ms} ms, peers ${JSON.stringify(row.peers)}, ratio ${row.ratio}`);
  return row;
}

export const round3 = (value: number): number => Number(value.toPrecision(4));

function relativeDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < a.length; i++) {
    worst = Math.max(worst, Math.abs(a[i] - b[i]));
    scale = Math.max(scale, Math.abs(a[i]));
  }
  return worst / scale;
}
