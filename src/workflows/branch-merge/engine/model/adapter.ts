// LoRA adapters: a folder of low-rank factors, and a model seen with them added. A weight is put together chunk by chunk
// when it is read; nothing is written. Source: Hu et al., "LoRA", 2021; names and files as PEFT writes them.

import { TesseraError } from "../../../../base/errors";
import { decodeHalf, encodeHalf } from "../../../../base/half";
import type { InputFolder } from "../../../../formats/folder";
import { openTensorFile } from "../../../../formats/open";
import {
  type TensorData,
  type TensorEntry,
  type TensorFile,
  toFloat32,
} from "../../../../formats/tensor-data";
import { sameShape } from "../../../../tensor/shape";
import { isObject, readJson } from "./config";
import type { Model } from "./open";

const HALVES: Readonly<Record<string, "f16" | "bf16">> = { F16: "f16", BF16: "bf16" };
const FILES = ["adapter_model.safetensors", "adapter_model.bin"] as const;
const PREFIX = "base_model.model.";
/** W [out, in] += scale·B·A with A [r, in] and B [out, r]; an embedding [n, d] += scale·(B·A)ᵀ with A [r, n] and B [d, r]. */
/** PEFT stores an embedding that has factors with them, because it may have grown. */
const BASE = ".base_layer.weight";
const PARTS = /^(.*)\.(lora_(?:embedding_)?)([AB])(?:\.weight)?$/;

interface Factors {
  a: TensorEntry;
  b: TensorEntry;
  isEmbedding: boolean;
}

export interface Adapter {
  /** The folder's name. */
  name: string;
  /** By the name of the weight that they change. */
  targets: ReadonlyMap<string, Factors>;
  /** Weights that the adapter brings along and that count instead of the model's, by name. */
  bases: ReadonlyMap<string, TensorEntry>;
  scale: number;
  file: TensorFile;
  shard: { name: string; size: number };
}

/**
 * @throws TesseraError `adapter` for adapters of another kind (DoRA, biases, ranks that differ) and for tensors that are none
 * of its factors.
 */
export async function openAdapter(folder: InputFolder): Promise<Adapter> {
  const fault = (words: string): TesseraError => new TesseraError("adapter", `${words}: ${folder.name}`);
  const config = await readJson(folder, "adapter_config.json");
  if (!config) throw fault("This is no adapter: there is no adapter_config.json");
  if (config.peft_type !== "LORA")
    throw fault(`Adapters of type LORA can be added, this one is ${config.peft_type}`);
  for (const name of ["use_dora", "fan_in_fan_out", "use_qalora"] as const)
    if (config[name]) throw fault(`Adapters with ${name} are not known here`);
  for (const name of ["rank_pattern", "alpha_pattern"] as const)
    if (isObject(config[name]) && Object.keys(config[name]).length)
      throw fault(`Adapters with a ${name} are not known here`);
  const { r, lora_alpha: alpha, use_rslora: isStabilised } = config;
  if (typeof r !== "number" || !(r > 0) || typeof alpha !== "number" || !Number.isFinite(alpha))
    throw fault("adapter_config.json gives no r and lora_alpha");
  const size = new Map((await folder.list()).map((one) => [one.name, one.size]));
  const name = FILES.find((one) => size.has(one));
  if (!name) throw fault(`There is neither ${FILES.join(" nor ")} in the adapter's folder`);
  const file = await openTensorFile(await folder.open(name));
  return {
    name: folder.name,
    ...partsOf(file, fault),
    scale: isStabilised ? alpha / Math.sqrt(r) : alpha / r,
    file,
    shard: { name: `${folder.name}/${name}`, size: size.get(name)! },
  };
}

function partsOf(
  file: TensorFile,
  fault: (words: string) => TesseraError,
): Pick<Adapter, "targets" | "bases"> {
  const own = (module: string): string =>
    `${module.startsWith(PREFIX) ? module.slice(PREFIX.length) : module}.weight`;
  const bases = new Map<string, TensorEntry>();
  const found = new Map<string, Partial<Record<"A" | "B", TensorEntry>> & { isEmbedding: boolean }>();
  for (const entry of file.entries) {
    if (entry.name.endsWith(BASE)) {
      bases.set(own(entry.name.slice(0, -BASE.length)), entry);
      continue;
    }
    const parts = PARTS.exec(entry.name);
    if (!parts) throw fault(`The adapter's tensor ${entry.name} is no factor of LoRA`);
    const [, module, kind, factor] = parts;
    const target = own(module);
    const known = found.get(target) ?? { isEmbedding: kind !== "lora_" };
    known[factor as "A" | "B"] = entry;
    found.set(target, known);
  }
  const targets = new Map<string, Factors>();
  for (const [target, { A: a, B: b, isEmbedding }] of found) {
    if (!a || !b || a.shape.length !== 2 || b.shape.length !== 2 || a.shape[0] !== b.shape[1])
      throw fault(`The adapter's factors for ${target} do not fit each other`);
    targets.set(target, { a, b, isEmbedding });
  }
  if (targets.size === 0) throw fault("The adapter holds no factors");
  const lost = [...bases.keys()].find((name) => !targets.has(name));
  if (lost) throw fault(`The adapter brings ${lost} along without factors for it`);
  return { targets, bases };
}

