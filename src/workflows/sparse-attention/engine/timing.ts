// Times dense, search, fused, select and sparse kernels with care, next to what counting operations says, and finds the
// sparsity from which sparse wins on this device. It judges speed only, never accuracy.
import type { TaskContext } from "../../../base/task";
import type { Gpu } from "../../../gpu/gpu";
import { timeWork } from "../../../gpu/timing";
import { attention } from "../../../ops/attention";
import { scoped, scopedSync } from "../../../tensor/scope";
import { type Tensor, upload } from "../../../tensor/tensor";
import type { AttentionEvents, Measurement, MeasureSettings, TimeRow, TripleInfo } from "../protocol";
import type { Settings } from "../protocol-params";
import { chooseTriples } from "./analysis";
import { deviceInfo } from "./device-info";
import { prepareHead } from "./head";
import type { Dataset } from "./input";
import { blockMass, fusedAttention, planBlocks, selectBlocks, sparseAttention } from "./kernels";
import { keepCount } from "./lists";
import { type Plan, planTriple, resolveGrid } from "./plan";

type Context = TaskContext<AttentionEvents>;

/** Bytes of q, k and v that one dispatch may bring: well inside a laptop's memory. */
const MEMORY = 384 << 20;

/** Heads of one dispatch: as asked, as many as there are, and as fit the binding limit. */
function headsAtOnce(gpu: Gpu, triple: TripleInfo, asked: number): number {
  const bytes = triple.length * triple.dim * 4;
  const fit = Math.max(
    1,
    Math.floor(Math.min(MEMORY / 3, gpu.device.limits.maxStorageBufferBindingSize) / bytes),
  );
  return Math.min(asked || triple.heads, triple.heads, fit);
}

/**
 * Measures the kernels on one triple; emits `time` after each row. Selection is by exact masses at each sparsity.
 * @throws TesseraError as `analyse`.
 */
export async function measure(
  gpu: Gpu,
  dataset: Dataset,
  settings: Settings,
  request: MeasureSettings,
  context: Context,
): Promise<Measurement> {
  const [triple] = chooseTriples(dataset, [request.triple]);
  const grid = resolveGrid(dataset.info.metadata, settings, triple.length);
  const plan = planTriple(triple, grid, settings);
  const heads = headsAtOnce(gpu, triple, request.heads);
  const [rows, keys] = [plan.sample.blocks.length, plan.keys];
  const flops = 4 * heads * plan.sample.rows.length * triple.length * triple.dim;
  const times: TimeRow[] = [];
  const sparsities = [...new Set([...request.sparsities, settings.sparsity])].sort((a, b) => a - b);
  const total = 4 + 2 * sparsities.length;
  const options = { block: plan.side, scale: plan.scale };

  return scoped(gpu, async () => {
    const { q, k, v } = await uploadHeads(gpu, dataset, triple, plan, settings, heads);
    const time = async (
      name: TimeRow["name"],
      skipped: number | null,
      theoretical: number,
      record: () => void,
    ): Promise<void> => {
      await context.gate();
      const what = skipped === null ? name : `${name} at ${(100 * skipped).toFixed(0)} % skipped`;
      context.report({ done: times.length, total, what: `Timing ${what}` });
      const { ms, minMs } = await timeWork(gpu, () => scopedSync(gpu, record), {
        rounds: 3,
        minMs: 20,
        signal: context.signal,
      });
      const dense = times[0]?.ms ?? ms;
      const row: TimeRow = {
        name,
        skipped,
        ms,
        minMs,
        share: ms / dense,
        theoretical,
        tflops: (theoretical * flops) / ms / 1e9,
      };
      times.push(row);
      context.emit("time", row);
    };
    await time("dense", null, 1, () => void attention(q, k, v, { scale: options.scale }));
    const { lse } = attention(q, k, v, { scale: options.scale });
    const mass = blockMass(q, k, lse, options);
    await time("search", null, 0.5, () => void blockMass(q, k, lse, options));
    await time("dense+mass", null, 1, () => void fusedAttention(q, k, v, lse, options));
    for (const sparsity of sparsities) {
      const keep = keepCount(sparsity, Math.max(1, plan.sink.keyFrom));
      const counts = Array.from({ length: heads * rows }, (_, i) =>
        plan.sink.rowIsText[i % rows] ? keys : Math.min(keep, plan.sink.keyFrom) + keys - plan.sink.keyFrom,
      );
      const blocks = planBlocks(gpu, counts, heads, rows, keys);
      const skipped = 1 - blocks.total / (heads * rows * keys);
      const { list } = selectBlocks(mass, blocks, plan.sink.keyFrom);
      if (sparsity === settings.sparsity)
        await time("select", skipped, 0, () => void selectBlocks(mass, blocks, plan.sink.keyFrom));
      await time("sparse", skipped, 1 - skipped, () => void sparseAttention(q, k, v, blocks, list, options));
    }
    const sparse = times.filter((t) => t.name === "sparse");
    const extra = times
      .filter((t) => t.name === "search" || t.name === "select")
      .reduce((sum, t) => sum + t.ms, 0);
    const dense = times[0].ms;
    const breakEven = crossing(sparse, dense);
    const atSetting = sparse[sparsities.indexOf(settings.sparsity)];
    return {
      triple: triple.id,
      heads,
      rows: plan.sample.rows.length,
      length: triple.length,
      dim: triple.dim,
      side: plan.side,
      times,
      breakEven,
      breakEvenWithSearch: crossing(sparse, dense - extra),
      slower: atSetting.ms >= dense,
      verdict: verdict(atSetting, dense, breakEven),
      device: deviceInfo(gpu),
    };
  });
}

