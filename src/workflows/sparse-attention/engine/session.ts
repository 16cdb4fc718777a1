// The session behind the panel: keeps the input, the device and the results, and answers the commands of the protocol.
// It runs unchanged in a worker and in Node; commands arrive one after the other (rpc sees to that).
import { TesseraError } from "../../../base/errors";
import { validate } from "../../../base/params";
import { encodeNpz } from "../../../formats/npz";
import { blobSource } from "../../../formats/source";
import { type Gpu, type OpenGpuOptions, openGpu } from "../../../gpu/gpu";
import type { AttentionService, BlockMap, ExportedFile, ExportFormat, TripleInfo } from "../protocol";
import { params, type Settings, synthParams } from "../protocol-params";
import { analyse, chooseTriples, type HeadRecord } from "./analysis";
import { curves } from "./curves";
import { deviceInfo } from "./device-info";
import { headsCsv, maskFile, maskSet, resultArrays } from "./export";
import { type Dataset, openInput, synthFile, synthInput } from "./input";
import { toMask } from "./lists";
import { headFlops, inspect, resolveGrid } from "./plan";
import { measure } from "./timing";
import { blockBoxes, boundaries, tokenOrder } from "./tokens";

interface Memory {
  dataset: Dataset | undefined;
  gpu: Gpu | undefined;
  /** Finished heads of the last analysis, and how it was set. */
  records: HeadRecord[];
  settings: Settings | undefined;
  /** Operations per second of the last analysis on this device. */
  rate: number | null;
}

/** Makes a session; `source` gives `navigator.gpu` or Dawn. A lost device is replaced at the next command. */
export function attentionSession(
  source: () => Promise<GPU | undefined>,
  options: OpenGpuOptions = {},
): AttentionService {
  const memory: Memory = { dataset: undefined, gpu: undefined, records: [], settings: undefined, rate: null };
  const device = async (): Promise<Gpu> => {
    if (!memory.gpu || memory.gpu.isLost) memory.gpu = await openGpu(await source(), options);
    return memory.gpu;
  };
  const input = (): Dataset => {
    if (memory.dataset) return memory.dataset;
    throw new TesseraError(
      "no-input",
      "There is no input yet: drop a file with q, k and v, or use the generated example.",
    );
  };
  const take = (dataset: Dataset): Dataset => {
    memory.dataset = dataset;
    memory.records = [];
    memory.settings = undefined;
    return dataset;
  };

  return {
    async load(request) {
      if (request.kind === "synth") return take(synthInput(validate(synthParams, request.settings))).info;
      return take(await openInput(blobSource(request.blob, request.name), request.pattern ?? "")).info;
    },
    match: async ({ pattern }) => take(input().rematch(pattern)).info,
    async inspect({ settings: asked, triples }) {
      const settings = validate(params, asked);
      const chosen = chooseTriples(input(), triples);
      const grid = resolveGrid(input().info.metadata, settings, chosen[0].length);
      const bindingLimit = memory.gpu?.device.limits.maxStorageBufferBindingSize ?? null;
      return inspect(input().info, grid, settings, chosen, { bindingLimit, rate: memory.rate });
    },
    async analyse({ settings: asked, triples, goesOn }, context) {
      const settings = validate(params, asked);
      const dataset = input();
      const gpu = await device();
      context.emit("device", deviceInfo(gpu));
      memory.records = goesOn ? memory.records.filter((r) => !triples.includes(r.triple.id)) : [];
      memory.settings = settings;
      const result = await analyse(gpu, dataset, settings, triples, context, (record) =>
        memory.records.push(record),
      );
      const done = memory.records.filter((r) => result.heads.includes(r.result));
      memory.rate =
        done.reduce((sum, r) => sum + headFlops(r.head, r.triple, r.result.kept), 0) / result.seconds;
      context.emit("device", deviceInfo(gpu));
      return result;
    },
    async map({ triple, head }) {
      return blockMap(recordOf(memory, triple, head), memory.settings as Settings);
    },
    async curves({ settings: asked, curves: request }, context) {
      return curves(await device(), input(), validate(params, asked), request, context);
    },
    async measure({ settings: asked, measure: request }, context) {
      return measure(await device(), input(), validate(params, asked), request, context);
    },
    exportFile: async ({ format, triple }) => exportRecords(memory, format, triple),
    async synth({ settings: asked }, context) {
      const settings = validate(synthParams, asked);
      const report = (done: number, total: number): void =>
        context.report({ done, total, what: "Generating heads" });
      const bytes = await synthFile(settings, report, context.gate);
      return { name: "qkv.safetensors", bytes, type: "application/octet-stream", snippet: null };
    },
    device: async () => deviceInfo(await device()),
    async close() {
      memory.gpu?.close();
      Object.assign(memory, { dataset: undefined, gpu: undefined, records: [], settings: undefined });
    },
  };
}

function recordOf(memory: Memory, triple: string, head: number): HeadRecord {
  const found = memory.records.find((r) => r.triple.id === triple && r.result.head === head);
  if (found) return found;
  throw new TesseraError(
    "no-result",
    `Head ${head} of "${triple}" was not analysed yet; run the analysis first.`,
    { triple, head },
  );
}

function blockMap(
  { searched, sparse, head: plan, triple, result, grid }: HeadRecord,
  settings: Settings,
): BlockMap {
  return {
    triple: triple.id,
    head: result.head,
    rows: plan.sample.blocks.length,
    keys: plan.keys,
    side: plan.side,
    mass: searched.mass.slice(),
    kept: toMask(sparse.lists),
    rowBlocks: plan.sample.blocks.slice(),
    boundaries: boundaries(grid, plan.side, settings.order),
    boxes: blockBoxes(grid, tokenOrder(grid, triple.length, settings.order), plan.side),
    grid,
    length: triple.length,
    order: settings.order,
  };
}

function exportRecords(memory: Memory, format: ExportFormat, id: string): ExportedFile {
  const { settings, records } = memory;
  if (!settings || records.length === 0) {
    throw new TesseraError("no-result", "There is nothing to export yet; run the analysis first.");
  }
  if (format === "csv") {
    const bytes = new TextEncoder().encode(headsCsv(records.map((r) => r.result)));
    return { name: "heads.csv", bytes, type: "text/csv", snippet: null };
  }
  const own = records.filter((r) => r.triple.id === id);
  if (own.length === 0)
    throw new TesseraError("no-result", `"${id}" was not analysed yet; run the analysis first.`, { id });
  const stem = id.replace(/\W+/g, "-");
  if (format !== "results") return maskFile(format, maskSet(own, settings.order), stem);
  const triple: TripleInfo = own[0].triple;
  const bytes = encodeNpz(resultArrays(own, tokenOrder(own[0].grid, triple.length, settings.order)));
  return { name: `${stem}.results.npz`, bytes, type: "application/zip", snippet: null };
}
