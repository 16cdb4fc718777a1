// The session behind the second part's page: keeps the device and one set of weights, trains and samples by the code of the
// commands. It runs unchanged in a worker and in Node; commands arrive one after the other (rpc sees to that).
import { TesseraError } from "../../../../base/errors";
import { validate } from "../../../../base/params";
import { type TaskContext, withoutEvents } from "../../../../base/task";
import { openSafetensors } from "../../../../formats/safetensors";
import { blobSource } from "../../../../formats/source";
import { type Gpu, type OpenGpuOptions, openGpu } from "../../../../gpu/gpu";
import { rememberWinners } from "../../../../gpu/tune";
import { transfer } from "../../../../rpc/wire";
import type { Pace } from "../../../../runs/pace";
import { clipOf, sparseOf, type VideoSettings, videoParams } from "../../protocol-video-page";
import type { SampledVideo, VideoEvents, VideoService } from "../../protocol-video-session";
import { deviceInfo } from "../device-info";
import { ablateGrid, planAblation } from "./ablate-session";
import { encodeClips } from "./clips-file";
import { forwardCost } from "./cost";
import { inspectVideo, type Rates } from "./inspect";
import { clipAccount, runClip } from "./run";
import { readNotes } from "./state-file";
import { STATE_NAME, trainAndKeep } from "./train-for-page";
import { infoOf, readWeights, type VideoWeights } from "./weights";

type Context = TaskContext<VideoEvents>;

/** What the session holds between two commands. */
export interface Memory {
  gpu: Gpu | undefined;
  weights: VideoWeights | undefined;
  rates: Rates;
  /** Of the training that is running. */
  pace: Pace | undefined;
  rate: { factor: number } | undefined;
}

/** Makes a session; `source` gives `navigator.gpu` or Dawn. A lost device is replaced at the next command. */
export function videoSession(
  source: () => Promise<GPU | undefined>,
  options: OpenGpuOptions = {},
): VideoService {
  const memory: Memory = {
    gpu: undefined,
    weights: undefined,
    rates: { train: null, sample: null },
    pace: undefined,
    rate: undefined,
  };
  const tuneStore = rememberWinners(options.tuneStore);
  const device = async (context: Context): Promise<Gpu> => {
    if (!memory.gpu || memory.gpu.isLost)
      memory.gpu = await openGpu(await source(), { ...options, tuneStore });
    context.emit("device", deviceInfo(memory.gpu));
    return memory.gpu;
  };

  return {
    inspect: async ({ settings: asked }) =>
      inspectVideo(validate(videoParams, asked), memory.weights?.config, memory.rates),
    async loadWeights({ blob, name }) {
      memory.weights = await readWeights(blobSource(blob, name));
      return infoOf(memory.weights, name, blob.size);
    },
    async train({ settings: asked, state }, context) {
      const settings = validate(videoParams, asked);
      return trainAndKeep(memory, () => device(context), settings, state, context);
    },
    async readState({ blob }) {
      const { steps, config } = readNotes(await openSafetensors(blobSource(blob, STATE_NAME)));
      return { steps, config };
    },
    saveState: async () => memory.pace?.ask(),
    async setRate({ factor }) {
      if (!(factor > 0 && Number.isFinite(factor)))
        throw new TesseraError(
          "params",
          `The learning rate is multiplied with a number above 0, got ${factor}.`,
        );
      if (memory.rate) memory.rate.factor = factor;
    },
    async sample({ settings: asked }, context) {
      const settings = validate(videoParams, asked);
      return sampleBoth(memory, heldWeights(memory), await device(context), settings, context);
    },
    async clipsFile({ dense, sparse, size, parameters }) {
      const bytes = encodeClips({ dense, sparse }, size, parameters);
      return transfer(bytes, [bytes.buffer]);
    },
    planAblation: async ({ settings: asked, done }) =>
      planAblation(heldWeights(memory), validate(videoParams, asked), new Set(done), memory.rates),
    async ablate({ settings: asked, done }, context) {
      const settings = validate(videoParams, asked);
      const [weights, gpu] = [heldWeights(memory), await device(context)];
      return ablateGrid(weights, gpu, settings, new Set(done), memory.rates, context);
    },
    async close() {
      memory.gpu?.close();
      Object.assign(memory, { gpu: undefined, weights: undefined });
    },
  };
}

/** @throws TesseraError `no-weights`. */
function heldWeights({ weights }: Memory): VideoWeights {
  if (weights) return weights;
  throw new TesseraError(
    "no-weights",
    "There are no weights yet: train some, or drop a file of weights that were trained before.",
  );
}

async function sampleBoth(
  memory: Memory,
  weights: VideoWeights,
  gpu: Gpu,
  settings: VideoSettings,
  context: Context,
): Promise<SampledVideo> {
  const { frames, height, width } = weights.config;
  const clip = clipOf(settings);
  const request = { clip, sparse: sparseOf(settings), mode: "both", level: settings.reportLevel } as const;
  const started = performance.now();
  const run = await runClip(gpu, weights, request, withoutEvents(context), async (what, report, sampler) => {
    context.emit("step", { run: what, report });
    const pixels = await sampler.clip();
    const size = { frames, height, width };
    context.emit(
      "preview",
      transfer({ run: what, step: report.step, of: clip.steps, size, clip: pixels }, [pixels.buffer]),
    );
  });
  const { dense, sparse } = run;
  if (!dense || !sparse) throw new Error("a run of both samplers gives both clips");
  const account = clipAccount(run, weights.config);
  const entries = clip.guidance === 1 ? 1 : 2;
  const denseMs = run.denseTimes?.totalMs ?? 0;
  if (denseMs > 0)
    memory.rates.sample = (1000 * clip.steps * entries * forwardCost(weights.config).total) / denseMs;
  const result = {
    ...account,
    dense: dense.clip,
    sparse: sparse.clip,
    device: deviceInfo(gpu),
    seconds: (performance.now() - started) / 1000,
  };
  return transfer(result, [dense.clip.buffer, sparse.clip.buffer]);
}
