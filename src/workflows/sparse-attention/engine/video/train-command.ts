// Training from the command line: sizes, metrics as progress, a checkpoint to go on from, weights with their origin. It reads
// and writes through the host only.
import { bool, choice, int, text } from "../../../../base/params";
import { createPace } from "../../../../runs/pace";
import { defineCommand } from "../../../define";
import { modelParams, trainParams } from "../../protocol-video";
import { videoTokenCount } from "./cost";
import { beforePath, openState } from "./files";
import { configOf, metricsOf, settingsOf, trainWeights } from "./training";
import { encodeWeights, readWeights } from "./weights";

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
      help: "File for the state of training; when it is there already, training goes on from it. Also written on Ctrl-C. The state before it stays in FILE.before, and is used where this one is damaged.",
    }),
    checkpointEvery: int(500, {
      min: 1,
      max: 1_000_000,
      unit: "steps",
      help: "Steps between two checkpoints, at most.",
    }),
    checkpointSeconds: int(60, {
      min: 1,
      max: 86_400,
      unit: "s",
      help: "Time between two checkpoints, at most; more where writing one takes over a hundredth of it.",
    }),
    dtype: choice("F16", ["F16", "F32"], { help: "Element type of the weights file." }),
    out: text("video.safetensors", { help: "File for the averaged weights." }),
  },
  async run({ params: flags }, host, context) {
    const settings = settingsOf(flags);
    const { lean, every, from, out, dtype, checkpoint, checkpointEvery, checkpointSeconds } = flags;
    const given = from ? await readWeights(await host.open(from)) : undefined;
    const asked = configOf(flags);
    const { dim, layers, heads } = given?.config ?? asked;
    const config = { ...asked, dim, layers, heads };
    const state = checkpoint ? await openState(host, checkpoint) : undefined;
    const keep = checkpoint && {
      pace: createPace({ everySteps: checkpointEvery, everyMs: 1000 * checkpointSeconds }),
      save: (bytes: Uint8Array) => host.write(checkpoint, bytes, { before: beforePath(checkpoint) }),
      ...(state && { resume: state }),
    };
    const request = {
      config,
      settings,
      lean,
      every,
      ...(given && { values: given.values }),
      ...(keep && { checkpoint: keep }),
    };
    const { weights, account } = await trainWeights(await host.gpu(), request, context, (report) =>
      context.emit("metrics", metricsOf(report)),
    );
    const bytes = encodeWeights(weights, dtype);
    await host.write(out, bytes);
    return {
      config,
      tokens: videoTokenCount(config),
      ...account,
      written: checkpoint ? [out, checkpoint] : [out],
      bytes: bytes.length,
    };
  },
});
