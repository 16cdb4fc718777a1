// Times contestants in turn, round by round, so that drift of a shared machine hits all alike.
import { median } from "../../../src/base/stats";
import type { BenchCase, Contestant, Prepared, Row } from "./contestant";

export interface RunOptions {
  rounds: number;
  log(line: string): void;
}

/** Results of one row agree when they differ by less than this share of the largest value. */
const AGREEMENT = 1e-3;

/** One row: ours first, every peer interleaved with it; results are checked against each other before timing. */
export async function runCase(
  item: BenchCase,
  ours: Contestant,
  peers: readonly Contestant[],
  options: RunOptions,
): Promise<Row> {
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
  const differences = results.map((r) => relativeDifference(results[0], r));
  const agreeing = ready.filter((_, i) => differences[i] < AGREEMENT);
  if (ready.length > 1 && agreeing.length === 1) {
    throw new Error(
      `${item.row} ${item.case}: our result differs from every peer's, by ${differences.slice(1).join(", ")}`,
    );
  }
  for (const [i, entry] of ready.entries()) {
    if (!agreeing.includes(entry))
      absent[entry.name] = `its result differs by ${differences[i].toPrecision(2)}`;
  }
  const difference = agreeing.length > 1 ? Math.max(...differences.filter((d) => d < AGREEMENT)) : null;
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of agreeing) {
      const started = performance.now();
      await entry.prepared.run();
      entry.times.push(performance.now() - started);
    }
  }
  for (const entry of ready) entry.prepared.dispose();
  const ms = median(agreeing[0].times);
  const peerTimes = Object.fromEntries(agreeing.slice(1).map((r) => [r.name, round3(median(r.times))]));
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
  options.log(
    `${row.name} ${row.case}: ${row.ms} ms, peers ${JSON.stringify(row.peers)}, ratio ${row.ratio}`,
  );
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
