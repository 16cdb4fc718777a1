// The command line of the laboratory: analyse, curves and measure of a file, and synth of one; video/ has the commands that
// train and sample. It reads and writes through the host only.
import { TesseraError } from "../../../base/errors";
import { int, text } from "../../../base/params";
import type { TaskContext } from "../../../base/task";
import { encodeNpz } from "../../../formats/npz";
import { type Command, defineCommand } from "../../define";
import type { AttentionEvents, CurveSettings, TripleInfo } from "../protocol";
import { params, type Settings, STRATEGIES, type StrategyId, synthParams } from "../protocol-params";
import { analyse, chooseTriples, type HeadRecord } from "./analysis";
import { curves } from "./curves";
import { headsCsv, maskFile, maskSet, resultArrays } from "./export";
import { openInput, synthFile } from "./input";
import { keepCount } from "./lists";
import { costWords, inspect, resolveGrid } from "./plan";
import { measure } from "./timing";
import { tokenOrder } from "./tokens";
import { ablateCommand } from "./video/ablate-command";
import { sampleCommand } from "./video/sample-command";
import { trainCommand } from "./video/train-command";

const analyseParams = {
  ...params,
  triple: text("", { help: 'One q, k, v triple of the file, e.g. "step 3 layer 0"; empty takes all.' }),
  out: text("", {
    help: "npz for dense_out, sparse_out, lse, block_mass and indices; several triples give one file each.",
  }),
  mask: text("", { help: "npz for the mask as FlexAttention takes it (kv_num_blocks, kv_indices)." }),
  csv: text("", { help: "CSV with one line per head." }),
} as const;

const { synthSeed, ...restOfSynth } = synthParams;
const synthFlags = {
  ...restOfSynth,
  seed: synthSeed,
  out: text("qkv.safetensors", { help: "File to write." }),
} as const;

const analyseCommand = defineCommand({
  summary:
    "Dense and block-sparse attention of a file's q, k and v: recall, kept share, error and times per head.",
  files: ["FILE"],
  params: analyseParams,
  async run({ params: flags, files }, host, context) {
    const settings: Settings = flags;
    const dataset = await openInput(await host.open(files[0]), settings.pattern);
    const triples = chooseTriples(dataset, flags.triple ? [flags.triple] : []);
    const gpu = await host.gpu();
    const grid = resolveGrid(dataset.info.metadata, settings, triples[0].length);
    const limit = gpu.device.limits.maxStorageBufferBindingSize;
    const cost = inspect(dataset.info, grid, settings, triples, { bindingLimit: limit, rate: null });
    const records: HeadRecord[] = [];
    const result = await analyse(
      gpu,
      dataset,
      settings,
      triples.map((t) => t.id),
      silent(context),
      (r) => records.push(r),
    );
    const written: string[] = [];
    for (const triple of triples) {
      const own = records.filter((r) => r.triple === triple);
      if (flags.out) {
        const order = tokenOrder(own[0].grid, triple.length, settings.order);
        await write(named(flags.out, triple, triples), encodeNpz(resultArrays(own, order)));
      }
      if (flags.mask) {
        await write(
          named(flags.mask, triple, triples),
          maskFile("flex-attention", maskSet(own, settings.order), "mask").bytes,
        );
      }
    }
    if (flags.csv) await write(flags.csv, new TextEncoder().encode(headsCsv(result.heads)));
    const { device: _, settings: __, heads, seconds, ...rest } = result;
    const times = heads.reduce(
      (sum, h) => ({
        denseMs: sum.denseMs + h.times.denseMs,
        searchMs: sum.searchMs + h.times.searchMs,
        selectMs: sum.selectMs + h.times.selectMs,
        sparseMs: sum.sparseMs + h.times.sparseMs,
      }),
      { denseMs: 0, searchMs: 0, selectMs: 0, sparseMs: 0 },
    );
    return {
      input: dataset.info.name,
      synthetic: dataset.info.synthetic,
      cost: costWords(cost),
      heads,
      ...rest,
      written,
      timings: { ...times, analyseMs: seconds * 1000 },
    };

    async function write(path: string, bytes: Uint8Array): Promise<void> {
      await host.write(path, bytes);
      written.push(path);
    }
  },
});

