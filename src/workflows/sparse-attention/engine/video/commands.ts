// The video part of the command line: train a transformer, sample a clip with it. It reads and writes through the host only.
import { TesseraError } from "../../../../base/errors";
import { bool, choice, int, text } from "../../../../base/params";
import { encodeNpz } from "../../../../formats/npz";
import { defineCommand } from "../../../define";
import {
  clipParams,
  modelParams,
  REPORT_LEVELS,
  SIZES,
  sparseParams,
  trainParams,
  type VideoConfig,
} from "../../protocol-video";
import { forwardCost, sequenceLength, videoTokenCount } from "./cost";
import { runClip } from "./run";
import { train } from "./train";
import { encodeWeights, readWeights } from "./weights";

/** The sizes asked for: the named ones, with single numbers changed. */
export function configOf(flags: { size: keyof typeof SIZES } & VideoConfig): VideoConfig {
  const named = SIZES[flags.size];
  const take = (key: keyof VideoConfig): number => flags[key] || named[key];
  return {
    frames: take("frames"),
    height: take("height"),
    width: take("width"),
    dim: take("dim"),
    layers: take("layers"),
    heads: take("heads"),
  };
}

export const trainCommand = defineCommand({
  summary: "Trains a video diffusion transformer on clips of moving shapes, made on the fly.",
  files: [],
  params: {
    ...modelParams,
    ...trainParams,
    lean: bool(false, { help: "Computes each block again in the reverse sweep, for less memory." }),
    from: text("", { help: "Weights to begin with; sizes other than those of the clips come from them." }),
    every: int(50, { min: 1, max: 1000, unit: "steps", help: "Steps between two lines of metrics." }),
    dtype: choice("F16", ["F16", "F32"], { help: "Element type of the file." }),
    out: text("video.safetensors", { help: "File for the averaged weights." }),
  },
  async run({ params: flags }, host, context) {
    const {
      lean,
      every,
      from,
      out,
      dtype,
      size: _,
      frames,
      height,
      width,
      dim,
      layers,
      heads,
      ...settings
    } = flags;
    const given = from ? await readWeights(await host.open(from)) : undefined;
    const asked = configOf({ ...flags, ...{ frames, height, width, dim, layers, heads } });
    const config = given
      ? { ...given.config, frames: asked.frames, height: asked.height, width: asked.width }
      : asked;
    const gpu = await host.gpu();
    const trained = await train(
      gpu,
      { config, settings, lean, every, ...(given && { values: given.values }) },
      context,
      ({ steps, stepsPerSecond, flops }) => {
        const last = steps[steps.length - 1];
        const loss = steps.reduce((sum, s) => sum + s.loss, 0) / steps.length;
        context.emit("metrics", {
          step: last.step + 1,
          loss,
          gradientNorm: last.gradientNorm,
          learningRate: last.learningRate,
          stepsPerSecond,
          gflops: flops / 1e9,
        });
      },
    );
    const { values, losses: __, ...rest } = trained;
    const origin = {
      steps: settings.steps,
      seed: settings.seed,
      loss: trained.loss,
      validationLoss: trained.validationLoss,
      settings,
    };
    const bytes = encodeWeights({ config, values, origin }, dtype);
    await host.write(out, bytes);
    return {
      config,
      tokens: videoTokenCount(config),
      ...rest,
      stepsPerSecond: settings.steps / trained.seconds,
      written: [out],
      bytes: bytes.length,
    };
  },
});

export const sampleCommand = defineCommand({
  summary:
    "Samples a clip with dense attention and with AdaSpa from the same noise: quality, times, schedule.",
  files: [],
  params: {
    weights: text("video.safetensors", { help: "Weights that train wrote." }),
    ...clipParams,
    ...sparseParams,
    mode: choice("both", ["both", "dense", "sparse"], { help: "Which samplers run." }),
    level: choice("layers", REPORT_LEVELS, {
      help: "steps: whole steps only; layers: phases of each layer, with a wait around attention; diagnose: also dense attention beside every sparse one.",
    }),
    out: text("", {
      help: "npz for the clips: dense and sparse, f32 [frames, height, width, 3] in [-1, 1].",
    }),
  },
  async run({ params: flags }, host, context) {
    if (!flags.weights) throw new TesseraError("usage", "weights: a file that train wrote is needed");
    const weights = await readWeights(await host.open(flags.weights));
    const { mode, level } = flags;
    const run = await runClip(
      await host.gpu(),
      weights,
      { clip: flags, sparse: flags, mode, level },
      context,
    );
    const { frames, height, width } = weights.config;
    const array = (clip: Float32Array) => ({
      dtype: "F32" as const,
      shape: [frames, height, width, 3],
      data: clip,
    });
    if (flags.out) {
      const clips = {
        ...(run.dense && { dense: array(run.dense.clip) }),
        ...(run.sparse && { sparse: array(run.sparse.clip) }),
      };
      await host.write(flags.out, encodeNpz(clips, { compress: true }));
    }
    return {
      caption: run.caption,
      config: weights.config,
      tokens: sequenceLength(weights.config),
      forwardGflop: forwardCost(weights.config).total / 1e9,
      comparison: run.comparison,
      denseTimes: run.denseTimes,
      sparseTimes: run.sparseTimes,
      steps: run.sparse?.steps ?? run.dense?.steps ?? [],
      written: flags.out ? [flags.out] : [],
    };
  },
});
