// Rows of `bench -- sparse-attention`: the workflow's kernels against our own dense kernel, in turn, in one run.
// Every result is checked before anything is timed: all blocks kept is dense, masses sum to the rows of a block, and the
// share of mass that a list keeps is what the two log-sum-exps say.

import { longAttentionRow } from "../../../e2e/bench/long-attention";
import type { Row } from "../../../e2e/bench/page/contestant";
import { relativeDifference, round4, timeInTurn } from "../../../e2e/bench/page/timing";
import type { BenchOptions } from "../../../e2e/bench/suites";
import { defaults } from "../../base/params";
import type { Gpu } from "../../gpu/gpu";
import { attention } from "../../ops/attention";
import { scoped, scopedSync } from "../../tensor/scope";
import { type Tensor, upload } from "../../tensor/tensor";
import { blockMass, fusedAttention, planBlocks, selectBlocks, sparseAttention } from "./engine/kernels";
import { keepCount } from "./engine/lists";
import { synthesiseHead, synthGrid } from "./engine/synth";
import { synthParams } from "./protocol-params";

const HEADS = 8;
const DIM = 64;
const BLOCK = 64;
const OPTIONS = { block: BLOCK };
const SPARSITIES = [0, 0.5, 0.7, 0.8, 0.9, 0.95];
/** Selection is timed at the sparsity that the paper calls its default. */
const SELECT_AT = 0.8;

interface Work {
  name: string;
  case: string;
  /** Useful operations of one run; null where operations are not the point. */
  operations: number | null;
  record(): void;
  difference: number;
}

/** @throws Error when a result is wrong, before any time is taken. */
export async function rows(gpu: Gpu, options: BenchOptions): Promise<Row[]> {
  const length = options.length || 4096;
  const wanted = (name: string, kase: string): boolean => `${name} ${kase}`.includes(options.only);
  const rows: Row[] = [];
  if (!options.length && wanted("attention", "L=16384")) rows.push(await longAttentionRow(gpu, options.log));
  rows.push(
    ...(await scoped(gpu, async () => {
      const { q, k, v } = structured(gpu, length);
      const dense = attention(q, k, v);
      const work = await prepare(gpu, { q, k, v, dense }, length, options.log);
      return measure(
        gpu,
        () => void attention(q, k, v),
        work.filter((w) => wanted(w.name, w.case)),
        options,
      );
    })),
  );
  return rows;
}

/** Heads from sharp to diffuse, as the workflow's own generator makes them. */
function structured(gpu: Gpu, length: number): { q: Tensor; k: Tensor; v: Tensor } {
  const settings = { ...defaults(synthParams), heads: HEADS, length, dim: DIM };
  const grid = synthGrid(length, settings.text);
  const heads = Array.from({ length: HEADS }, (_, head) =>
    synthesiseHead(settings, grid, { layer: 0, step: 0, head }),
  );
  const joined = (part: "q" | "k" | "v"): Tensor => {
    const values = new Float32Array(HEADS * length * DIM);
    for (const [h, head] of heads.entries()) values.set(head[part], h * length * DIM);
    return upload(gpu, values, [HEADS, length, DIM]);
  };
  return { q: joined("q"), k: joined("k"), v: joined("v") };
}

interface Operands {
  q: Tensor;
  k: Tensor;
  v: Tensor;
  dense: { o: Tensor; lse: Tensor };
}

