// The analysis itself: for each triple and head dense attention, block masses, tiers, selection and sparse attention,
// with what they cost in accuracy. Results leave as they are made; those of an interrupted run stay with the caller.
import { TesseraError, throwIfCancelled } from "../../../base/errors";
import type { TaskContext } from "../../../base/task";
import type { Gpu } from "../../../gpu/gpu";
import type { Analysis, AttentionEvents, Grid, HeadResult, TripleInfo } from "../protocol";
import type { Settings } from "../protocol-params";
import { outputError } from "./bound";
import { deviceInfo } from "./device-info";
import {
  cpuScores,
  type Head,
  lseOfHead,
  prepareHead,
  type Searched,
  type SparseRun,
  searchHead,
  sparseHead,
  staleMass,
  type Watch,
} from "./head";
import type { Dataset } from "./input";
import { headRecall, keepCount, keptShare, rowRecalls, topk } from "./lists";
import { planTriple, resolveGrid } from "./plan";
import { lseRecalls } from "./reference";
import { assignTiers } from "./tiers";

/** What is kept of a finished head for maps and exports. */
export interface HeadRecord {
  result: HeadResult;
  triple: TripleInfo;
  head: Head["plan"];
  grid: Grid;
  searched: Searched;
  sparse: SparseRun;
}

/** Where finished heads go; it outlives a failed run. */
export type Sink = (record: HeadRecord) => void;

type Context = TaskContext<AttentionEvents>;

/**
 * Analyses the triples. Cancel takes effect between slices of GPU work.
 * @throws TesseraError `input`, `params`, `device-lost` and `out-of-memory` (with fields `done` and `total`), `cancelled`.
 */
export async function analyse(
  gpu: Gpu,
  dataset: Dataset,
  settings: Settings,
  ids: readonly string[],
  context: Context,
  keep: Sink,
): Promise<Analysis> {
  const started = performance.now();
  const triples = chooseTriples(dataset, ids);
  const total = triples.reduce((sum, t) => sum + t.heads, 0);
  const results: HeadResult[] = [];
  const store: Sink = (record) => {
    results.push(record.result);
    keep(record);
    context.emit("head", record.result);
  };
  try {
    let before = 0;
    for (const triple of triples) {
      await analyseTriple(gpu, dataset, triple, settings, context, store, { before, total });
      before += triple.heads;
    }
  } catch (error) {
    const cause = gpu.isLost ? await gpu.lost : error;
    if (!(cause instanceof TesseraError)) throw cause;
    throw new TesseraError(
      cause.code,
      cause.message,
      { ...cause.fields, done: results.length, total },
      { cause },
    );
  }
  const first = triples[0];
  const grid = resolveGrid(dataset.info.metadata, settings, first.length);
  const plan = planTriple(first, grid, settings);
  const mean = (of: (r: HeadResult) => number): number =>
    results.reduce((sum, r) => sum + of(r), 0) / results.length;
  const kept = mean((r) => r.kept);
  return {
    settings,
    grid,
    heads: results,
    summary: {
      recall: mean((r) => r.recall),
      kept,
      skipped: 1 - kept,
      outputError: mean((r) => r.outputError ?? 0),
      heads: results.length,
    },
    rows: plan.sample.rows.length,
    length: first.length,
    blocks: { rows: plan.sample.blocks.length, keys: plan.keys, side: plan.side },
    device: deviceInfo(gpu),
    seconds: (performance.now() - started) / 1000,
    notes: notesOf(dataset, settings, plan.sampling),
  };
}

/** The triples of these ids, all for an empty list. @throws TesseraError `input` for an unknown id. */
export function chooseTriples(dataset: Dataset, ids: readonly string[]): TripleInfo[] {
  const { triples } = dataset.info;
  if (ids.length === 0) return triples;
  return ids.map((id) => {
    const found = triples.find((t) => t.id === id);
    if (found) return found;
    const known = triples.map((t) => t.id).join(", ");
    throw new TesseraError("input", `There is no q, k, v triple "${id}"; the input has ${known}`, { id });
  });
}

function notesOf(dataset: Dataset, settings: Settings, sampling: string | null): string[] {
  const notes: string[] = [];
  if (dataset.info.synthetic) notes.push("Synthetic tensors, made by the generator.");
  if (sampling) notes.push(`Sampled: ${sampling}.`);
  const several = new Set(dataset.info.triples.map((t) => t.step)).size > 1;
  if (settings.search !== "fused" && !several) {
    notes.push("The input has one step only, so the cached LSE is that of the step itself.");
  }
  return notes;
}

/** The triple of the same layer at the step before, where the input has one: its LSE is what a sampler would have cached. */
export function stepBefore(dataset: Dataset, triple: TripleInfo): TripleInfo | null {
  if (triple.step === null) return null;
  const earlier = dataset.info.triples.filter(
    (t) =>
      t.layer === triple.layer &&
      t.step !== null &&
      t.step < (triple.step ?? 0) &&
      t.length === triple.length &&
      t.heads === triple.heads &&
      t.dim === triple.dim,
  );
  return earlier.at(-1) ?? null;
}

