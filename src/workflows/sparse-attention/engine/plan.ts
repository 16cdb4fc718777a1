// What an analysis will cost: rows, bytes, memory, operations. Told before anything runs; it computes no attention.
import { TesseraError } from "../../../base/errors";
import { formatBytes, formatDuration } from "../../../base/stats";
import type { Grid, InputInfo, Inspection, TripleInfo } from "../protocol";
import type { Settings } from "../protocol-params";
import { keepCount, type Sink } from "./lists";
import { type RowSample, sampleBlocks, textSink, videoTokens } from "./tokens";

/** Up to this length every row is analysed; beyond, 4,096 rows per head unless set otherwise. */
const ALL_ROWS_UP_TO = 16_384;
const SAMPLED_ROWS = 4096;

/** Everything about one triple that follows from its sizes and the settings. */
export interface Plan {
  sample: RowSample;
  sink: Sink;
  side: number;
  /** Key blocks. */
  keys: number;
  scale: number;
  /** Video blocks kept per row at the uniform budget. */
  keep: number;
  sampling: string | null;
}

/** @throws TesseraError `params` (tiers below 1/3). */
export function planTriple(
  triple: TripleInfo,
  grid: Grid,
  settings: Settings,
  side = Number(settings.block),
): Plan {
  const { length, dim } = triple;
  const wanted = settings.sampleRows || (length > ALL_ROWS_UP_TO ? SAMPLED_ROWS : length);
  const sample = sampleBlocks(
    length,
    side,
    Math.max(1, Math.ceil(Math.min(wanted, length) / side)),
    settings.seed,
  );
  const keys = Math.ceil(length / side);
  const sink = textSink(grid, sample, keys, settings.textSink);
  if (settings.tiers && settings.sparsity < 1 / 3) {
    throw new TesseraError(
      "params",
      `tiers: need a sparsity of at least 1/3, got ${settings.sparsity}; raise it or turn tiers off`,
    );
  }
  const sampled = sample.rows.length < length;
  const why = settings.sampleRows ? "as set" : `${length} tokens are more than ${ALL_ROWS_UP_TO}`;
  return {
    sample,
    sink,
    side,
    keys,
    scale: settings.scale || 1 / Math.sqrt(dim),
    keep: keepCount(settings.sparsity, Math.max(1, sink.keyFrom)),
    sampling: sampled
      ? `${sample.rows.length} of ${length} query rows, whole blocks spread over the sequence (${why})`
      : null,
  };
}

/** Operations of one head: dense 4·M·L·D, search 2·M·L·D, sparse the kept share of dense. */
export function headFlops(plan: Plan, triple: TripleInfo, kept: number): number {
  const pairs = plan.sample.rows.length * triple.length * triple.dim;
  return 4 * pairs + 2 * pairs + 4 * pairs * kept;
}

/** GPU bytes of one head at a time: q, k, v, two outputs, two LSEs, masses, lists. */
function headBytes(plan: Plan, { length, dim }: TripleInfo): { total: number; largest: number } {
  const rows = plan.sample.rows.length;
  const map = plan.sample.blocks.length * plan.keys * 4;
  const tokens = length * dim * 4;
  return { total: 2 * tokens + 3 * rows * dim * 4 + 2 * rows * 4 + 2 * map, largest: Math.max(tokens, map) };
}

