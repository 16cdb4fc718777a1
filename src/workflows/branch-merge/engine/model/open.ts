// Opens a model folder: finds its safetensors files, checks every header and the index against each other, and gives
// one list of tensors. No tensor is read here.
import { TesseraError } from "../../../../base/errors";
import { type InputFolder, readSmallFile } from "../../../../formats/folder";
import { type Json, parseStrictJson } from "../../../../formats/json-header";
import { openSafetensors } from "../../../../formats/safetensors";
import type { TensorData, TensorEntry, TensorFile } from "../../../../formats/tensor-data";
import { type ModelConfig, readConfig, readJson } from "./config";
import { findLayers, isEmbedding, isHead, type LayerNames } from "./names";

export interface ModelTensor extends TensorEntry {
  file: string;
}

export interface Model {
  /** The folder's name. */
  name: string;
  folder: InputFolder;
  config: ModelConfig;
  tensors: ReadonlyMap<string, ModelTensor>;
  layers: LayerNames;
  /** Files that hold its tensors. */
  shards: readonly { name: string; size: number }[];
  /** Name of the embedding, where there is one; of the head, only where it is a tensor of its own. */
  embedding?: string;
  head?: string;
  bytes: number;
  parameters: number;
  /** Element types with the bytes they take, most first. */
  dtypes: readonly { dtype: string; bytes: number }[];
  /** What a person should know: files that are not used, a layer count that differs from config.json. */
  notes: readonly string[];
  /** Elements [from, to) of a tensor. @throws TesseraError as the file does. */
  read(tensor: string, from: number, to: number): Promise<TensorData>;
}

const INDEX = "model.safetensors.index.json";
const fault = (words: string, folder: InputFolder, fields = {}): TesseraError =>
  new TesseraError("model", `${words}: ${folder.name}`, fields);

/**
 * @throws TesseraError `model` when a shard or a tensor is missing or stands twice, or there are no weights that can be
 * opened; `file-corrupt`, `file-truncated` for a header that is wrong.
 */
export async function openModel(folder: InputFolder): Promise<Model> {
  const files = await folder.list();
  const { wanted, index, notes } = await findShards(folder, files);
  const opened = new Map<string, TensorFile>();
  for (const name of wanted) opened.set(name, await openSafetensors(await folder.open(name)));
  const tensors = collect(folder, opened, index);
  const names = [...tensors.keys()];
  const config = readConfig(await readJson(folder, "config.json"), names);
  const layers = findLayers(names);
  if (!config.json) notes.push("there is no config.json: the architecture is inferred from tensor names");
  if (config.layers !== undefined && layers.prefix !== undefined && config.layers !== layers.count)
    notes.push(`config.json says ${config.layers} layers, the files hold ${layers.count}`);
  let bytes = 0;
  let parameters = 0;
  const dtypes = new Map<string, number>();
  for (const tensor of tensors.values()) {
    bytes += tensor.bytes;
    parameters += tensor.shape.reduce((all, n) => all * n, 1);
    dtypes.set(tensor.dtype, (dtypes.get(tensor.dtype) ?? 0) + tensor.bytes);
  }
  return {
    name: folder.name,
    folder,
    config,
    tensors,
    layers,
    shards: files.filter((file) => opened.has(file.name)),
    embedding: names.find(isEmbedding),
    head: names.find(isHead),
    bytes,
    parameters,
    dtypes: [...dtypes].map(([dtype, size]) => ({ dtype, bytes: size })).sort((a, b) => b.bytes - a.bytes),
    notes,
    async read(name, from, to) {
      const tensor = tensors.get(name);
      if (!tensor) throw new TesseraError("tensor-missing", `There is no tensor ${name}: ${folder.name}`);
      return opened.get(tensor.file)!.read(name, { from, to });
    },
  };
}

interface Found {
  wanted: readonly string[];
  /** Tensor name → file, as the index says. */
  index?: ReadonlyMap<string, string>;
  notes: string[];
}

