// Sampling from the command line: one clip by both samplers, and the account of both. It reads and writes through the host.
import { choice, text } from "../../../../base/params";
import { defineCommand } from "../../../define";
import { clipParams, REPORT_LEVELS, sparseParams } from "../../protocol-video";
import { encodeClips } from "./clips-file";
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
      help: "npz for the clips: dense and sparse, f32 [frames, height, width, 3] in [-1, 1]; parameters: JSON text as bytes.",
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
    if (flags.out) {
      const [dense, sparse] = [run.dense?.clip, run.sparse?.clip];
      const clips = { ...(dense && { dense }), ...(sparse && { sparse }) };
      const { id, config, origin } = weights;
      const parameters = { ...flags, caption: run.caption, config, weights: { id, origin } };
      await host.write(flags.out, encodeClips(clips, config, parameters));
    }
    return {
      ...clipAccount(run, weights.config),
      written: flags.out ? [flags.out] : [],
    };
  },
});
