// The session behind the second part's page: keeps the device and one set of weights, trains and samples by the code of the
// commands. It runs unchanged in a worker and in Node; commands arrive one after the other (rpc sees to that).
import { TesseraError } from "../../../../base/errors";
import { validate } from "../../../../base/params";
import type { TaskContext } from "../../../../base/task";
import { openSafetensors } from "../../../../formats/safetensors";
import { blobSource, bytesSource } from "../../../../formats/source";
import { type Gpu, type OpenGpuOptions, openGpu } from "../../../../gpu/gpu";
import { transfer } from "../../../../rpc/wire";
import type { VideoConfig } from "../../protocol-video";
import {
  clipOf,
  modelOf,
  sparseOf,
  trainingOf,
  type VideoSettings,
  videoParams,
} from "../../protocol-video-page";
import type {
  SampledVideo,
  TrainedVideo,
  VideoEvents,
  VideoMetrics,
  VideoService,
  WeightsInfo,
} from "../../protocol-video-session";
import { deviceInfo } from "../device-info";
import { forwardCost, videoTokenCount } from "./cost";
import { inspectVideo, type Rates } from "./inspect";
import { clipAccount, runClip } from "./run";
import { configOf, metricsOf, stepRows, trainWeights } from "./training";
import { encodeWeights, readWeights, stateValues, type VideoWeights } from "./weights";

interface Memory {
  gpu: Gpu | undefined;
  weights: VideoWeights | undefined;
  rates: Rates;
}

type Context = TaskContext<VideoEvents>;

/** Steps between two reports: a software adapter takes seconds for one, a GPU would wait for each. */
const EVERY = { software: 1, gpu: 10 } as const;
/** Steps between two states that are handed to the page. */
const STATE_EVERY = 200;

/** Makes a session; `source` gives `navigator.gpu` or Dawn. A lost device is replaced at the next command. */
export function videoSession(
  source: () => Promise<GPU | undefined>,
  options: OpenGpuOptions = {},
): VideoService {
  const memory: Memory = { gpu: undefined, weights: undefined, rates: { train: null, sample: null } };
  const device = async (context: Context): Promise<Gpu> => {
    if (!memory.gpu || memory.gpu.isLost) memory.gpu = await openGpu(await source(), options);
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
      return trainAndKeep(memory, await device(context), settings, state, context);
    },
    async sample({ settings: asked }, context) {
      const settings = validate(videoParams, asked);
      if (!memory.weights)
        throw new TesseraError(
          "no-weights",
          "There are no weights yet: train some, or drop a file of weights that were trained before.",
        );
      return sampleBoth(memory, memory.weights, await device(context), settings, context);
    },
    async close() {
      memory.gpu?.close();
      Object.assign(memory, { gpu: undefined, weights: undefined });
    },
  };
}

async function trainAndKeep(
  memory: Memory,
  gpu: Gpu,
  settings: VideoSettings,
  state: Blob | null,
  context: Context,
): Promise<TrainedVideo> {
  const config = configOf(modelOf(settings));
  const training = trainingOf(settings);
  context.report({ done: 0, total: training.steps, what: "Compiling kernels" });
  let last: Uint8Array<ArrayBuffer> | undefined;
  let line: VideoMetrics | undefined;
  const request = {
    config,
    settings: training,
    lean: false,
    every: gpu.adapter.software ? EVERY.software : EVERY.gpu,
    checkpoint: {
      every: STATE_EVERY,
      async save(bytes: Uint8Array<ArrayBuffer>) {
        last = bytes.slice();
        const steps = stepsOf(await openSafetensors(bytesSource(bytes)));
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
    const { weights, account } = await trainWeights(gpu, request, quiet(context), (report) => {
      line = metricsOf(report);
      memory.rates.train = report.flops;
      context.emit("metrics", stepRows(report));
    });
    const { resumedAt, seconds, stepsPerSecond, peakBytes, cost } = account;
    const info = await keep(weights);
    return {
      weights: info,
      resumedAt,
      seconds,
      stepsPerSecond,
      peakBytes,
      dispatches: cost?.dispatches ?? null,
      device: deviceInfo(gpu),
    };
  } catch (error) {
    if (last) {
      const file = await openSafetensors(bytesSource(last));
      const { seed } = training;
      const [steps, loss] = [stepsOf(file), line?.loss ?? null];
      const origin = { steps, seed, loss, validationLoss: null, settings: training, stopped: true };
      await keep({ config, values: await stateValues(file), origin });
    }
    throw error;
  }
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
  const run = await runClip(gpu, weights, request, quiet(context), async (what, report, sampler) => {
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

/** Progress, pause and cancel of a context whose events are the session's own. */
function quiet(context: Context): TaskContext {
  return { ...context, emit: () => {} };
}

const stepsOf = ({ metadata }: { metadata: Readonly<Record<string, string>> }): number =>
  Number(metadata.steps);

function infoOf({ id, config, values, origin }: VideoWeights, name: string, bytes: number): WeightsInfo {
  return {
    id,
    name,
    config: plainConfig(config),
    tokens: videoTokenCount(config),
    parameters: [...values.values()].reduce((sum, { data }) => sum + data.length, 0),
    bytes,
    origin: origin && {
      steps: origin.steps,
      seed: origin.seed,
      loss: origin.loss,
      validationLoss: origin.validationLoss,
      ...(origin.stopped && { stopped: true }),
    },
  };
}

const plainConfig = ({ frames, height, width, dim, layers, heads }: VideoConfig): VideoConfig => ({
  frames,
  height,
  width,
  dim,
  layers,
  heads,
});