async function analyseTriple(
  gpu: Gpu,
  dataset: Dataset,
  triple: TripleInfo,
  settings: Settings,
  context: Context,
  store: Sink,
  place: { before: number; total: number },
): Promise<void> {
  const { signal } = context;
  const grid = resolveGrid(dataset.info.metadata, settings, triple.length);
  const plan = planTriple(triple, grid, settings);
  if (!grid.known && (settings.strategy === "template" || settings.strategy === "window")) {
    throw new TesseraError(
      "input",
      `The rule "${settings.strategy}" needs frames, height and width, and the input has none: set f, h and w.`,
    );
  }
  const previous = stepBefore(dataset, triple);
  const read = async (n: number, from = triple): Promise<Head> =>
    prepareHead(await dataset.head(from, n), triple.dim, plan, grid, settings);
  /** Tells of one half of the work on head n: searches of all heads come first, then the sparse passes. */
  const watch = (what: string, n: number, half: 0 | 1): Watch => {
    const progress = (share: number): void =>
      context.report({
        done: place.before + (half * triple.heads + n + share) / 2,
        total: place.total,
        what: `${what} ${triple.id}, head ${n + 1} of ${triple.heads}`,
      });
    progress(0);
    return { signal, progress };
  };

  const scored: { score: Float32Array; searched: Searched; uniform: number }[] = [];
  for (let n = 0; n < triple.heads; n++) {
    await context.gate();
    const searching = watch("Searching", n, 0);
    const head = await read(n);
    const needsStale =
      previous !== null && (settings.search !== "fused" || settings.strategy === "stale-lse");
    const stale = needsStale && previous ? await lseOfHead(gpu, await read(n, previous), signal) : null;
    const searched = await searchHead(gpu, head, settings.search, stale, searching);
    let score = searched.mass;
    if (settings.strategy === "stale-lse") score = (await staleMass(gpu, head, stale, signal)).score;
    else if (settings.strategy !== "adaspa") score = cpuScores(settings.strategy, head, n, signal).score;
    const lists = topk(score, plan.sample.blocks.length, plan.keys, plan.keep, plan.sink);
    const uniform = headRecall(rowRecalls(searched.mass, lists, plan.sample.tokens), plan.sample.tokens);
    scored.push({ score, searched, uniform });
  }

  const flat = { sparsity: scored.map(() => settings.sparsity), tier: scored.map(() => 0 as const) };
  const tiers = settings.tiers
    ? assignTiers(
        scored.map((s) => s.uniform),
        settings.sparsity,
      )
    : flat;
  for (let n = 0; n < triple.heads; n++) {
    await context.gate();
    const running = watch("Sparse attention,", n, 1);
    throwIfCancelled(signal);
    const head = await read(n);
    const { score, searched, uniform } = scored[n];
    const count = keepCount(tiers.sparsity[n], Math.max(1, plan.sink.keyFrom));
    const onDevice = settings.strategy === "adaspa" || settings.strategy === "stale-lse";
    const sparse = await sparseHead(gpu, head, score, count, onDevice, running);
    const result = judge({
      triple,
      n,
      plan,
      searched,
      sparse,
      uniform,
      sparsity: tiers.sparsity[n],
      tier: tiers.tier[n],
      largestValue: head.largestValue,
    });
    store({ result, triple, head: plan, grid, searched, sparse });
  }
}

interface Judged {
  triple: TripleInfo;
  n: number;
  plan: Head["plan"];
  searched: Searched;
  sparse: SparseRun;
  uniform: number;
  sparsity: number;
  tier: -1 | 0 | 1;
  largestValue: number;
}

function judge({
  triple,
  n,
  plan,
  searched,
  sparse,
  uniform,
  sparsity,
  tier,
  largestValue,
}: Judged): HeadResult {
  const { tokens } = plan.sample;
  const rows = lseRecalls(sparse.lse, searched.lse);
  const error = outputError(sparse.out, searched.out, rows, largestValue);
  const kept = keptShare(sparse.lists);
  const byLse = rows.reduce((a, b) => a + b, 0) / rows.length;
  return {
    triple: triple.id,
    step: triple.step,
    layer: triple.layer,
    head: n,
    tier,
    sparsity,
    kept,
    skipped: 1 - kept,
    uniformRecall: uniform,
    recall: searched.isStale ? byLse : headRecall(rowRecalls(searched.mass, sparse.lists, tokens), tokens),
    lseRecall: byLse,
    massError: searched.massError,
    outputError: error.relative,
    maxError: error.max,
    bound: error.bound,
    boundUse: error.use,
    rows: plan.sample.rows.length,
    redone: searched.redone,
    times: {
      denseMs: searched.denseMs,
      searchMs: searched.searchMs,
      selectMs: sparse.selectMs,
      sparseMs: sparse.sparseMs,
    },
  };
}
