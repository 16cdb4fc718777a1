// The benches that workflows bring along, found by folder like the workflows themselves: `bench.ts` exports `rows`.
import type { Gpu } from "../../src/gpu/gpu";
import type { Row } from "./page/contestant";

export interface BenchOptions {
  rounds: number;
  /** Size of the problem where the bench has one (tokens); 0 for that of the published table. */
  length: number;
  /** Keeps the rows whose name or case contains the text. */
  only: string;
  log(line: string): void;
}

type WorkflowBench = { rows(gpu: Gpu, options: BenchOptions): Promise<Row[]> };

const modules = import.meta.glob<WorkflowBench>("../../src/workflows/*/bench.ts");
const byWorkflow = new Map(Object.entries(modules).map(([path, load]) => [path.split("/").at(-2)!, load]));

/** Names of the workflows that have a bench. */
export const workflowSuites: readonly string[] = [...byWorkflow.keys()].sort();

/** Rows of a workflow's bench. @throws Error for a workflow without one. */
export async function workflowRows(suite: string, gpu: Gpu, options: BenchOptions): Promise<Row[]> {
  const load = byWorkflow.get(suite);
  if (!load) throw new Error(`There is no bench ${suite}; there are ${workflowSuites.join(", ")}`);
  return (await load()).rows(gpu, options);
}
