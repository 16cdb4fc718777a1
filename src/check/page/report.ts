// Turns check outcomes into table rows and into text for a bug report. Pure functions.
import { formatDuration } from "../../base/stats";
import type { CheckOutcome, CheckReport, OpPage, OpSpeed } from "../protocol";

export interface OpRow {
  op: string;
  summary: string;
  bound: string;
  passed: number;
  failed: number;
  /** Largest error over bound among the op's comparisons. */
  worst: number;
  ms: number | null;
}

/** One row per op that was promised, in the registry's order. */
export function rowsByOp(
  outcomes: readonly CheckOutcome[],
  speeds: readonly OpSpeed[],
  ops: readonly OpPage[],
): OpRow[] {
  const rows = new Map<string, OpRow>();
  for (const { name, summary, bound } of ops) {
    rows.set(name, { op: name, summary, bound, passed: 0, failed: 0, worst: 0, ms: null });
  }
  for (const outcome of outcomes) {
    const row = rows.get(outcome.op);
    if (!row) continue;
    if (outcome.passed) row.passed++;
    else row.failed++;
    row.worst = Math.max(row.worst, outcome.errorOverBound ?? 0);
  }
  for (const speed of speeds) {
    const row = rows.get(speed.op);
    if (row) row.ms = speed.ms;
  }
  return [...rows.values()];
}

/** Plain text that says all a maintainer needs: device, limits, failures first, then speeds. */
export function reportText(report: CheckReport): string {
  const { adapter } = report;
  const failures = report.outcomes.filter((o) => !o.passed);
  const limits = Object.entries(adapter.limits).map(([name, value]) => `${name} ${value}`);
  return [
    `Tessera GPU check: ${report.passed} of ${report.expected} passed, ${report.ran} ran, ${formatDuration(report.seconds)}`,
    `Adapter: ${adapter.description}`,
    `Features: ${adapter.features.join(", ")}`,
    `Limits: ${limits.join(", ")}`,
    ...failures.map((f) => `FAILED ${f.op} ${f.check} ${f.case}: ${f.message ?? "no message"}`),
    ...report.speeds.map((s) => `${s.op} (${s.case}): ${s.ms.toPrecision(3)} ms`),
    ...report.trials.map((t) => `tuned ${t.variant}: ${t.ms.toPrecision(3)} ms (${t.key})`),
  ].join("\n");
}
