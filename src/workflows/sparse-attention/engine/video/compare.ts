// The account of a run: time per phase next to counting, and a sparse run against the dense run of the same noise: quality,
// speed-up, Amdahl's bound, the cost of searching. It runs nothing.
import type { Phase, PhaseTime, RunTimes, StepReport, VideoComparison } from "../../protocol-video";
import { compareClips, QUALITY_DEFINITION } from "./quality";
import type { SampledClip } from "./sampler";
import type { ClipSize } from "./scene";
import { amdahlBound, stepWork } from "./schedule";

/** Attention passes by phase, in dense passes; `sparse` takes the share kept. */
const THEORY: Partial<Record<Phase, number>> = { dense: 1, "one-pass": 1, search: 0.5 };

/** Times of a run by phase. `densePassMs` is one layer's dense pass, from a dense run. */
export function runTimes(steps: readonly StepReport[], densePassMs: number | null): RunTimes {
  const totalMs = steps.reduce((sum, s) => sum + s.ms, 0);
  const sums = new Map<Phase, { calls: number; ms: number }>();
  for (const { ms } of steps.flatMap((s) => s.layers)) {
    for (const [phase, value] of Object.entries(ms) as [Phase, number][]) {
      const entry = sums.get(phase) ?? { calls: 0, ms: 0 };
      sums.set(phase, { calls: entry.calls + 1, ms: entry.ms + value });
    }
  }
  const attended = [...sums.values()].reduce((sum, s) => sum + s.ms, 0);
  if (sums.size) sums.set("rest", { calls: steps.length, ms: totalMs - attended });
  const kept = meanKept(steps);
  const phases = [...sums].map(([phase, { calls, ms }]): PhaseTime => {
    const theoretical = phase === "sparse" ? kept : (THEORY[phase] ?? null);
    const share = theoretical === null || densePassMs === null ? null : ms / calls / densePassMs;
    return { phase, calls, ms, msPerCall: ms / calls, share, theoretical };
  });
  return { totalMs, phases };
}

/** Milliseconds of one layer's dense pass; null when none was timed. */
export function densePass(steps: readonly StepReport[]): number | null {
  const found = runTimes(steps, null).phases.find((p) => p.phase === "dense");
  return found ? found.msPerCall : null;
}

/** Mean share of blocks over the layers of sparse steps. */
export function meanKept(steps: readonly StepReport[]): number | null {
  const shares = steps.filter((s) => s.output === "sparse").flatMap((s) => s.layers.map((l) => l.kept));
  return shares.length ? shares.reduce((a, b) => a + b, 0) / shares.length : null;
}

/** Attention work in dense runs by counting, with the blocks each layer really kept, and the part that is search. */
export function countedWork(
  steps: readonly StepReport[],
  rule: string,
): { attention: number; search: number } {
  let [attention, search] = [0, 0];
  for (const step of steps) {
    for (const { kept } of step.layers) {
      const work = stepWork(step, kept);
      // Only masses need a pass over q and k; the other rules cost what `searchShare` measures.
      const searching = rule === "adaspa" ? work.search : 0;
      attention += (work.output + searching) / step.layers.length / steps.length;
      search += searching / step.layers.length / steps.length;
    }
  }
  return { attention, search };
}

/** Puts a sparse run beside the dense run of the same noise and caption. `rule` is the selection rule. */
export function compareRuns(
  dense: SampledClip,
  sparse: SampledClip,
  size: ClipSize,
  rule: string,
): VideoComparison {
  const quality = compareClips(sparse.clip, dense.clip, size);
  const [denseTimes, sparseTimes] = [dense, sparse].map((run) => runTimes(run.steps, null));
  const denseMs = denseTimes.totalMs;
  const sparseMs = sparseTimes.totalMs;
  const of = (times: RunTimes, ...wanted: Phase[]): number =>
    times.phases.filter((p) => wanted.includes(p.phase)).reduce((sum, p) => sum + p.ms, 0);
  const isTimed = denseTimes.phases.length > 0;
  const attentionShare = isTimed ? of(denseTimes, "dense") / denseMs : null;
  const work = countedWork(sparse.steps, rule);
  const bound = attentionShare === null ? null : amdahlBound(attentionShare, work.attention);
  return {
    ...quality,
    qualityDefinition: QUALITY_DEFINITION,
    denseMs,
    sparseMs,
    speedup: denseMs / sparseMs,
    attentionShare,
    attentionWork: work.attention,
    bound,
    ofBound: bound === null ? null : denseMs / sparseMs / bound,
    searchShare: isTimed ? of(sparseTimes, "search", "select") / denseMs : null,
    searchTheory: attentionShare === null ? null : work.search * attentionShare,
    kept: meanKept(sparse.steps),
  };
}
