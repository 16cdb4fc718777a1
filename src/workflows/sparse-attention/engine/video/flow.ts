// Rectified flow: x_t = (1 - t)·noise + t·clip, and the velocity clip - noise that the model learns at every t in [0, 1].
// What a training step reads lies in tensors that are written before each step; all of it follows from (seed, step).
import { Random } from "../../../../base/random";
import type { Gpu } from "../../../../gpu/gpu";
import { add, mul, sub } from "../../../../ops/binary";
import { cast } from "../../../../ops/cast";
import { randomNormal } from "../../../../ops/random";
import { mean } from "../../../../ops/reduce";
import { square } from "../../../../ops/unary";
import { copyInto } from "../../../../tensor/copy";
import { scopedSync } from "../../../../tensor/scope";
import { empty, type Tensor } from "../../../../tensor/tensor";
import { PATCH_VALUES, videoTokenCount } from "./cost";
import { type VideoModel, velocity } from "./model";
import { makePatcher } from "./patches";
import { clipValues, drawClip } from "./render";
import { encodeCaption, TEXT_TOKENS } from "./words";

/** What one step reads; kept while the model is trained. */
export interface Batch {
  /** Clean tokens and noise [B, N, 48]. */
  clips: Tensor;
  noise: Tensor;
  /** [B, 1]. */
  t: Tensor;
  /** u32 [B, 64]. */
  captions: Tensor;
}

export interface BatchSettings {
  batch: number;
  seed: number;
  /** Share of clips without their caption. */
  dropout: number;
  times: "uniform" | "logit-normal";
}

/** Mean squared error of the velocity, one element. */
export function flowLoss(model: VideoModel, { clips, noise, t, captions }: Batch, lean = false): Tensor {
  const wanted = sub(clips, noise);
  const [batch] = t.shape;
  const noisy = add(noise, mul(wanted, t.reshape([batch, 1, 1])));
  const found = velocity(model, noisy, t, captions, lean);
  // Differences of f16 velocities, and their mean, are f32 again.
  return mean(square(sub(found.dtype === "f32" ? found : cast(found, "f32"), wanted)));
}

/** Streams of one seed that are not clips: clip i is stream i, and there are fewer than 2^31 of them. */
const NOISE_STREAM = 2 ** 31;
const TIME_STREAM = 2 ** 31 + 2 ** 30;

/** Makes the tensors of a batch (they belong to the current scope) and what fills them for any step. */
export function createBatches(
  gpu: Gpu,
  model: VideoModel,
  { batch, seed, dropout, times }: BatchSettings,
): { batch: Batch; write(step: number): void } {
  const { config } = model;
  const shape = [batch, videoTokenCount(config), PATCH_VALUES];
  const tensors: Batch = {
    clips: empty(gpu, shape, "f32", "clips"),
    noise: empty(gpu, shape, "f32", "noise"),
    t: empty(gpu, [batch, 1], "f32", "times"),
    captions: empty(gpu, [batch, TEXT_TOKENS], "u32", "captions"),
  };
  const patcher = makePatcher(config, model.order);
  const pixels = new Float32Array(clipValues(config));
  return {
    batch: tensors,
    write(step) {
      const random = new Random(seed, TIME_STREAM + step);
      // New arrays for every step: the queue may still hold those of the last one.
      const clips = new Float32Array(tensors.clips.size);
      const captions = new Uint32Array(tensors.captions.size);
      const t = new Float32Array(batch);
      for (let b = 0; b < batch; b++) {
        const { caption } = drawClip(seed, step * batch + b, config, pixels);
        patcher.toTokens(pixels, clips.subarray(b * patcher.size, (b + 1) * patcher.size));
        t[b] = times === "uniform" ? random.uniform() : 1 / (1 + Math.exp(-random.normal()));
        if (random.uniform() >= dropout) captions.set(encodeCaption(caption), b * TEXT_TOKENS);
      }
      write(tensors.clips, clips);
      write(tensors.captions, captions);
      write(tensors.t, t);
      scopedSync(gpu, () =>
        copyInto(randomNormal(gpu, shape, { seed, stream: NOISE_STREAM + step }), tensors.noise),
      );
    },
  };
}

function write({ gpu, allocation }: Tensor, values: Float32Array | Uint32Array): void {
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  gpu.queue.record({ kind: "write", target: allocation, offset: 0, data });
}
