// The bench inside a browser page: exposes one function that the command calls and returns plain rows.
import { openGpu } from "../../../src/gpu/gpu";
import { scoped } from "../../../src/tensor/scope";
import { workflowRows } from "../suites";
import { caseSuites, casesOf } from "./cases";
import type { Contestant, Row } from "./contestant";
import { runCase } from "./run";
import { tesseraContestant } from "./tessera";

// Found by pattern and not by import: the peers are installed only where the bench runs.
const modules = import.meta.glob<{ contestant(wasmFolder: string): Promise<Contestant> }>("../peers/*.ts");
const FILES: Readonly<Record<string, string>> = {
  "jax-js": "jax",
  "TensorFlow.js": "tfjs",
  "ONNX Runtime Web": "ort",
};

export interface PageRequest {
  /** "kernels", "training", or a workflow that brings a bench. */
  suite: string;
  rounds: number;
  /** Tokens of sparse-attention; 0 for the published size. */
  length: number;
  only: string;
  peers: readonly string[];
  wasmFolder: string;
}
export interface PageReply {
  adapter: { name: string; features: readonly string[] };
  rows: Row[];
}

async function contestants(
  request: PageRequest,
): Promise<{ peers: Contestant[]; missing: Record<string, string> }> {
  const peers: Contestant[] = [];
  const missing: Record<string, string> = {};
  for (const name of request.peers) {
    try {
      peers.push(await (await modules[`../peers/${FILES[name]}.ts`]()).contestant(request.wasmFolder));
    } catch (error) {
      missing[name] = (error as Error).message;
    }
  }
  return { peers, missing };
}

async function bench(request: PageRequest): Promise<PageReply> {
  const gpu = await openGpu(navigator.gpu);
  const log = (line: string): void => console.log(line);
  const adapter = { name: gpu.adapter.name, features: gpu.adapter.features };
  if (!caseSuites.includes(request.suite))
    return { adapter, rows: await workflowRows(request.suite, gpu, { ...request, log }) };
  const { peers, missing } = await contestants(request);
  const ours = tesseraContestant(gpu);
  const rows: Row[] = [];
  for (const item of casesOf(request.suite, request.only)) {
    const row = await scoped(gpu, () => runCase(item, ours, peers, { rounds: request.rounds, log }));
    rows.push({ ...row, absent: { ...missing, ...row.absent } });
  }
  return { adapter, rows };
}

declare global {
  interface Window {
    bench: typeof bench;
  }
}
window.bench = bench;