/** The model with the adapter added. @throws TesseraError `adapter` for weights that the model lacks or has in other shapes. */
export function withAdapter(model: Model, adapter: Adapter): Model {
  const fault = (words: string): TesseraError =>
    new TesseraError("adapter", `${words}: ${model.name}+${adapter.name}`);
  for (const [target, { a, b, isEmbedding }] of adapter.targets) {
    const weight = model.tensors.get(target);
    if (!weight) throw fault(`The adapter changes ${target}, which the model has not`);
    const shape = isEmbedding ? [a.shape[1], b.shape[0]] : [b.shape[0], a.shape[1]];
    if (weight.shape.length !== 2 || shape.some((n, axis) => n !== weight.shape[axis]))
      throw fault(
        `The adapter is made for a ${target} of [${shape.join(", ")}], the model has [${weight.shape.join(", ")}]`,
      );
    const brought = adapter.bases.get(target);
    if (brought && (brought.dtype !== weight.dtype || !sameShape(brought.shape, weight.shape)))
      throw fault(`The adapter brings ${target} along in another size or type than the model's`);
    if (!["F32", "F16", "BF16"].includes(weight.dtype))
      throw fault(`An adapter cannot be added to ${target} of type ${weight.dtype}`);
  }
  /** The factor that is needed whole, of the weight that was read last. */
  let whole: { target: string; values: Promise<Float32Array> } | undefined;
  const wholeOf = (target: string, entry: TensorEntry): Promise<Float32Array> => {
    if (whole?.target !== target)
      whole = { target, values: adapter.file.read(entry.name).then((data) => toFloat32(data)) };
    return whole.values;
  };
  return {
    ...model,
    name: `${model.name}+${adapter.name}`,
    shards: [...model.shards, adapter.shard],
    async read(name, from, to) {
      const brought = adapter.bases.get(name);
      const base = await (brought
        ? adapter.file.read(brought.name, { from, to })
        : model.read(name, from, to));
      const factors = adapter.targets.get(name);
      return factors ? added(base, name, factors, from, to) : base;
    },
  };

  async function added(
    base: TensorData,
    name: string,
    { a, b, isEmbedding }: Factors,
    from: number,
    to: number,
  ): Promise<TensorData> {
    // By rows of the weight: the rows of one factor that the chunk touches, times all of the other.
    const [rowFactor, columnFactor] = isEmbedding ? [a, b] : [b, a];
    const rank = a.shape[0];
    const columns = isEmbedding ? b.shape[0] : a.shape[1];
    const [firstRow, endRow] = [Math.floor(from / columns), Math.ceil(to / columns)];
    const right = await wholeOf(name, columnFactor);
    // An embedding's A is [r, n]: its rows are columns there, and it is small enough to be read whole.
    const left = isEmbedding
      ? toFloat32(await adapter.file.read(rowFactor.name))
      : toFloat32(await adapter.file.read(rowFactor.name, { from: firstRow * rank, to: endRow * rank }));
    const leftAt = (row: number, k: number): number =>
      isEmbedding ? left[k * a.shape[1] + row] : left[(row - firstRow) * rank + k];
    // As PEFT adds it: the product comes in the type of its factors, and of an embedding in that of the weight.
    const kind = HALVES[isEmbedding ? base.dtype : b.dtype];
    const store = (row: Float64Array): ArrayLike<number> =>
      kind ? decodeHalf(encodeHalf(Float32Array.from(row), kind), kind) : row;
    const delta = new Float64Array(columns);
    const values = Float32Array.from(toFloat32(base));
    for (let row = firstRow; row < endRow; row++) {
      delta.fill(0);
      for (let k = 0; k < rank; k++) {
        const factor = leftAt(row, k) * adapter.scale;
        if (isEmbedding) for (let j = 0; j < columns; j++) delta[j] += factor * right[j * rank + k];
        else for (let j = 0; j < columns; j++) delta[j] += factor * right[k * columns + j];
      }
      const rounded = store(delta);
      const start = Math.max(from, row * columns);
      const end = Math.min(to, (row + 1) * columns);
      for (let at = start; at < end; at++) values[at - from] += rounded[at - row * columns];
    }
    const stored = HALVES[base.dtype];
    return { ...base, data: stored ? encodeHalf(values, stored) : values };
  }
}
