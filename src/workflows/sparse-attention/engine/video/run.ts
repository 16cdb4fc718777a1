// One clip, dense and with AdaSpa from the same noise and caption, and the account of both. Kernels are compiled and tuned
// on the first steps of a throw-away run, so that what is timed is the work.
import type { TaskContext } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import { createParameters } from "../../../../nn/parameters";
import { scoped } from "../../../../tensor/scope";
import type {
  ClipSettings,
  ReportLevel,
  RunTimes,
  SparseSettings,
  StepReport,
  VideoComparison,
  VideoConfig,
} from "../../protocol-video";
import type { ClipAccount } from "../../protocol-video-session";
import { compareRuns, densePass, runTimes } from "./compare";
import { forwardCost, sequenceLength } from "./cost";
import { expectFits } from "./fits";
import { createModel, modelSpecs, type VideoModel } from "./model";
import { type SampledClip, type SampleRequest, type Sampler, sampleClip, startSampler } from "./sampler";
import { makeScene } from "./scene";
import { densePlans, planSteps, type StepPlan, trialPlans } from "./schedule";
import type { VideoWeights } from "./weights";
import { encodeCaption } from "./words";

export type RunMode = "both" | "dense" | "sparse";

export interface ClipRequest {
  clip: ClipSettings;
  sparse: SparseSettings;
  mode: RunMode;
  level: ReportLevel;
  /** A dense run of the same clip, when it is there already; it was then timed at another moment. */
  dense?: SampledClip;
}

export interface ClipRun {
  caption: string;
  dense: SampledClip | null;
  sparse: SampledClip | null;
  denseTimes: RunTimes | null;
  sparseTimes: RunTimes | null;
  /** Null unless both ran. */
  comparison: VideoComparison | null;
}

/** The caption asked for, or that of a generated scene. */
export function captionFor(
  { prompt, seed }: Pick<ClipSettings, "prompt" | "seed">,
  config: VideoConfig,
): string {
  const caption = prompt || makeScene(seed, 0, config).caption;
  encodeCaption(caption); // unknown words are told before anything runs
  return caption;
}

/** Told after each step, outside of its time; `sampler` gives the clip as it is then. */
export type OnStep = (run: "dense" | "sparse", step: StepReport, sampler: Sampler) => void | Promise<void>;

/** Samples as asked. @throws TesseraError `params`, `caption`, `too-large`, `cancelled`, and what the device throws. */
export function runClip(
  gpu: Gpu,
  weights: VideoWeights,
  request: ClipRequest,
  context: TaskContext,
  onStep: OnStep = () => {},
): Promise<ClipRun> {
  const { clip, sparse: settings, mode, level } = request;
  const caption = captionFor(clip, weights.config);
  const plans = planSteps(clip.steps, settings);
  expectFits(gpu, weights.config, clip.guidance === 1 ? 1 : 2);
  return scoped(gpu, async () => {
    const parameters = createParameters(gpu, modelSpecs(weights.config), { values: weights.values });
    const model = createModel(gpu, weights.config, parameters, settings.order);
    const base = { caption, seed: clip.seed, guidance: clip.guidance, settings, level };
    await warmUp(model, { ...base, level: level === "steps" ? "steps" : "layers" }, plans, context);
    const runs: { what: "dense" | "sparse"; sampler: Sampler }[] = [];
    if (mode !== "sparse" && !request.dense)
      runs.push({ what: "dense", sampler: startSampler(model, { ...base, plans: densePlans(clip.steps) }) });
    if (mode !== "dense") runs.push({ what: "sparse", sampler: startSampler(model, { ...base, plans }) });
    const total = plans.length * runs.length;
    let spentMs = 0;
    // Step by step in turns: whatever else the machine does meanwhile slows both alike.
    for (let i = 0; i < plans.length; i++) {
      for (const [n, { what, sampler }] of runs.entries()) {
        const done = i * runs.length + n;
        context.report({
          done,
          total,
          what: `Sampling, step ${i + 1} of ${plans.length}`,
          secondsLeft: done > 0 ? ((total - done) * spentMs) / done / 1000 : null,
        });
        await context.gate(); // a pause is no part of the pace
        const from = performance.now();
        await onStep(what, await sampler.step(context), sampler);
        spentMs += performance.now() - from;
      }
    }
    const take = async (what: "dense" | "sparse"): Promise<SampledClip | null> => {
      const found = runs.find((r) => r.what === what)?.sampler;
      return found ? { clip: await found.clip(), steps: [...found.steps] } : null;
    };
    const dense = request.dense ?? (await take("dense"));
    const sparse = await take("sparse");
    const pass = dense && densePass(dense.steps);
    return {
      caption,
      dense,
      sparse,
      denseTimes: dense && runTimes(dense.steps, pass),
      sparseTimes: sparse && runTimes(sparse.steps, pass),
      comparison: dense && sparse && compareRuns(dense, sparse, weights.config, settings.rule),
    };
  });
}

/** What a command prints and a page shows of a run, beside the clips. */
export function clipAccount(run: ClipRun, config: VideoConfig): ClipAccount {
  return {
    caption: run.caption,
    config,
    tokens: sequenceLength(config),
    forwardGflop: forwardCost(config).total / 1e9,
    comparison: run.comparison,
    denseTimes: run.denseTimes,
    sparseTimes: run.sparseTimes,
    steps: run.sparse?.steps ?? run.dense?.steps ?? [],
  };
}

/** Runs each kind of step once, and forgets the clip. */
async function warmUp(
  model: VideoModel,
  base: Omit<SampleRequest, "plans">,
  plans: readonly StepPlan[],
  context: TaskContext,
): Promise<void> {
  context.report({ done: 0, total: 1, what: "Compiling and tuning", secondsLeft: null });
  await sampleClip(model, { ...base, plans: trialPlans(plans) }, context);
}
