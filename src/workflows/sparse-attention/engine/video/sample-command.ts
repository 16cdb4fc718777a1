// Sampling from the command line: one clip by both samplers, and the account of both. It reads and writes through the host.
import { choice, text } from "../../../../base/params";
import { encodeNpz } from "../../../../formats/npz";
import { defineCommand } from "../../../define";
import { clipParams, REPORT_LEVELS, sparseParams } from "../../protocol-video";
import { clipAccount, runClip } from "./run";
import { readWeights } from "./weights";

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
      ...clipAccount(run, weights.config),
      written: flags.out ? [flags.out] : [],
    };
  },
});
