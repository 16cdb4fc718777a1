// The ablation from the command line: lists of values become a grid, results one JSON object a line, and a file that holds
// some of them already is gone on with.
import { int, parseValue, text } from "../../../../base/params";
import { type CommandHost, defineCommand } from "../../../define";
import { clipParams, type SparseSettings, sparseParams } from "../../protocol-video";
import { type AblationRow, ablate, type Grid, gridPoints, parseRows, rowKey } from "./ablate";
import { openIfThere } from "./files";
import { readWeights } from "./weights";

const list = (values: string, what: string, separator = ",") =>
  text(values, { help: `${what}; several values apart by "${separator}".` });

const gridParams = {
  sparsity: list("0.8", "Sparsities"),
  block: list("64", "Block sides: 32, 64, 128"),
  order: list("raster", "Token orders: raster, tile-1x8x8, tile-4x4x4"),
  denseSteps: list("10", "Warm-up steps"),
  searches: list("10;10,30;10,20,30", "Search schedules", ";"),
  rule: list("adaspa", "Selection rules: adaspa, pooled, template, window, random"),
  tiers: list("true,false", "Head-adaptive tiers"),
  lseReuse: list("true,false", "LSE reuse"),
  firstSearch: list("two-pass", "First search: two-pass, one-pass"),
  textSink: list("true", "Keeping text blocks"),
} as const;

export const ablateCommand = defineCommand({
  summary: "Samples clips over a grid of settings: PSNR and SSIM against time, one line of results a point.",
  files: [],
  params: {
    weights: text("video.safetensors", { help: "Weights that train wrote." }),
    ...clipParams,
    ...gridParams,
    clips: int(4, { min: 1, max: 256, help: "Clips for each point, with seeds one after the other." }),
    out: text("ablation.jsonl", {
      help: "File of results, a JSON object a line; points it holds already are not run again.",
    }),
  },
  async run({ params: flags }, host, context) {
    const points = gridPoints(gridOf(flags), flags.steps);
    const weights = await readWeights(await host.open(flags.weights));
    const rows = await knownRows(host, flags.out);
    const known = new Set(rows.map((row) => row.key));
    const keys = points.map((point) => rowKey(weights, point, flags, flags.clips));
    const had = keys.filter((key) => known.has(key)).length;
    const gpu = await host.gpu();
    await ablate(gpu, weights, points, flags, flags.clips, known, context, async (row) => {
      rows.push(row);
      context.emit("row", row);
      await host.write(
        flags.out,
        new TextEncoder().encode(rows.map((r) => `${JSON.stringify(r)}\n`).join("")),
      );
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

/** Lists as values, each checked as its parameter is. @throws TesseraError `params`. */
export function gridOf(flags: { [K in keyof typeof gridParams]: string }): Grid {
  const grid: Record<string, unknown[]> = {};
  for (const name of Object.keys(gridParams) as (keyof SparseSettings)[]) {
    const parts = flags[name].split(name === "searches" ? ";" : ",");
    grid[name] = parts.map((part) => parseValue(name, sparseParams[name], part));
  }
  return grid as unknown as Grid;
}

async function knownRows(host: CommandHost, path: string): Promise<AblationRow[]> {
  const source = await openIfThere(host, path);
  return source ? parseRows(new TextDecoder().decode(await source.read(0, source.size))) : [];
}
