// The input of the laboratory: q, k and v of one head at a time, from a file by slices or from the generator. It checks
// names, shapes and values; it computes nothing.
import { TesseraError } from "../../../base/errors";
import { encodeHalf } from "../../../base/half";
import { formatBytes } from "../../../base/stats";
import { openTensorFile } from "../../../formats/open";
import { encodeSafetensors } from "../../../formats/safetensors";
import type { ByteSource } from "../../../formats/source";
import { type TensorFile, toFloat32 } from "../../../formats/tensor-data";
import type { Grid, InputInfo, TripleInfo } from "../protocol";
import type { SynthSettings } from "../protocol-params";
import { matchNames } from "./names";
import { resolveGrid } from "./plan";
import { describeHead, type HeadValues, synthesiseHead, synthGrid, synthName } from "./synth";

/** An open input. `head` reads one head and remembers nothing but what a compressed file makes it keep. */
export interface Dataset {
  info: InputInfo;
  /** q, k and v [L, D] of one head, in raster order. @throws TesseraError `input` for NaN or infinity. */
  head(triple: TripleInfo, head: number): Promise<HeadValues>;
  /** The same input under another pattern. */
  rematch(pattern: string): Dataset;
}

const NO_FORM = { frames: 0, height: 0, width: 0, textTokens: -1 };

/** Opens safetensors, npz or npy; only headers are read. @throws TesseraError `input`, or what the format throws. */
export async function openInput(source: ByteSource, pattern = ""): Promise<Dataset> {
  return fromFile(await openTensorFile(source), source.size, pattern);
}

/** A dataset over an open tensor file. */
export function fromFile(file: TensorFile, size: number, pattern: string): Dataset {
  const match = matchNames(file.entries, pattern);
  const metadata = { ...file.metadata };
  const info: InputInfo = {
    name: file.name,
    synthetic: metadata.synthetic === "true",
    bytes: size,
    pattern: match.pattern,
    triples: match.triples,
    tensors: file.entries.map((e, i) => ({
      name: e.name,
      dtype: e.dtype,
      shape: [...e.shape],
      bytes: e.bytes,
      ...match.uses[i],
    })),
    grid: gridOrNone(metadata, match.triples[0].length),
    metadata,
  };
  const read = headReader(file);
  return {
    info,
    async head(triple, head) {
      const { q, k, v } = triple.names;
      return {
        q: await read(triple, q, head),
        k: await read(triple, k, head),
        v: await read(triple, v, head),
      };
    },
    rematch: (next) => fromFile(file, size, next),
  };
}

/** Metadata that does not fit the tensors is told when an analysis is planned, where the form can correct it. */
function gridOrNone(metadata: Record<string, string>, length: number): Grid {
  try {
    return resolveGrid(metadata, NO_FORM, length);
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    return resolveGrid({}, NO_FORM, length);
  }
}

/** npz and Fortran-ordered entries cannot be read by parts: the three tensors of a triple are kept whole up to this. */
const KEEP_WHOLE = 1 << 30;

function headReader(
  file: TensorFile,
): (triple: TripleInfo, name: string, head: number) => Promise<Float32Array<ArrayBuffer>> {
  const whole = new Map<string, Float32Array<ArrayBuffer>>();
  let kept = "";
  return async (triple, name, head) => {
    const size = triple.length * triple.dim;
    if (file.kind === "safetensors") {
      const data = toFloat32(await file.read(name, { from: head * size, to: (head + 1) * size }));
      return checkFinite(data, triple, name, head);
    }
    if (kept !== triple.id) whole.clear();
    kept = triple.id;
    let data = whole.get(name);
    if (!data) {
      const bytes = size * triple.heads * 4;
      if (bytes > KEEP_WHOLE) {
        const words = `${name} takes ${formatBytes(bytes)} and must be read whole from an ${file.kind} file; save it as safetensors, which is read head by head`;
        throw new TesseraError("input", `${words}: ${file.name}`, { bytes });
      }
      data = toFloat32(await file.read(name));
      whole.set(name, data);
    }
    return checkFinite(data.slice(head * size, (head + 1) * size), triple, name, head);
  };
}