async function uploadHeads(
  gpu: Gpu,
  dataset: Dataset,
  triple: TripleInfo,
  plan: Plan,
  settings: Settings,
  heads: number,
): Promise<{ q: Tensor; k: Tensor; v: Tensor }> {
  const grid = resolveGrid(dataset.info.metadata, settings, triple.length);
  const { length, dim } = triple;
  const rows = plan.sample.rows.length;
  const q = new Float32Array(heads * rows * dim);
  const k = new Float32Array(heads * length * dim);
  const v = new Float32Array(heads * length * dim);
  for (let n = 0; n < heads; n++) {
    const { arrays } = prepareHead(await dataset.head(triple, n), dim, plan, grid, settings).view;
    q.set(arrays.q, n * rows * dim);
    k.set(arrays.k, n * length * dim);
    v.set(arrays.v, n * length * dim);
  }
  return {
    q: upload(gpu, q, [heads, rows, dim]),
    k: upload(gpu, k, [heads, length, dim]),
    v: upload(gpu, v, [heads, length, dim]),
  };
}

/**
 * Share skipped at which sparse takes `limit` milliseconds, interpolated between measured neighbours; the smallest
 * measured share when all are faster, null when none is. `rows` ascend by share.
 */
export function crossing(rows: readonly Pick<TimeRow, "skipped" | "ms">[], limit: number): number | null {
  // From the fast end, so that one noisy row in the middle does not end the search early.
  let best: number | null = null;
  for (let i = rows.length - 1; i >= 0; i--) {
    const share = rows[i].skipped ?? 0;
    if (rows[i].ms > limit) {
      if (best === null) return null;
      const next = rows[i + 1];
      const part = (rows[i].ms - limit) / Math.max(rows[i].ms - next.ms, 1e-9);
      return share + ((next.skipped ?? 0) - share) * Math.min(1, part);
    }
    best = share;
  }
  return best;
}

function verdict(at: TimeRow, dense: number, breakEven: number | null): string {
  const skipped = `${(100 * (at.skipped ?? 0)).toFixed(0)} % of the blocks skipped (${(100 * at.theoretical).toFixed(0)} % kept)`;
  const even =
    breakEven === null
      ? "at no sparsity measured is it faster"
      : `it is faster from ${(100 * breakEven).toFixed(0)} % skipped on`;
  if (at.ms >= dense) {
    return `Warning: with ${skipped}, sparse takes ${at.ms.toFixed(1)} ms and dense ${dense.toFixed(1)} ms on this device: sparse is slower here; ${even}.`;
  }
  const ideal = 1 / Math.max(at.theoretical, 1e-6);
  return `With ${skipped}, sparse is ${(dense / at.ms).toFixed(2)} times as fast as dense (${ideal.toFixed(2)} by counting operations); ${even}.`;
}