async function prepare(gpu: Gpu, x: Operands, length: number, log: (line: string) => void): Promise<Work[]> {
  const { q, k, v, dense } = x;
  const blocks = length / BLOCK;
  const groups = HEADS * blocks;
  const denseOperations = 4 * HEADS * length ** 2 * DIM;
  const denseLse = await dense.lse.readFloats();
  const denseOut = await dense.o.readFloats();

  const mass = blockMass(q, k, dense.lse, OPTIONS);
  const fused = fusedAttention(q, k, v, dense.lse, OPTIONS);
  const massError = sumError(await mass.readFloats(), blocks);
  const fusedError = relativeDifference(denseOut, await fused.o.readFloats());
  const fusedMassError = sumError(await fused.mass.readFloats(), blocks);
  const redone = Array.from(await fused.redo.read()).reduce((sum, flag) => sum + flag, 0);
  log(
    `checked: masses sum to ${BLOCK} within ${massError}, fused ${fusedMassError}; fused output ${fusedError}`,
  );
  expectBelow("search: sums of a row block's masses are off by", massError, 1e-3);
  expectBelow("fused-mass: sums of a row block's masses are off by", fusedMassError, 1e-3);
  expectBelow("fused-mass: the output differs from dense by", fusedError, 1e-5);
  expectBelow("fused-mass: row blocks done again", redone, 1);

  const work: Work[] = [];
  for (const sparsity of SPARSITIES) {
    const keep = keepCount(sparsity, blocks);
    const plan = planBlocks(gpu, new Array(groups).fill(keep), HEADS, blocks, blocks);
    const { list, kept } = selectBlocks(mass, plan);
    const sparse = sparseAttention(q, k, v, plan, list, OPTIONS);
    const recallError = keptError(await kept.readFloats(), await sparse.lse.readFloats(), denseLse);
    expectBelow(`block-sparse ${sparsity}: kept mass and log-sum-exps differ by`, recallError, 1e-3);
    let difference = recallError;
    if (keep === blocks) {
      difference = relativeDifference(denseOut, await sparse.o.readFloats());
      expectBelow("block-sparse: with every block kept the output differs from dense by", difference, 1e-5);
    }
    log(`checked: sparsity ${sparsity} keeps ${keep} of ${blocks} blocks, difference ${difference}`);
    if (sparsity === SELECT_AT) {
      work.push({
        name: "select",
        case: `sparsity=${sparsity}`,
        operations: null,
        record: () => void selectBlocks(mass, plan),
        difference: recallError,
      });
    }
    work.push({
      name: "block-sparse",
      case: `sparsity=${sparsity}`,
      operations: (denseOperations * keep) / blocks,
      record: () => void sparseAttention(q, k, v, plan, list, OPTIONS),
      difference,
    });
  }
  const size = `H=${HEADS} L=${length} D=${DIM} block=${BLOCK}`;
  work.push({
    name: "search",
    case: size,
    operations: denseOperations / 2,
    record: () => void blockMass(q, k, dense.lse, OPTIONS),
    difference: massError / BLOCK,
  });
  work.push({
    name: "fused-mass",
    case: size,
    operations: denseOperations,
    record: () => void fusedAttention(q, k, v, dense.lse, OPTIONS),
    difference: fusedError,
  });
  return work;
}

async function measure(
  gpu: Gpu,
  dense: () => void,
  work: readonly Work[],
  options: BenchOptions,
): Promise<Row[]> {
  if (work.length === 0) return [];
  const timed = (name: string, record: () => void) => ({
    name,
    async run(repeats: number) {
      for (let i = 0; i < repeats; i++) scopedSync(gpu, record);
      await gpu.queue.finish();
    },
  });
  const entries = [timed("dense", dense), ...work.map((w) => timed(`${w.name} ${w.case}`, w.record))];
  const times = await timeInTurn(entries, options.rounds, options.log);
  for (const { key, variant, ms } of gpu.tuner.trials)
    options.log(`tuned: ${key.split("|").slice(3, 5).join(", ")}: ${variant} ${round4(ms)} ms`);
  const denseMs = times.get("dense")!;
  return work.map((w) => {
    const ms = times.get(`${w.name} ${w.case}`)!;
    return {
      name: w.name,
      case: w.case,
      ms: round4(ms),
      rate: w.operations === null ? null : round4(w.operations / ms / 1e6),
      unit: "GFLOP/s",
      peers: { dense: round4(denseMs) },
      ratio: round4(denseMs / ms),
      absent: {},
      difference: w.difference,
    };
  });
}

/** Largest distance of a row block's total mass from its number of rows. */
function sumError(mass: Float32Array, keys: number): number {
  let worst = 0;
  for (let row = 0; row < mass.length; row += keys) {
    const sum = mass.subarray(row, row + keys).reduce((a, b) => a + b, 0);
    worst = Math.max(worst, Math.abs(sum - BLOCK));
  }
  return worst;
}

/** Kept mass of each row block by selection, against Σ exp(sparse lse - dense lse) over its rows; as a share of the rows. */
function keptError(kept: Float32Array, sparse: Float32Array, dense: Float32Array): number {
  let worst = 0;
  for (let block = 0; block < kept.length / 2; block++) {
    let recall = 0;
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) recall += Math.exp(sparse[i] - dense[i]);
    worst = Math.max(worst, Math.abs(recall - kept[2 * block]) / BLOCK);
  }
  return worst;
}

function expectBelow(what: string, value: number, limit: number): void {
  if (!(value < limit))
    throw new Error(`${what} ${value}; at most ${limit} is allowed, so nothing was timed`);
}
