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
import type { ReportLevel, SparseSettings, StepReport } from "../../protocol-video";
import { type Attended, attend, type LayerState } from "./attend";
import { type Clock, startClock } from "./clock";
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
  /** What progress reports call this run. */
  what: string;
}

export interface SampledClip {
  /** [F, H, W, 3], limited to [-1, 1]. */
  clip: Float32Array<ArrayBuffer>;
  steps: StepReport[];
}

/** The stream of sampling noise, apart from those of training (flow.ts). */
const NOISE_STREAM = 2 ** 32 - 1;

/** Samples one clip. `onStep` is told of each step as it ends. */
export function sampleClip(
  model: VideoModel,
  request: SampleRequest,
  context: TaskContext,
  onStep: (step: StepReport) => void = () => {},
): Promise<SampledClip> {
  const { gpu } = model.weights;
  const { plans, guidance, settings, seed, level } = request;
  return scoped(gpu, async (hold) => {
    const batch = guidance === 1 ? 1 : 2;
    const geometry = makeGeometry(model.config, settings, batch);
    const scorer = makeScorer(gpu, geometry, settings, seed);
    const captions = captionTensor(gpu, request.caption, batch);
    const states: LayerState[] = Array.from({ length: model.config.layers }, () => ({}));
    const steps: StepReport[] = [];
    let x = startNoise(model, seed);
    for (const [i, plan] of plans.entries()) {
      await context.gate();
      context.report({
        done: i,
        total: plans.length,
        what: `${request.what}, step ${plan.step} of ${plans.length}`,
      });
      const clock = await startClock(gpu, level !== "steps", context.signal);
      const keepsLse = plans[i + 1]?.search === "one-pass";
      const t = i / plans.length;
      const next = await scoped(gpu, async (keepStep) => {
        const attended: Attended[] = [];
        const run: StepRun = {
          model,
          clock,
          batch,
          captions,
          t,
          guidance,
          hold: (tensor) => hold(keepStep(tensor)),
        };
        const v = await stepVelocity(run, x, (qkv, layer, holdLayer) =>
          attend(qkv, states[layer], {
            geometry,
            settings,
            scorer,
            level,
            clock,
            plan,
            keepsLse,
            hold: holdLayer,
          }).then((found) => {
            attended.push(found);
            return found.o;
          }),
        );
        const moved = add(x, affine(v, 1 / plans.length, 0));
        const ms = await clock.stop();
        const layers = [];
        for (const one of attended) layers.push(await one.finish());
        const { step, output, search } = plan;
        const report: StepReport = { step, t, output, search, ms, layers };
        steps.push(report);
        onStep(report);
        return keepStep(moved);
      });
      x.free();
      x = next;
    }
    return { clip: await readClip(model, x), steps };
  });
}

interface StepRun {
  model: VideoModel;
  clock: Clock;
  batch: number;
  captions: Tensor;
  t: number;
  guidance: number;
  /** Keeps a tensor of the step's scope for the whole run. */
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
