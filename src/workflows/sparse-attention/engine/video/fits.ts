// Whether a model and a batch fit the device, told before anything is allocated. It knows binding limits only; memory that
// runs out later is an error of its own.
import { TesseraError } from "../../../../base/errors";
import { formatBytes } from "../../../../base/stats";
import type { Gpu } from "../../../../gpu/gpu";
import { MLP_RATIO, type VideoConfig } from "../../protocol-video";
import { sequenceLength } from "./cost";

/**
 * The hidden layer of the MLP is the largest tensor of a step, and a binding must hold it for `batch` clips at once.
 * @throws TesseraError `too-large` with the batch that would fit.
 */
export function expectFits(gpu: Gpu, config: VideoConfig, batch: number): void {
  const perClip = sequenceLength(config) * config.dim * MLP_RATIO * 4;
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  const fit = Math.floor(limit / perClip);
  if (batch <= fit) return;
  const advice = fit > 0 ? `take at most ${fit} at once` : "take a smaller size";
  throw new TesseraError(
    "too-large",
    `${batch} clips of this model need a buffer of ${formatBytes(batch * perClip)}, and this device binds ${formatBytes(limit)}; ${advice}.`,
    { batch, fit, bytes: batch * perClip, limit },
  );
}
