// The validation ladder: every rung, the same for the tests, the command line and the page.

import { TesseraError } from "../../../../base/errors";
import type { TaskContext } from "../../../../base/task";
import { differences, patchTest, rigidMotion, stretchedBar } from "./basics";
import { cantilever, cooksMembrane } from "./bending";
import { energyBalance, hertzContact, meshRefinement, stepRefinement } from "./contact";
import { holds, type Rung, type RungRow } from "./rung";

export const LADDER: readonly Rung[] = [
  patchTest,
  differences,
  rigidMotion,
  stretchedBar,
  cooksMembrane,
  cantilever,
  hertzContact,
  energyBalance,
  stepRefinement,
  meshRefinement,
];

/** A rung after its run, as it is shown. */
export interface RungResult {
  id: string;
  title: string;
  source: string;
  rows: RungRow[];
  /** Figures that miss their limit. */
  misses: number;
  seconds: number;
}

/** Runs the rungs in turn. @param ids which; all where there are none. */
export async function climb(ids: readonly string[], context: TaskContext): Promise<RungResult[]> {
  const chosen = LADDER.filter(({ id }) => ids.length === 0 || ids.includes(id));
  const unknown = ids.find((id) => !LADDER.some((rung) => rung.id === id));
  if (unknown !== undefined) {
    const known = LADDER.map(({ id }) => id).join(", ");
    throw new TesseraError("params", `There is no rung ${unknown}; known are ${known}`);
  }
  const results: RungResult[] = [];
  for (const [done, { id, title, source, run }] of chosen.entries()) {
    await context.gate();
    context.report({ done, total: chosen.length, what: title });
    const started = performance.now();
    const rows = run();
    const misses = rows.filter((one) => !holds(one)).length;
    results.push({ id, title, source, rows, misses, seconds: (performance.now() - started) / 1000 });
  }
  return results;
}
