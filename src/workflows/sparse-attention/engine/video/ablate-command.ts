// The ablation from the command line: lists of values become a grid, results one JSON object a line, and a file that holds
// some of them already is gone on with.
import { text } from "../../../../base/params";
import { type CommandHost, defineCommand } from "../../../define";
import { clipParams } from "../../protocol-video";
import { type AblationRow, encodeRows, gridParams, parseRows, rowKey } from "../../protocol-video-ablate";
import { ablate, gridOf, gridPoints } from "./ablate";
import { openIfThere } from "./files";
import { readWeights } from "./weights";

export const ablateCommand = defineCommand({
  summary: "Samples clips over a grid of settings: PSNR and SSIM against time, one line of results a point.",
  files: [],
  params: {
    weights: text("video.safetensors", { help: "Weights that train wrote." }),
    ...clipParams,
    ...gridParams,
    out: text("ablation.jsonl", {
      help: "File of results, a JSON object a line; points it holds already are not run again.",
    }),
  },
  async run({ params: flags }, host, context) {
    const points = gridPoints(gridOf(flags), flags.steps);
    const weights = await readWeights(await host.open(flags.weights));
    const rows = await knownRows(host, flags.out);
    const known = new Set(rows.map((row) => row.key));
    const keys = points.map((point) => rowKey(weights.id, point, flags, flags.clips));
    const had = keys.filter((key) => known.has(key)).length;
    const gpu = await host.gpu();
    await ablate(gpu, weights, points, flags, flags.clips, known, context, async (row) => {
      rows.push(row);
      context.emit("row", row);
      await host.write(flags.out, encodeRows(rows));
    });
    const wanted = new Set(keys);
    return {
      points: points.length,
      run: points.length - had,
      skipped: had,
      rows: rows.filter((row) => wanted.has(row.key)),
      written: had < points.length ? [flags.out] : [],
    };
  },
});

async function knownRows(host: CommandHost, path: string): Promise<AblationRow[]> {
  const source = await openIfThere(host, path);
  return source ? parseRows(new TextDecoder().decode(await source.read(0, source.size))) : [];
}