/** @throws TesseraError `input` naming the first value that is not finite. */
function checkFinite(
  data: Float32Array<ArrayBuffer>,
  triple: TripleInfo,
  name: string,
  head: number,
): Float32Array<ArrayBuffer> {
  const at = data.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return data;
  const [token, d] = [Math.floor(at / triple.dim), at % triple.dim];
  throw new TesseraError(
    "input",
    `${name} holds ${data[at]} at head ${head}, token ${token}, element ${d}; attention of it is undefined. Save the tensors again without it.`,
    { name, head, token, element: d },
  );
}

/** Generated tensors; made head by head when they are asked for. SYNTHETIC. */
export function synthInput(settings: SynthSettings): Dataset {
  const { heads, length, dim, layers, steps } = settings;
  const grid = synthGrid(length, settings.text);
  const triples: TripleInfo[] = [];
  for (let step = 0; step < steps; step++) {
    for (let layer = 0; layer < layers; layer++) {
      const name = synthName(settings, layer, step);
      const many = layers > 1 || steps > 1;
      triples.push({
        id:
          [steps > 1 ? `step ${step}` : "", many ? `layer ${layer}` : ""].filter(Boolean).join(" ") ||
          "attention",
        step: steps > 1 ? step : null,
        layer: many ? layer : null,
        names: { q: name("q"), k: name("k"), v: name("v") },
        heads,
        batch: 1,
        length,
        dim,
        dtype: "F32",
      });
    }
  }
  const tensors = triples.flatMap((t) =>
    (["q", "k", "v"] as const).map((role) => ({
      name: t.names[role],
      dtype: "F32",
      shape: [heads, length, dim],
      bytes: heads * length * dim * 4,
      use: `${role} of ${t.id}`,
      why: null,
    })),
  );
  const dataset: Dataset = {
    info: {
      name: "Generated example",
      synthetic: true,
      bytes: tensors.reduce((sum, t) => sum + t.bytes, 0),
      pattern: steps > 1 ? "step{step}.layer{layer}.{role}" : layers > 1 ? "layer{layer}.{role}" : "{role}",
      triples,
      tensors,
      grid,
      metadata: synthMetadata(settings, grid),
    },
    head: async (triple, head) =>
      synthesiseHead(settings, grid, { layer: triple.layer ?? 0, step: triple.step ?? 0, head }),
    rematch: () => dataset,
  };
  return dataset;
}

function synthMetadata(settings: SynthSettings, grid: Grid): Record<string, string> {
  const { frames: f, height: h, width: w, text: t } = grid;
  const heads = Array.from(
    { length: settings.heads },
    (_, i) => `${i}: ${describeHead(i, settings.heads)}`,
  ).join("; ");
  return {
    f: `${f}`,
    h: `${h}`,
    w: `${w}`,
    t: `${t}`,
    synthetic: "true",
    seed: `${settings.synthSeed}`,
    heads,
  };
}

/** Most bytes of one generated file: it is put together in memory. */
const LARGEST_FILE = 2 ** 31 - 2 ** 20;

/** A generated input as a safetensors file with f, h, w, t as metadata. @throws TesseraError `params` beyond 2 GiB. */
export async function synthFile(
  settings: SynthSettings,
  report: (done: number, total: number) => void,
  gate: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  const dataset = synthInput(settings);
  const { heads, length, dim, dtype } = settings;
  const width = dtype === "F32" ? 4 : 2;
  const total = dataset.info.triples.length * 3 * heads * length * dim * width;
  if (total > LARGEST_FILE) {
    throw new TesseraError(
      "params",
      `The file would take ${formatBytes(total)}, at most ${formatBytes(LARGEST_FILE)} can be made; choose fewer heads, layers or tokens, or F16.`,
      { total },
    );
  }
  const files = [];
  for (const [n, triple] of dataset.info.triples.entries()) {
    const parts = {
      q: new Float32Array(heads * length * dim),
      k: new Float32Array(heads * length * dim),
      v: new Float32Array(heads * length * dim),
    };
    for (let head = 0; head < heads; head++) {
      await gate();
      report(n * heads + head, dataset.info.triples.length * heads);
      const values = await dataset.head(triple, head);
      for (const role of ["q", "k", "v"] as const) parts[role].set(values[role], head * length * dim);
    }
    for (const role of ["q", "k", "v"] as const) {
      files.push({
        name: triple.names[role],
        dtype,
        shape: [heads, length, dim],
        data: dtype === "F32" ? parts[role] : encodeHalf(parts[role], dtype === "F16" ? "f16" : "bf16"),
      });
    }
  }
  return encodeSafetensors(files, dataset.info.metadata);
}
