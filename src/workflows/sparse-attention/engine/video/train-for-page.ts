// Training as the session of the page does it: weights, states and lines of metrics go out as events, so that whatever ends
// the training leaves them with the page. The steps are train.ts's.
import { type TaskContext, withoutEvents } from "../../../../base/task";
import { openSafetensors } from "../../../../formats/safetensors";
import { blobSource, bytesSource } from "../../../../formats/source";
import type { Gpu } from "../../../../gpu/gpu";
import { transfer } from "../../../../rpc/wire";
import { createPace } from "../../../../runs/pace";
import { modelOf, trainingOf, type VideoSettings } from "../../protocol-video-page";
import type { TrainedVideo, VideoEvents, VideoMetrics, WeightsInfo } from "../../protocol-video-session";
import { deviceInfo } from "../device-info";
import type { Memory } from "./session";
import { configOf, metricsOf, stepRows, trainWeights } from "./training";
import { encodeWeights, infoOf, readWeights, stateValues, type VideoWeights } from "./weights";

type Context = TaskContext<VideoEvents>;

/** Steps between two reports: a software adapter takes seconds for one, a GPU would wait for each. */
const EVERY = { software: 1, gpu: 10 } as const;
/** Time between two states that are handed to the page. */
const STATE_EVERY_MS = 30_000;

/** Trains by the settings of the form, from fresh weights or from a state. @throws TesseraError as `train` does. */
export async function trainAndKeep(
  memory: Memory,
  gpu: Gpu,
  settings: VideoSettings,
  state: Blob | null,
  context: Context,
): Promise<TrainedVideo> {
  const config = configOf(modelOf(settings));
  const training = trainingOf(settings);
  context.report({ done: 0, total: training.steps, what: "Compiling kernels" });
  const pace = createPace({ everyMs: STATE_EVERY_MS });
  memory.pace = pace;
  let last: { steps: number; bytes: Uint8Array<ArrayBuffer> } | undefined;
  let line: VideoMetrics | undefined;
  const request = {
    config,
    settings: training,
    lean: false,
    every: gpu.adapter.software ? EVERY.software : EVERY.gpu,
    checkpoint: {
      pace,
      async save(bytes: Uint8Array<ArrayBuffer>, steps: number) {
        last = { steps, bytes: bytes.slice() };
        context.emit("state", transfer({ steps, bytes }, [bytes.buffer]));
      },
      ...(state && { resume: await openSafetensors(blobSource(state, "state.safetensors")) }),
    },
  };
  const keep = async (weights: Omit<VideoWeights, "id">): Promise<WeightsInfo> => {
    const bytes = encodeWeights(weights, "F32");
    const name = `video-${settings.modelSize}-${weights.origin?.steps ?? 0}-steps.safetensors`;
    memory.weights = await readWeights(bytesSource(bytes, name));
    const info = infoOf(memory.weights, name, bytes.length);
    context.emit("weights", transfer({ info, bytes }, [bytes.buffer]));
    return info;
  };
  try {
    const { weights, account } = await trainWeights(gpu, request, withoutEvents(context), (report) => {
      line = metricsOf(report);
      memory.rates.train = report.flops;
      context.emit("metrics", stepRows(report));
    });
    const { resumedAt, seconds, stepsPerSecond, peakBytes, cost } = account;
    return {
      weights: await keep(weights),
      resumedAt,
      seconds,
      stepsPerSecond,
      peakBytes,
      dispatches: cost?.dispatches ?? null,
      device: deviceInfo(gpu),
    };
  } catch (error) {
    if (last) {
      const file = await openSafetensors(bytesSource(last.bytes));
      const { seed } = training;
      const [steps, loss] = [last.steps, line?.loss ?? null];
      const origin = { steps, seed, loss, validationLoss: null, settings: training, stopped: true };
      await keep({ config, values: await stateValues(file), origin });
    }
    throw error;
  } finally {
    memory.pace = undefined;
  }
}
