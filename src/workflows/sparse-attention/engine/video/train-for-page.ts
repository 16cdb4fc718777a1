// Training as the session of the page does it: weights, states and lines of metrics go out as events, so that whatever ends
// the training leaves them with the page. The steps are train.ts's.
import { TesseraError, toRecord } from "../../../../base/errors";
import { type TaskContext, withoutEvents } from "../../../../base/task";
import { openSafetensors } from "../../../../formats/safetensors";
import { bytesSource } from "../../../../formats/source";
import type { Gpu } from "../../../../gpu/gpu";
import { survive } from "../../../../gpu/survive";
import { transfer } from "../../../../rpc/wire";
import { createPace } from "../../../../runs/pace";
import { modelOf, trainingOf, type VideoSettings } from "../../protocol-video-page";
import type { TrainedVideo, VideoEvents, VideoMetrics, WeightsInfo } from "../../protocol-video-session";
import { deviceInfo } from "../device-info";
import type { Memory } from "./session";
import { readNotes } from "./state-file";
import { clipDrawer } from "./train-clips";
import { configOf, metricsOf, stepRows, trainWeights } from "./training";
import { encodeWeights, infoOf, readWeights, stateValues, type VideoWeights } from "./weights";

type Context = TaskContext<VideoEvents>;

/** Steps between two reports: a software adapter takes seconds for one, a GPU would wait for each. */
const EVERY = { software: 1, gpu: 10 } as const;
/** Time between two states that are handed to the page. */
const STATE_EVERY_MS = 30_000;
export const STATE_NAME = "state.safetensors";

/**
 * Trains by the settings of the form, from fresh weights or from a state, and on the device that `open` gives; one that is
 * lost on the way is replaced. @throws TesseraError as `train` and `survive` do.
 */
export async function trainAndKeep(
  memory: Memory,
  open: () => Promise<Gpu>,
  settings: VideoSettings,
  state: Blob | null,
  context: Context,
): Promise<TrainedVideo> {
  const config = configOf(modelOf(settings));
  const training = trainingOf(settings);
  context.report({ done: 0, total: training.steps, what: "Compiling kernels", secondsLeft: null });
  /** The state to go on from, of before this call or handed out by it. */
  let last = state && (await stateIn(state));
  const pace = createPace({ everyMs: STATE_EVERY_MS });
  memory.pace = pace;
  memory.rate = { factor: 1 };
  const { rate } = memory;
  let isOwn = false;
  let line: VideoMetrics | undefined;
  const save = async (bytes: Uint8Array<ArrayBuffer>, steps: number): Promise<void> => {
    last = { steps, bytes: bytes.slice() };
    isOwn = true;
    context.emit("state", transfer({ steps, bytes }, [bytes.buffer]));
  };
  const startedAt = last?.steps ?? 0;
  const started = performance.now();
  const keep = async (weights: Omit<VideoWeights, "id">): Promise<WeightsInfo> => {
    const bytes = encodeWeights(weights, "F32");
    const name = `video-${settings.modelSize}-${weights.origin?.steps ?? 0}-steps.safetensors`;
    memory.weights = await readWeights(bytesSource(bytes, name));
    const info = infoOf(memory.weights, name, bytes.length);
    context.emit("weights", transfer({ info, bytes }, [bytes.buffer]));
    return info;
  };
  try {
    return await survive({
      open,
      saved: () => last?.steps ?? 0,
      onLoss() {
        const at = line?.step ?? startedAt;
        const from = last?.steps ?? 0;
        context.emit("recovered", { at, from });
        const what = "The GPU was lost, opening it again";
        context.report({ done: from, total: training.steps, what, secondsLeft: null });
      },
      async work(gpu) {
        const resume = last && (await openSafetensors(bytesSource(last.bytes, STATE_NAME)));
        const request = {
          config,
          settings: training,
          lean: false,
          rate,
          every: gpu.adapter.software ? EVERY.software : EVERY.gpu,
          checkpoint: { pace, save, ...(resume && { resume }) },
          ...(settings.previewEvery > 0 && {
            preview: { every: settings.previewEvery, draw: clipDrawer(gpu, config, settings, context) },
          }),
        };
        const { weights, account } = await trainWeights(gpu, request, withoutEvents(context), (report) => {
          line = metricsOf(report);
          if (!report.isCompiling) memory.rates.train = report.flops;
          context.emit("metrics", stepRows(report));
          if (report.cost) context.emit("cost", report.cost);
        });
        const { stepsPerSecond, peakBytes, cost } = account;
        return {
          weights: await keep(weights),
          resumedAt: startedAt,
          seconds: (performance.now() - started) / 1000,
          stepsPerSecond,
          cost: cost && { ...cost, peakBytes },
          device: deviceInfo(gpu),
        };
      },
    });
  } catch (error) {
    if (last && isOwn) {
      const file = await openSafetensors(bytesSource(last.bytes));
      const { seed } = training;
      const [steps, loss] = [last.steps, line?.loss ?? null];
      const origin = { steps, seed, loss, validationLoss: null, settings: training, stopped: true };
      await keep({ config, values: await stateValues(file), origin });
    }
    throw withKept(error, last?.steps);
  } finally {
    memory.pace = undefined;
    memory.rate = undefined;
  }
}

/** A stored state with all its bytes, which must outlive the page's file. @throws TesseraError `checkpoint`. */
async function stateIn(file: Blob): Promise<{ steps: number; bytes: Uint8Array<ArrayBuffer> }> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { steps } = readNotes(await openSafetensors(bytesSource(bytes, STATE_NAME)));
  return { steps, bytes };
}

/** Says of a training that stopped over its numbers which state is the last good one. */
function withKept(error: unknown, steps: number | undefined): unknown {
  const { code, message, fields } = toRecord(error);
  if (code !== "diverged") return error;
  const kept =
    steps === undefined
      ? "No state had been stored before that."
      : `Weights and state of step ${steps} are kept.`;
  return new TesseraError(code, `${message} ${kept}`, { ...fields, kept: steps ?? null });
}
