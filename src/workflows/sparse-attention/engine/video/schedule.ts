// Which denoising steps search, run dense or run sparse (paper 4.2, Alg. 1 and 2), and what that costs by counting.
// Plain arithmetic on step numbers, which count from 1 as in the paper.
import { TesseraError } from "../../../../base/errors";
import type { SparseSettings } from "../../protocol-video";

export interface StepPlan {
  step: number;
  /** What the step's own output comes from. */
  output: "dense" | "sparse";
  /**
   * How the step finds masks. `two-pass`: dense output and LSE, then the masses (Alg. 1). `one-pass`: output, LSE and
   * masses at once on the LSE of the step before. `cached`: masses only, on the LSE of the first search (Alg. 2).
   */
  search: "none" | "two-pass" | "one-pass" | "cached";
}

type ScheduleSettings = Pick<
  SparseSettings,
  "denseSteps" | "searches" | "lseReuse" | "firstSearch" | "sparsity" | "tiers" | "rule"
>;

/**
 * The plan of every step. Steps up to the warm-up and before the first search run dense; no search at all is the dense
 * sampler. Step numbers beyond the last one are an error, not ignored.
 * @throws TesseraError `params`.
 */
export function planSteps(steps: number, settings: ScheduleSettings): StepPlan[] {
  const searches = searchSteps(settings.searches);
  const beyond = searches.filter((s) => s < 1 || s > steps);
  if (beyond.length)
    throw new TesseraError(
      "params",
      `searches: steps count from 1 to ${steps}, got ${beyond.join(", ")}; take them out or sample more steps`,
    );
  const first = searches.at(0) ?? Number.POSITIVE_INFINITY;
  if (settings.firstSearch === "one-pass" && first === 1)
    throw new TesseraError(
      "params",
      "firstSearch: one-pass needs the LSE of a dense step before it, but the first search is at step 1; use two-pass",
    );
  if (usesTiers(settings) && settings.sparsity < 1 / 3 && settings.sparsity > 0)
    throw new TesseraError(
      "params",
      `tiers: need a sparsity of at least 1/3, got ${settings.sparsity}; raise it or turn tiers off`,
    );
  return Array.from({ length: steps }, (_, i): StepPlan => {
    const step = i + 1;
    if (!searches.includes(step)) {
      const dense = step <= settings.denseSteps || step < first;
      return { step, output: dense ? "dense" : "sparse", search: "none" };
    }
    if (step === first) return { step, output: "dense", search: settings.firstSearch };
    if (!settings.lseReuse) return { step, output: "dense", search: "two-pass" };
    return { step, output: step <= settings.denseSteps ? "dense" : "sparse", search: "cached" };
  });
}

/** The dense sampler's. */
export const densePlans = (steps: number): StepPlan[] =>
  Array.from({ length: steps }, (_, i) => ({ step: i + 1, output: "dense", search: "none" }));

/** One step of each kind that the plans hold, dense first: what is run before, so that every kernel is there and tuned. */
export function trialPlans(plans: readonly StepPlan[]): StepPlan[] {
  const own: StepPlan[] = [{ step: 1, output: "dense", search: "none" }];
  for (const plan of plans) {
    const isNew = !own.some((p) => p.output === plan.output && p.search === plan.search);
    if (isNew) own.push({ ...plan, step: own.length + 1 });
  }
  return own;
}

/** Tiers need recalls, and only exact masses give them; at sparsity 0 there is nothing to share out. */
export const usesTiers = ({
  tiers,
  rule,
  sparsity,
}: Pick<SparseSettings, "tiers" | "rule" | "sparsity">): boolean =>
  tiers && rule === "adaspa" && sparsity > 0;

/** Numbers of a comma-separated list, ascending, each once. */
export function searchSteps(list: string): number[] {
  const numbers = list.split(",").filter(Boolean).map(Number);
  return [...new Set(numbers)].sort((a, b) => a - b);
}

/** Attention work of one step in dense passes (QK and PV, 4·L²·d): a pass of masses is QK only, so half of one. */
export function stepWork({ output, search }: StepPlan, kept: number): { output: number; search: number } {
  return {
    output: output === "dense" ? 1 : kept,
    search: search === "two-pass" || search === "cached" ? 0.5 : 0,
  };
}

/** Attention work of all steps over that of a dense run, and the part of it that is search. `kept` as a share. */
export function scheduleWork(
  plans: readonly StepPlan[],
  kept: number,
): { attention: number; search: number } {
  let [attention, search] = [0, 0];
  for (const plan of plans) {
    const work = stepWork(plan, kept);
    attention += work.output + work.search;
    search += work.search;
  }
  return { attention: attention / plans.length, search: search / plans.length };
}

/**
 * Amdahl: the most that a whole run can gain when attention is `share` of the dense run's time and the schedule leaves
 * `work` of the attention.
 */
export const amdahlBound = (share: number, work: number): number => 1 / (1 - share + share * work);