async function findShards(
  folder: InputFolder,
  files: readonly { name: string; size: number }[],
): Promise<Found> {
  const present = new Set(files.map((file) => file.name));
  const all = [...present].filter((name) => name.endsWith(".safetensors")).sort();
  const notes: string[] = [];
  const without = (used: readonly string[]): void => {
    const rest = all.filter((name) => !used.includes(name));
    if (rest.length) notes.push(`not part of the model, left alone: ${rest.join(", ")}`);
  };
  const unfinished = [...present].find((name) => name.endsWith(".incomplete"));
  if (unfinished) throw fault(`This is an unfinished merge (${unfinished}); finish it first`, folder);
  if (present.has(INDEX)) {
    const index = await readIndex(folder);
    const wanted = [...new Set(index.values())].sort();
    const missing = wanted.filter((name) => !present.has(name));
    if (missing.length)
      throw fault(`The index names files that are not there: ${missing.join(", ")}`, folder);
    without(wanted);
    return { wanted, index, notes };
  }
  if (present.has("model.safetensors")) {
    without(["model.safetensors"]);
    return { wanted: ["model.safetensors"], notes };
  }
  const numbered = all.filter((name) => /-\d+-of-\d+\.safetensors$/.test(name));
  if (numbered.length) {
    checkNumbers(folder, numbered);
    without(numbered);
    return { wanted: numbered, notes };
  }
  if (present.has("adapter_config.json"))
    throw fault("This is an adapter, not a model; merge it into its base model first", folder);
  if (all.length) return { wanted: all, notes };
  const pickles = [...present].some((name) => /\.(bin|pth?|ckpt)$/.test(name));
  if (pickles) {
    throw fault(
      "This folder holds PyTorch pickles, which are never opened; save the model with save_pretrained(…, safe_serialization=True)",
      folder,
    );
  }
  throw fault("There is no .safetensors file in this folder", folder);
}

/** Without an index the names say how many files there must be. */
function checkNumbers(folder: InputFolder, names: readonly string[]): void {
  const numbers = names.map((name) => /-(\d+)-of-(\d+)\.safetensors$/.exec(name)!.slice(1).map(Number));
  const total = numbers[0][1];
  const missing: number[] = [];
  for (let i = 1; i <= Math.min(total, 100_000); i++) if (!numbers.some(([at]) => at === i)) missing.push(i);
  if (missing.length || numbers.some(([, of]) => of !== total))
    throw fault(
      `The files say that there are ${total} of them, missing: ${missing.slice(0, 8).join(", ") || "none"}; there is no index`,
      folder,
    );
}

async function readIndex(folder: InputFolder): Promise<Map<string, string>> {
  const text = new TextDecoder().decode(await readSmallFile(folder, INDEX));
  const json = parseStrictJson(text, `${folder.name}/${INDEX}`);
  const map = isRecord(json) ? json.weight_map : undefined;
  if (!isRecord(map)) throw fault(`${INDEX} has no weight_map`, folder);
  return new Map(
    Object.entries(map).map(([tensor, file]) => {
      if (typeof file !== "string" || !file.endsWith(".safetensors") || /[\\/]/.test(file))
        throw fault(`${INDEX}: ${tensor} is not assigned to a .safetensors file beside it`, folder);
      return [tensor, file];
    }),
  );
}

const isRecord = (json: Json | undefined): json is { [key: string]: Json } =>
  typeof json === "object" && json !== null && !Array.isArray(json);

function collect(
  folder: InputFolder,
  opened: ReadonlyMap<string, TensorFile>,
  index: ReadonlyMap<string, string> | undefined,
): Map<string, ModelTensor> {
  const tensors = new Map<string, ModelTensor>();
  for (const [file, { entries }] of opened) {
    for (const { name, dtype, shape, bytes } of entries) {
      const twin = tensors.get(name);
      // A file may hold more than the index takes from it; the index decides.
      if (index?.has(name) && index.get(name) !== file) continue;
      if (twin) throw fault(`The tensor ${name} is in ${twin.file} and in ${file}`, folder, { tensor: name });
      tensors.set(name, { name, dtype, shape, bytes, file });
    }
  }
  const missing = [...(index ?? [])].filter(([name]) => !tensors.has(name));
  if (missing.length) {
    const [name, file] = missing[0];
    throw fault(
      `The index puts ${name} in ${file}, which does not hold it (${missing.length} such tensors)`,
      folder,
      { tensor: name },
    );
  }
  if (tensors.size === 0) throw fault("The files hold no tensor", folder);
  return tensors;
}
