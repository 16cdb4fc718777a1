// Whether a model and a batch fit the device, told before anything is allocated. It knows what one buffer may hold; memory
// that runs out later is an error of its own.
import { TesseraError } from "../../../../base/errors";
import { formatBytes } from "../../../../base/stats";
import type { Gpu } from "../../../../gpu/gpu";
import { sizeOf } from "../../../../tensor/shape";
import { MLP_RATIO, SIZE_NAMES, SIZES, type VideoConfig } from "../../protocol-video";
import { sequenceLength } from "./cost";
import { modelSpecs } from "./model";

/** All weights lie in one buffer; their gradients and the optimiser's moments have one of the same size each. */
const weightBytes = (config: VideoConfig): number =>
  4 * Object.values(modelSpecs(config)).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** The hidden layer of the MLP is the largest tensor of a step. */
const hiddenBytes = (config: VideoConfig): number => sequenceLength(config) * config.dim * MLP_RATIO * 4;

/**
 * @throws TesseraError `too-large` when a buffer that a step on `batch` clips binds is larger than the device allows, with
 * the batch or the sizes that would fit; `params` for sizes that no such model has.
 */
export function expectFits(gpu: Gpu, config: VideoConfig, batch: number): void {
  const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const perClip = hiddenBytes(config);
  const weights = weightBytes(config);
  const fit = weights > limit ? 0 : Math.floor(limit / perClip);
  if (batch <= fit) return;
  const sizes = SIZE_NAMES.filter(
    (name) => weightBytes(SIZES[name]) <= limit && hiddenBytes(SIZES[name]) <= limit,
  );
  const advice =
    fit > 0 ? `take at most ${fit} at once` : `take one of ${sizes.join(", ")}, or fewer and narrower blocks`;
  const what = weights > limit ? "The weights" : `${batch} ${batch === 1 ? "clip" : "clips"}`;
  const bytes = weights > limit ? weights : batch * perClip;
  throw new TesseraError(
    "too-large",
    `${what} of this model ${weights <= limit && batch === 1 ? "needs" : "need"} a buffer of ${formatBytes(bytes)}, and this device binds ${formatBytes(limit)}; ${advice}.`,
    { batch, fit, sizes: [...sizes], bytes, limit },
  );
}