/** Sums the cost over triples. `rate` is operations per second measured on this device, if any. */
export function inspect(
  info: InputInfo,
  grid: Grid,
  settings: Settings,
  triples: readonly TripleInfo[],
  device: { bindingLimit: number | null; rate: number | null },
): Inspection {
  const first = triples[0];
  const plan = planTriple(first, grid, settings);
  const kept = (plan.keep + plan.keys - plan.sink.keyFrom) / plan.keys;
  const heads = triples.reduce((sum, t) => sum + t.heads, 0);
  const flops = triples.reduce(
    (sum, t) => sum + t.heads * headFlops(planTriple(t, grid, settings), t, kept),
    0,
  );
  const sizes = triples.map((t) => headBytes(planTriple(t, grid, settings), t));
  const largestBuffer = Math.max(...sizes.map((s) => s.largest));
  const gpuBytes = Math.max(...sizes.map((s) => s.total));
  const fits = device.bindingLimit === null || largestBuffer <= device.bindingLimit;
  const names = new Set(triples.flatMap((t) => Object.values(t.names)));
  const bytesToRead = info.tensors.filter((t) => names.has(t.name)).reduce((sum, t) => sum + t.bytes, 0);
  const seconds = device.rate ? flops / device.rate : null;
  const notes = [
    `Each video row keeps ${plan.keep} of ${plan.sink.keyFrom} video blocks${plan.sink.keyFrom < plan.keys ? ` and ${withText(plan.keys - plan.sink.keyFrom)}` : ""}.`,
  ];
  if (plan.sampling) notes.push(`Sampled: ${plan.sampling}.`);
  if (plan.keys < 32)
    notes.push(`Only ${plan.keys} key blocks a row: too few for a sparse pass to show its gain.`);
  return {
    triples: triples.length,
    heads,
    bytesToRead,
    gpuBytes,
    largestBuffer,
    bindingLimit: device.bindingLimit,
    fits,
    flops,
    seconds,
    rows: plan.sample.rows.length,
    length: first.length,
    sampling: plan.sampling,
    keep: plan.keep,
    blocks: plan.keys,
    grid,
    notes,
  };
}

const withText = (blocks: number): string =>
  blocks === 1 ? "the one block with text" : `all ${blocks} blocks with text`;

/** The whole inspection as plain sentences, for where there is no form to show it in. */
export function costWords(cost: Inspection): string[] {
  const { heads, length, bytesToRead, gpuBytes, seconds, fits, largestBuffer, bindingLimit } = cost;
  const words = [
    `${heads} heads of ${length} tokens; ${formatBytes(bytesToRead)} to read, ${formatBytes(gpuBytes)} of GPU memory at a time.`,
    ...cost.notes,
  ];
  if (seconds !== null) words.push(`About ${formatDuration(seconds)} at the rate measured on this device.`);
  if (!fits)
    words.push(
      `One head needs a buffer of ${formatBytes(largestBuffer)}, and this device binds ${formatBytes(bindingLimit ?? 0)}.`,
    );
  return words;
}

/**
 * The grid of the form (any of f, h, w, t set) over that of the metadata; checked against the length.
 * @throws TesseraError `input` when f·h·w + t is not the number of tokens.
 */
export function resolveGrid(
  metadata: Readonly<Record<string, string>>,
  settings: Pick<Settings, "frames" | "height" | "width" | "textTokens">,
  length: number,
): Grid {
  const number = (...keys: string[]): number => {
    const found = keys
      .map((key) => metadata[key])
      .find((value) => value !== undefined && /^\d{1,9}$/.test(value.trim()));
    return found === undefined ? 0 : Number(found);
  };
  const form = settings.frames > 0 || settings.height > 0 || settings.width > 0 || settings.textTokens >= 0;
  const frames = settings.frames || number("f", "frames");
  const height = settings.height || number("h", "height");
  const width = settings.width || number("w", "width");
  const hasText = settings.textTokens >= 0 || metadata.t !== undefined || metadata.text !== undefined;
  if (!frames || !height || !width) {
    const text = settings.textTokens >= 0 ? settings.textTokens : number("t", "text");
    if (text > length)
      throw new TesseraError(
        "input",
        `t = ${text} text tokens are more than the ${length} tokens of the sequence.`,
      );
    return {
      frames: length - text,
      height: 1,
      width: 1,
      text,
      known: false,
      from: hasText ? (form ? "form" : "metadata") : "none",
    };
  }
  const grid: Grid = {
    frames,
    height,
    width,
    known: true,
    from: form ? "form" : "metadata",
    text:
      settings.textTokens >= 0
        ? settings.textTokens
        : hasText
          ? number("t", "text")
          : length - frames * height * width,
  };
  if (grid.text < 0 || videoTokens(grid) + grid.text !== length) {
    const { text } = grid;
    throw new TesseraError(
      "input",
      `f·h·w + t = ${frames}·${height}·${width} + ${Math.max(0, text)} = ${videoTokens(grid) + Math.max(0, text)}, but the tensors have ${length} tokens; correct f, h, w or t.`,
      { frames, height, width, text, length },
    );
  }
  return grid;
}
