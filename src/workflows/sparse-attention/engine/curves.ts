// Recall against sparsity of every rule on the same heads and with the same budget, by exact block masses.
import { TesseraError } from "../../../base/errors";
import type { TaskContext } from "../../../base/task";
import type { Gpu } from "../../../gpu/gpu";
import type { AttentionEvents, Curve, CurveSettings, Curves, TripleInfo } from "../protocol";
import { type Settings, STRATEGY_INFO, type StrategyId } from "../protocol-params";
import { chooseTriples, stepBefore } from "./analysis";
import { cpuScores, type Head, lseOfHead, prepareHead, searchHead, staleMass } from "./head";
import type { Dataset } from "./input";
import { planTriple, resolveGrid } from "./plan";
import { oracleCurve, readCurve } from "./strategies";

type Context = TaskContext<AttentionEvents>;

/** Curves for heads, rules and block sides; emits `curve` after each. @throws TesseraError as `analyse`. */
export async function curves(
  gpu: Gpu,
  dataset: Dataset,
  settings: Settings,
  request: CurveSettings,
  context: Context,
): Promise<Curves> {
  const [triple] = chooseTriples(dataset, [request.triple]);
  const grid = resolveGrid(dataset.info.metadata, settings, triple.length);
  const heads = request.heads.length ? request.heads : Array.from({ length: triple.heads }, (_, h) => h);
  for (const head of heads) {
    if (head < 0 || head >= triple.heads)
      throw new TesseraError("params", `heads: the input has heads 0 to ${triple.heads - 1}, got ${head}`);
  }
  const left = request.strategies
    .filter((s) => STRATEGY_INFO[s].needsGrid && !grid.known)
    .map((strategy) => ({ strategy, why: "It needs frames, height and width, and the input has none." }));
  const rules = request.strategies.filter((s) => !left.some((l) => l.strategy === s));
  const previous = stepBefore(dataset, triple);
  const done: Curve[] = [];
  const total = heads.length * request.blocks.length * rules.length;
  for (const number of heads) {
    for (const block of request.blocks) {
      const plan = planTriple(triple, grid, { ...settings, tiers: false }, Number(block));
      const read = async (from: TripleInfo): Promise<Head> =>
        prepareHead(await dataset.head(from, number), triple.dim, plan, grid, settings);
      const head = await read(triple);
      const tell = (share: number): void =>
        context.report({
          done: done.length,
          total,
          what: `Exact masses of head ${number}, blocks of ${block}: ${Math.round(100 * share)} %`,
        });
      const { mass } = await searchHead(gpu, head, "fused", null, {
        signal: context.signal,
        progress: tell,
      });
      for (const strategy of rules) {
        await context.gate();
        context.report({
          done: done.length,
          total,
          what: `${STRATEGY_INFO[strategy].label}, head ${number}, blocks of ${block}`,
        });
        const stale =
          strategy === "stale-lse" && previous
            ? await lseOfHead(gpu, await read(previous), context.signal)
            : null;
        const read1 = await oneCurve(
          gpu,
          head,
          strategy,
          mass,
          stale,
          number,
          request.sparsities,
          context.signal,
        );
        const curve: Curve = { triple: triple.id, head: number, strategy, side: plan.side, ...read1 };
        done.push(curve);
        context.emit("curve", curve);
      }
    }
  }
  return { curves: done, left };
}

async function oneCurve(
  gpu: Gpu,
  head: Head,
  strategy: StrategyId,
  mass: Float32Array,
  stale: Float32Array | null,
  number: number,
  sparsities: readonly number[],
  signal: AbortSignal,
): Promise<Pick<Curve, "skipped" | "recall" | "note">> {
  if (strategy === "oracle") return oracleCurve(head.view, sparsities);
  const { keys } = head.plan;
  if (strategy === "adaspa") return { ...readCurve(mass, mass, head.view, keys, sparsities), note: "" };
  const { score, note } =
    strategy === "stale-lse"
      ? await staleMass(gpu, head, stale, signal)
      : cpuScores(strategy, head, number, signal);
  return { ...readCurve(score, mass, head.view, keys, sparsities), note };
}
