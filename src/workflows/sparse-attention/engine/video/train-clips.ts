// Clips that a model draws while it is trained: the dense clip that “Sample” would give with the averaged weights of that
// moment. It only reads them, on the device.
import { type TaskContext, withoutEvents } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import type { Parameters } from "../../../../nn/parameters";
import { transfer } from "../../../../rpc/wire";
import { scoped } from "../../../../tensor/scope";
import type { VideoConfig } from "../../protocol-video";
import { clipOf, sparseOf, type VideoSettings } from "../../protocol-video-page";
import type { VideoEvents } from "../../protocol-video-session";
import { expectFits } from "./fits";
import { createModel } from "./model";
import { captionFor } from "./run";
import { sampleClip } from "./sampler";
import { densePlans } from "./schedule";

/**
 * Makes what draws one clip and emits it as `drawn`. @throws TesseraError `caption` and `too-large` at once, later
 * `cancelled`.
 */
export function clipDrawer(
  gpu: Gpu,
  config: VideoConfig,
  settings: VideoSettings,
  context: TaskContext<VideoEvents>,
): (average: Parameters, steps: number) => Promise<void> {
  const { frames, height, width } = config;
  const asked = clipOf(settings);
  const caption = captionFor(asked, config);
  const sparse = sparseOf(settings);
  const plans = densePlans(asked.steps);
  expectFits(gpu, config, asked.guidance === 1 ? 1 : 2);
  const { seed, guidance } = asked;
  const request = { caption, seed, guidance, settings: sparse, plans, level: "steps" } as const;
  return (average, step) =>
    scoped(gpu, async () => {
      const model = createModel(gpu, config, average, sparse.order);
      const { clip } = await sampleClip(model, request, withoutEvents(context));
      context.emit(
        "drawn",
        transfer({ step, caption, size: { frames, height, width }, clip }, [clip.buffer]),
      );
    });
}
