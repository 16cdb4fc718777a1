// Euler sampling of a clip along a plan of dense, searching and sparse steps. The same noise and caption give the clips
// that are compared. It holds one clip's tokens and, per layer, a mask and a log-sum-exp; nothing else outlives a step.
import type { TaskContext } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import { add, sub } from "../../../../ops/binary";
import { concat } from "../../../../ops/concat";
import { gather } from "../../../../ops/gather";
import { randomNormal } from "../../../../ops/random";
import { sliceAxis } from "../../../../ops/slice";
import { affine } from "../../../../ops/unary";
import { scoped, scopedSync } from "../../../../tensor/scope";
import { type Tensor, upload } from "../../../../tensor/tensor";
import type { LayerReport, ReportLevel, SparseSettings, StepReport } from "../../protocol-video";
import { type Attended, attend, type LayerState } from "./attend";
import { startClock } from "./clock";
import { PATCH_VALUES, videoTokenCount } from "./cost";
import { makeGeometry } from "./geometry";
import { type Hold, makeScorer } from "./masks";
import { afterAttention, beforeAttention, embed, readout, type VideoModel } from "./model";
import { makePatcher } from "./patches";
import { clipValues } from "./render";
import type { StepPlan } from "./schedule";
import { encodeCaption, TEXT_TOKENS } from "./words";

export interface SampleRequest {
  caption: string;
  seed: number;
  /** Classifier-free guidance; 1 is none. */
  guidance: number;
  settings: SparseSettings;
  plans: readonly StepPlan[];
  level: ReportLevel;
}

export interface SampledClip {
  /** [F, H, W, 3], limited to [-1, 1]. */
  clip: Float32Array<ArrayBuffer>;
  steps: StepReport[];
}

/** The stream of sampling noise, apart from those of training (flow.ts). */
const NOISE_STREAM = 2 ** 32 - 1;

/** A clip on its way from noise. Several may be under way at once, so that what is compared is timed side by side. */
export interface Sampler {
  /** Steps done. */
  readonly steps: readonly StepReport[];
  readonly isDone: boolean;
  /** Runs the next step. @throws TesseraError `cancelled`. */
  step(context: TaskContext): Promise<StepReport>;
  /** The clip as it is now. */
  clip(): Promise<Float32Array<ArrayBuffer>>;
}

/** Starts from noise. Its tensors belong to the current scope, and `step` must be called in that scope. */
export function startSampler(model: VideoModel, request: SampleRequest): Sampler {
  const { gpu } = model.weights;
  const { plans, guidance, settings, seed, level } = request;
  const batch = guidance === 1 ? 1 : 2;
  const geometry = makeGeometry(model.config, settings, batch);
  const scorer = makeScorer(gpu, geometry, settings, seed);
  const captions = captionTensor(gpu, request.caption, batch);
  const states: LayerState[] = Array.from({ length: model.config.layers }, () => ({}));
  const steps: StepReport[] = [];
  let x = startNoise(model, seed);
  return {
    steps,
    get isDone() {
      return steps.length === plans.length;
    },
    async step(context) {
      await context.gate();
      const plan = plans[steps.length];
      const keepsLse = plans[steps.length + 1]?.search === "one-pass";
      const t = steps.length / plans.length;
      const clock = await startClock(gpu, level !== "steps", context.signal);
      const { moved, report } = await scoped(gpu, async (keepStep) => {
        const attended: Attended[] = [];
        const run: StepRun = { model, batch, captions, t, guidance, hold: keepStep };
        const v = await stepVelocity(run, x, async (qkv, layer, hold) => {
          const own = { geometry, settings, scorer, level, clock, plan, keepsLse, hold };
          const found = await attend(qkv, states[layer], own);
          attended.push(found);
          return found.o;
        });
        const moved = keepStep(add(x, affine(v, 1 / plans.length, 0)));
        const ms = await clock.stop();
        const layers: LayerReport[] = [];
        for (const one of attended) layers.push(await one.finish());
        const { step, output, search } = plan;
        return { moved, report: { step, t, output, search, ms, layers } };
      });
      x.free();
      x = moved;
      steps.push(report);
      return report;
    },
    clip: () => readClip(model, x),
  };
}

/** Samples one clip. */
export function sampleClip(
  model: VideoModel,
  request: SampleRequest,
  context: TaskContext,
): Promise<SampledClip> {
  return scoped(model.weights.gpu, async () => {
    const sampler = startSampler(model, request);
    while (!sampler.isDone) await sampler.step(context);
    return { clip: await sampler.clip(), steps: [...sampler.steps] };
  });
}

interface StepRun {
  model: VideoModel;
  batch: number;
  captions: Tensor;
  t: number;
  guidance: number;
  /** Keeps a tensor of the step's scope for as long as the sampler. */
  hold: Hold;
}

type Attend = (qkv: Tensor, layer: number, hold: Hold) => Promise<Tensor>;

/** Velocity at x [1, N, 48]; memory of a layer is freed before the next one begins. */
async function stepVelocity(run: StepRun, x: Tensor, attendTo: Attend): Promise<Tensor> {
  const { model, batch, captions, t, guidance } = run;
  const { gpu } = model.weights;
  const times = upload(gpu, new Float32Array(batch).fill(t), [batch, 1]);
  const both = batch === 1 ? x : concat([x, x], 0);
  const embedded = embed(model, both, times, captions);
  let state = embedded.x;
  for (let layer = 0; layer < model.config.layers; layer++) {
    const next = await scoped(gpu, async (keepLayer) => {
      const asked = scopedSync(gpu, (keep) => {
        const { qkv, table } = beforeAttention(model, layer, { x: state, c: embedded.c });
        return { qkv: keep(qkv), table: keep(table) };
      });
      const o = await attendTo(asked.qkv, layer, (tensor) => run.hold(keepLayer(tensor)));
      return keepLayer(scopedSync(gpu, (keep) => keep(afterAttention(model, layer, state, o, asked.table))));
    });
    state.free();
    state = next;
  }
  const v = readout(model, { x: state, c: embedded.c });
  if (batch === 1) return v;
  const [given, free] = [sliceAxis(v, 0, 0, 1), sliceAxis(v, 0, 1, 2)];
  return add(free, affine(sub(given, free), guidance, 0));
}

/** The caption, and with guidance none as second entry: u32 [B, 64]. */
function captionTensor(gpu: Gpu, caption: string, batch: number): Tensor {
  const tokens = new Uint32Array(batch * TEXT_TOKENS);
  tokens.set(encodeCaption(caption));
  return upload(gpu, tokens, [batch, TEXT_TOKENS], "u32");
}

/** Noise [1, N, 48]: drawn in raster order, so that it is the same picture in every token order. */
function startNoise(model: VideoModel, seed: number): Tensor {
  const { gpu } = model.weights;
  const tokens = videoTokenCount(model.config);
  const raster = randomNormal(gpu, [tokens, PATCH_VALUES], { seed, stream: NOISE_STREAM });
  const order = upload(gpu, model.order, [tokens], "u32");
  return gather(raster, order).reshape([1, tokens, PATCH_VALUES]);
}

async function readClip(model: VideoModel, x: Tensor): Promise<Float32Array<ArrayBuffer>> {
  const tokens = await x.readFloats();
  const clip = new Float32Array(clipValues(model.config));
  makePatcher(model.config, model.order).toClip(tokens, clip);
  for (let i = 0; i < clip.length; i++) clip[i] = Math.min(1, Math.max(-1, clip[i]));
  return clip;
}
