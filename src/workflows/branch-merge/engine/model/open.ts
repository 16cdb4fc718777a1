// Opens a model folder: finds its safetensors or PyTorch files, checks every header and the index against each other, and
// gives one list of tensors. No tensor is read here.
import { TesseraError } from "../../../../base/errors";
import { type InputFolder, readSmallFile } from "../../../../formats/folder";
import { type Json, parseStrictJson } from "../../../../formats/json-header";
import { openTensorFile } from "../../../../formats/open";
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

/** How the weights of a model are stored, the preferred way first: names of the index, of the only file, of shards. */
const FORMS = [
  { index: "model.safetensors.index.json", single: "model.safetensors", suffix: /\.safetensors$/ },
  { index: "pytorch_model.bin.index.json", single: "pytorch_model.bin", suffix: /\.(bin|pth?)$/ },
] as const;
type Form = (typeof FORMS)[number];
/** PyTorch files beside a model that are none of its weights. */
const NOT_WEIGHTS = /^(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pth?)$/;
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
  for (const name of wanted) opened.set(name, await openTensorFile(await folder.open(name)));
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
  const unfinished = [...present].find((name) => name.endsWith(".incomplete"));
  if (unfinished) throw fault(`This is an unfinished merge (${unfinished}); finish it first`, folder);
  const hasModel = FORMS.some(({ index, single }) => present.has(index) || present.has(single));
  if (present.has("adapter_config.json") && !hasModel)
    throw fault("This is an adapter, not a model; merge it into its base model first", folder);
  const weights = (form: Form): string[] =>
    [...present].filter((name) => form.suffix.test(name) && !NOT_WEIGHTS.test(name)).sort();
  for (const form of FORMS) {
    const found = await findForm(folder, form, present, weights(form));
    if (!found) continue;
    const rest = FORMS.flatMap(weights).filter((name) => !found.wanted.includes(name));
    if (rest.length) found.notes.push(`not part of the model, left alone: ${rest.join(", ")}`);
    return found;
  }
  throw fault("There is no .safetensors and no PyTorch file in this folder", folder);
}

async function findForm(
  folder: InputFolder,
  { index: indexName, single, suffix }: Form,
  present: ReadonlySet<string>,
  all: readonly string[],
): Promise<Found | undefined> {
  if (present.has(indexName)) {
    const index = await readIndex(folder, indexName, suffix);
    const wanted = [...new Set(index.values())].sort();
    const missing = wanted.filter((name) => !present.has(name));
    if (missing.length)
      throw fault(`The index names files that are not there: ${missing.join(", ")}`, folder);
    return { wanted, index, notes: [] };
  }
  if (present.has(single)) return { wanted: [single], notes: [] };
  const numbered = all.filter((name) => NUMBERED.test(name));
  if (numbered.length) checkNumbers(folder, numbered);
  const wanted = numbered.length ? numbered : all;
  return wanted.length ? { wanted, notes: [] } : undefined;
}

const NUMBERED = /-(\d+)-of-(\d+)\.[a-z]+$/;
/** Without an index the names say how many files there must be. */
function checkNumbers(folder: InputFolder, names: readonly string[]): void {
  const numbers = names.map((name) => NUMBERED.exec(name)!.slice(1).map(Number));
  const total = numbers[0][1];
  const missing: number[] = [];
  for (let i = 1; i <= Math.min(total, 100_000); i++) if (!numbers.some(([at]) => at === i)) missing.push(i);
  if (missing.length || numbers.some(([, of]) => of !== total))
    throw fault(
      `The files say that there are ${total} of them, missing: ${missing.slice(0, 8).join(", ") || "none"}; there is no index`,
      folder,
    );
}

async function readIndex(folder: InputFolder, name: string, suffix: RegExp): Promise<Map<string, string>> {
  const text = new TextDecoder().decode(await readSmallFile(folder, name));
  const json = parseStrictJson(text, `${folder.name}/${name}`);
  const map = isRecord(json) ? json.weight_map : undefined;
  if (!isRecord(map)) throw fault(`${name} has no weight_map`, folder);
  return new Map(
    Object.entries(map).map(([tensor, file]) => {
      if (typeof file !== "string" || !suffix.test(file) || /[\\/]/.test(file))
        throw fault(`${name}: ${tensor} is not assigned to a file of weights beside it`, folder);
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
