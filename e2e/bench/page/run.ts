// Runs one row of the kernel bench: ours and every peer on the same data, checked against each other, timed in turn.
import type { BenchCase, Contestant, Prepared, Row } from "./contestant";
import { relativeDifference, round4, timeInTurn } from "./timing";

export interface RunOptions {
  rounds: number;
  log(line: string): void;
}

/** Results of one row agree when they differ by less than this share of the largest value. */
const AGREEMENT = 1e-3;

interface Ready {
  name: string;
  prepared: Prepared;
  /** Relative to our result. */
  difference: number;
}

/** @throws Error when ours fails, or differs from every peer that ran. */
export async function runCase(
  item: BenchCase,
  ours: Contestant,
  peers: readonly Contestant[],
  options: RunOptions,
): Promise<Row> {
  const absent: Record<string, string> = {};
  const ready: Ready[] = [];
  let expected: Float32Array | undefined;
  for (const contestant of [ours, ...peers]) {
    options.log(`${item.row} ${item.case}: ${contestant.name} …`);
    try {
      const prepared = await contestant.prepare(item);
      await prepared.run();
      const result = await prepared.result();
      expected ??= result;
      ready.push({ name: contestant.name, prepared, difference: relativeDifference(expected, result) });
    } catch (error) {
      if (contestant === ours) throw error;
      absent[contestant.name] = firstLine(error);
    }
  }
  const agreeing = ready.filter((entry) => entry.difference < AGREEMENT);
  if (ready.length > 1 && agreeing.length === 1) {
    const differences = ready.slice(1).map((entry) => `${entry.name} by ${entry.difference.toPrecision(2)}`);
    throw new Error(`${item.row} ${item.case}: our result differs from ${differences.join(", ")}`);
  }
  for (const { name, difference } of ready) {
    if (!(difference < AGREEMENT)) absent[name] = `its result differs by ${difference.toPrecision(2)}`;
  }
  const entries = agreeing.map(({ name, prepared }) => ({
    name,
    async run(repeats: number) {
      for (let i = 0; i < repeats; i++) await prepared.run();
    },
  }));
  const times = await timeInTurn(entries, options.rounds, options.log);
  for (const { prepared } of ready) prepared.dispose();
  const ms = times.get(ours.name)!;
  times.delete(ours.name);
  const best = Math.min(...times.values());
  return {
    name: item.row,
    case: item.case,
    ms: round4(ms),
    rate: round4(item.operations / ms / 1e6),
    unit: "GFLOP/s",
    peers: Object.fromEntries([...times].map(([name, value]) => [name, round4(value)])),
    ratio: Number.isFinite(best) ? round4(best / ms) : null,
    absent,
    difference: agreeing.length > 1 ? Math.max(...agreeing.slice(1).map((entry) => entry.difference)) : null,
  };
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0].slice(0, 300);
