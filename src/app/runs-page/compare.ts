// What a list of runs and a comparison of runs show, from records and metric rows. Pure: it reads no storage.
import type { Field, Fields } from "../../base/errors";
import { type ParamSpec, toQuery } from "../../base/params";
import type { RunRecord } from "../../runs/record";
import type { MetricRow } from "../../runs/store";
import { formatNumber } from "../../ui/format";
import type { LineSeries } from "../../ui/line-data";
import { workflowHash } from "../router";

/** One line of a comparison: a name and its value in each run, in the order of the runs. */
export interface DiffRow {
  name: string;
  values: (string | number | boolean | null)[];
  differs: boolean;
}

/** Lists and objects are shown as JSON; everything else as it is; what a run lacks as null. */
function cell(value: Field | undefined): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  return typeof value === "object" ? JSON.stringify(value) : value;
}

/** All names of all runs, those that differ first, each part in order of first appearance. */
export function diffRows(records: readonly Fields[]): DiffRow[] {
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const rows = names.map((name) => {
    const values = records.map((record) => cell(record[name]));
    return { name, values, differs: new Set(values).size > 1 };
  });
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
}

const STEP_NAMES = ["step", "epoch", "iteration"];

/** The column that counts steps, or undefined when the rows are counted instead. */
export function stepName(names: readonly string[]): string | undefined {
  return STEP_NAMES.find((name) => names.includes(name));
}

/** One line per run that has the metric; x is the step column, or the number of the row. */
export function overlay(
  runs: readonly { name: string; rows: readonly MetricRow[] }[],
  metric: string,
): LineSeries[] {
  const labels = distinctNames(runs.map((run) => run.name));
  return runs.flatMap(({ rows }, i) => {
    const step = stepName([...new Set(rows.flatMap((row) => Object.keys(row)))]);
    const points = rows
      .map((row, at) => ({ x: (step && row[step]) ?? at, y: row[metric] }))
      .filter((p) => p.y !== undefined);
    if (points.length === 0) return [];
    return [{ name: labels[i], x: points.map((p) => Number(p.x)), y: points.map((p) => p.y ?? null) }];
  });
}

/** Names made different from each other by a number, where they are not. */
export function distinctNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

/** "sparsity 0.9, block 32": what was chosen other than the defaults, at most `most` of it. */
export function paramWords(params: Fields, spec: ParamSpec | undefined, most = 3): string {
  const chosen = Object.entries(params).filter(
    ([name, value]) => spec === undefined || value !== spec[name]?.default,
  );
  if (chosen.length === 0) return "defaults";
  const words = chosen.slice(0, most).map(([name, value]) => `${name} ${String(cell(value) ?? "none")}`);
  return words.join(", ") + (chosen.length > most ? `, ${chosen.length - most} more` : "");
}

/** "recall 0.973, kept 0.203": the first few numbers that the run was summed up with. */
export function summaryWords(summary: RunRecord["summary"], most = 3): string {
  return Object.entries(summary)
    .slice(0, most)
    .map(([name, value]) => `${name} ${typeof value === "number" ? formatNumber(value) : value}`)
    .join(", ");
}

/** Whether there is something to go on with. */
export function canResume(state: RunRecord["state"]): boolean {
  return state === "interrupted" || state === "paused" || state === "cancelled" || state === "failed";
}

/** Whether opening the run shows what it has stored; one that is under way in another tab is left to that tab. */
export function hasResults({ state, artefacts }: RunRecord): boolean {
  return state !== "running" && artefacts.length > 0;
}

/** The address that opens the run's workflow with its parameters, and with `resume` where there is more to show. */
export function runHash(record: RunRecord, spec: ParamSpec | undefined): string {
  const query = spec ? toQuery(spec, record.params) : new URLSearchParams();
  if (canResume(record.state) || hasResults(record)) query.set("resume", record.id);
  return workflowHash(record.workflow, query);
}
