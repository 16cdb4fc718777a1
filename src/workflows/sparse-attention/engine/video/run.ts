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
} from "../../protocol-video";
import { compareRuns, densePass, runTimes } from "./compare";
import { createModel, modelSpecs, type VideoModel } from "./model";
import { type SampledClip, type SampleRequest, sampleClip } from "./sampler";
import { makeScene } from "./scene";
import { planSteps, type StepPlan } from "./schedule";
import type { VideoWeights } from "./weights";
import { encodeCaption } from "./words";

export type RunMode = "both" | "dense" | "sparse";

export interface ClipRequest {
  clip: ClipSettings;
  sparse: SparseSettings;
  mode: RunMode;
  level: ReportLevel;
  /** A dense run of the same clip, when it is there already. */
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
  weights: VideoWeights,
): string {
  const caption = prompt || makeScene(seed, 0, weights.config).caption;
  encodeCaption(caption); // unknown words are told before anything runs
  return caption;
}

/** Samples as asked. @throws TesseraError `params`, `caption`, `cancelled`, and what the device throws. */
export function runClip(
  gpu: Gpu,
  weights: VideoWeights,
  request: ClipRequest,
  context: TaskContext,
  onStep: (run: "dense" | "sparse", step: StepReport) => void = () => {},
): Promise<ClipRun> {
  const { clip, sparse: settings, mode, level } = request;
  const caption = captionFor(clip, weights);
  const plans = planSteps(clip.steps, settings);
  return scoped(gpu, async () => {
    const parameters = createParameters(gpu, modelSpecs(weights.config), { values: weights.values });
    const model = createModel(gpu, weights.config, parameters, settings.order);
    const base = { caption, seed: clip.seed, guidance: clip.guidance, settings, level };
    await warmUp(model, { ...base, level: "steps" }, plans, context);
    const sample = (what: "dense" | "sparse", own: readonly StepPlan[]): Promise<SampledClip> =>
      sampleClip(model, { ...base, plans: own, what: `Sampling ${what}` }, context, (step) =>
        onStep(what, step),
      );
    const all = plans.map(({ step }): StepPlan => ({ step, output: "dense", search: "none" }));
    const dense = request.dense ?? (mode === "sparse" ? null : await sample("dense", all));
    const sparse = mode === "dense" ? null : await sample("sparse", plans);
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

/** Runs each kind of step that the plans hold once, and forgets the clip. */
async function warmUp(
  model: VideoModel,
  base: Omit<SampleRequest, "plans" | "what">,
  plans: readonly StepPlan[],
  context: TaskContext,
): Promise<void> {
  const own: StepPlan[] = [{ step: 1, output: "dense", search: "none" }];
  for (const plan of plans) {
    const isNew = !own.some((p) => p.output === plan.output && p.search === plan.search);
    if (isNew) own.push({ ...plan, step: own.length + 1 });
  }
  await sampleClip(model, { ...base, plans: own, what: "Compiling and tuning" }, context);
}