/** One triple writes the name itself; several put their id before the ending. */
function named(path: string, triple: TripleInfo, all: readonly TripleInfo[]): string {
  if (all.length === 1) return path;
  return path.replace(/(\.[^./\\]+)?$/, (ending) => `.${triple.id.replace(/\W+/g, "-")}${ending}`);
}

const synthCommand = defineCommand({
  summary: "Writes generated (synthetic) q, k and v with f, h, w and t as metadata.",
  files: [],
  params: synthFlags,
  async run({ params: flags }, host, context) {
    const { out, seed, ...settings } = flags;
    const bytes = await synthFile(
      { ...settings, synthSeed: seed },
      (done, total) => context.report({ done, total, what: "Generating heads" }),
      context.gate,
    );
    await host.write(out, bytes);
    return { written: [out], bytes: bytes.length, synthetic: true };
  },
});

const listParams = {
  triple: text("", { help: 'The q, k, v triple, e.g. "step 3 layer 0"; empty takes the first.' }),
  sparsities: text("0.5,0.6,0.7,0.8,0.9", {
    pattern: /^[\d.]+(,[\d.]+)*$/,
    help: "Sparsities, comma-separated.",
  }),
  heads: text("", { pattern: /^(\d+(,\d+)*)?$/, help: "Heads, comma-separated; empty takes all." }),
} as const;

/** Comma-separated numbers, ascending. @throws TesseraError `params` for a sparsity outside [0, 1). */
function sparsitiesOf(list: string): number[] {
  const values = list
    .split(",")
    .map(Number)
    .sort((a, b) => a - b);
  for (const s of values) keepCount(s, 1);
  return values;
}

const curvesCommand = defineCommand({
  summary: "Recall against sparsity of every selection rule, per head, by exact block masses.",
  files: ["FILE"],
  params: {
    ...params,
    ...listParams,
    rules: text(STRATEGIES.join(), { help: "Selection rules, comma-separated." }),
    blocks: text("64", { pattern: /^(32|64|128)(,(32|64|128))*$/, help: "Block sides, comma-separated." }),
  },
  async run({ params: flags, files }, host, context) {
    const dataset = await openInput(await host.open(files[0]), flags.pattern);
    const rules = flags.rules.split(",");
    const unknown = rules.find((r) => !STRATEGIES.includes(r as StrategyId));
    if (unknown !== undefined)
      throw new TesseraError("params", `rules: one of ${STRATEGIES.join(", ")} is needed, got "${unknown}"`);
    const request: CurveSettings = {
      triple: flags.triple || dataset.info.triples[0].id,
      heads: flags.heads ? flags.heads.split(",").map(Number) : [],
      strategies: rules as StrategyId[],
      blocks: flags.blocks.split(",") as CurveSettings["blocks"],
      sparsities: sparsitiesOf(flags.sparsities),
    };
    return {
      input: dataset.info.name,
      synthetic: dataset.info.synthetic,
      ...(await curves(await host.gpu(), dataset, flags, request, silent(context))),
    };
  },
});

const measureCommand = defineCommand({
  summary: "Times dense, search, selection and sparse kernels, finds the break-even sparsity of this device.",
  files: ["FILE"],
  params: {
    ...params,
    triple: listParams.triple,
    sparsities: listParams.sparsities,
    headsAtOnce: int(0, { min: 0, max: 4096, help: "Heads in one dispatch; 0 takes as many as fit." }),
  },
  async run({ params: flags, files }, host, context) {
    const dataset = await openInput(await host.open(files[0]), flags.pattern);
    const request = {
      triple: flags.triple || dataset.info.triples[0].id,
      heads: flags.headsAtOnce,
      sparsities: sparsitiesOf(flags.sparsities),
    };
    const { device: _, ...found } = await measure(await host.gpu(), dataset, flags, request, silent(context));
    return { input: dataset.info.name, synthetic: dataset.info.synthetic, ...found };
  },
});

/** Partial results are for the page; the command prints the whole at its end. */
function silent(context: TaskContext): TaskContext<AttentionEvents> {
  return { ...context, emit: () => {} };
}

export const commands: Readonly<Record<string, Command>> = {
  analyse: analyseCommand,
  curves: curvesCommand,
  measure: measureCommand,
  synth: synthCommand,
  train: trainCommand,
  sample: sampleCommand,
  ablate: ablateCommand,
};
