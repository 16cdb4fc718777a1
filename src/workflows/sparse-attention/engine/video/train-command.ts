// Training from the command line: sizes, metrics as progress, a checkpoint to go on from, weights with their origin. It reads
// and writes through the host only.
import { bool, choice, int, text } from "../../../../base/params";
import { openSafetensors } from "../../../../formats/safetensors";
import { defineCommand } from "../../../define";
import { modelParams, SIZES, trainParams, type VideoConfig } from "../../protocol-video";
import { videoTokenCount } from "./cost";
import { openIfThere } from "./files";
import { type TrainReport, train } from "./train";
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
    from: text("", {
      help: "Weights to begin with; width, blocks and heads come from them, the clip from the size.",
    }),
    every: int(50, { min: 1, max: 1000, unit: "steps", help: "Steps between two lines of metrics." }),
    checkpoint: text("", {
      help: "File for the state of training; when it is there already, training goes on from it. Also written on Ctrl-C.",
    }),
    checkpointEvery: int(500, {
      min: 1,
      max: 1_000_000,
      unit: "steps",
      help: "Steps between two checkpoints.",
    }),
    dtype: choice("F16", ["F16", "F32"], { help: "Element type of the weights file." }),
    out: text("video.safetensors", { help: "File for the averaged weights." }),
  },
  async run({ params: flags }, host, context) {
    const settings = settingsOf(flags);
    const { lean, every, from, out, dtype, checkpoint, checkpointEvery } = flags;
    const given = from ? await readWeights(await host.open(from)) : undefined;
    const { frames, height, width, ...sizes } = configOf(flags);
    const config = { ...(given?.config ?? sizes), frames, height, width };
    const state = checkpoint ? await openIfThere(host, checkpoint) : undefined;
    const keep = checkpoint && {
      every: checkpointEvery,
      save: (bytes: Uint8Array) => host.write(checkpoint, bytes),
      ...(state && { resume: await openSafetensors(state) }),
    };
    const request = {
      config,
      settings,
      lean,
      every,
      ...(given && { values: given.values }),
      ...(keep && { checkpoint: keep }),
    };
    const { values, losses, ...account } = await train(await host.gpu(), request, context, (report) =>
      context.emit("metrics", metricsOf(report)),
    );
    const { loss, validationLoss } = account;
    const origin = { steps: settings.steps, seed: settings.seed, loss, validationLoss, settings };
    const bytes = encodeWeights({ config, values, origin }, dtype);
    await host.write(out, bytes);
    return {
      config,
      tokens: videoTokenCount(config),
      ...account,
      stepsPerSecond: losses.length / account.seconds,
      written: checkpoint ? [out, checkpoint] : [out],
      bytes: bytes.length,
    };
  },
});

/** The flags that are settings of training. */
const settingsOf = <S extends Record<keyof typeof trainParams, unknown>>(
  flags: S,
): Pick<S, keyof typeof trainParams> =>
  Object.fromEntries(Object.keys(trainParams).map((name) => [name, flags[name as keyof S]])) as Pick<
    S,
    keyof typeof trainParams
  >;

/** One line of metrics: the mean loss since the last one, the rest of the last step. */
function metricsOf({ steps, stepsPerSecond, flops }: TrainReport) {
  const { step, gradientNorm, learningRate } = steps[steps.length - 1];
  const loss = steps.reduce((sum, s) => sum + s.loss, 0) / steps.length;
  return { step: step + 1, loss, gradientNorm, learningRate, stepsPerSecond, gflops: flops / 1e9 };
}
