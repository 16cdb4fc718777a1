// What a model says about itself in config.json, and what the names of its tensors tell when it says nothing. It reads
// no tensor.
import { TesseraError } from "../../../../base/errors";
import { type InputFolder, readSmallFile } from "../../../../formats/folder";

export type JsonObject = { [key: string]: unknown };

export interface ModelConfig {
  /** The whole file, for writing it again; undefined where there is none. */
  json?: JsonObject;
  /** `LlamaForCausalLM`; with "-like" where it was inferred from names; undefined where nothing fits. */
  architecture?: string;
  layers?: number;
  /** Rows of the embedding, as the file says. */
  vocabulary?: number;
  /** The output head is the embedding: no tensor of its own is expected. */
  isTied: boolean;
}

/** Keys under which architectures keep the number of layers. */
export const LAYER_KEYS = ["num_hidden_layers", "n_layer", "n_layers", "num_layers"] as const;

/** Parts that hold the language model's own settings in models of several parts. */
const TEXT_PARTS = ["text_config", "llm_config", "language_config"] as const;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A JSON file of the folder as an object; undefined when there is no such file. @throws TesseraError `model`. */
export async function readJson(folder: InputFolder, name: string): Promise<JsonObject | undefined> {
  if (!(await folder.list()).some((file) => file.name === name)) return undefined;
  const fail = (why: string): TesseraError =>
    new TesseraError("model", `${name} is not a JSON object: ${why}: ${folder.name}/${name}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await readSmallFile(folder, name)));
  } catch (error) {
    if (error instanceof TesseraError) throw error;
    throw fail((error as Error).message);
  }
  if (!isObject(value)) throw fail("something else stands in it");
  return value;
}

/** The object that holds layers and vocabulary: the file's own, or the part of the language model. */
export function textPart(json: JsonObject): JsonObject {
  for (const key of TEXT_PARTS) {
    const part = json[key];
    if (isObject(part) && LAYER_KEYS.some((name) => name in part)) return part;
  }
  return json;
}

export function readConfig(json: JsonObject | undefined, names: Iterable<string>): ModelConfig {
  if (!json) return { architecture: architectureOf(names), isTied: false };
  const part = textPart(json);
  const count = (key: string): number | undefined => {
    const value = part[key] ?? json[key];
    return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
  };
  const [first] = Array.isArray(json.architectures) ? json.architectures : [];
  const layerKey = LAYER_KEYS.find((key) => count(key) !== undefined);
  return {
    json,
    architecture: typeof first === "string" ? first : architectureOf(names),
    layers: layerKey && count(layerKey),
    vocabulary: count("vocab_size"),
    isTied: (json.tie_word_embeddings ?? part.tie_word_embeddings) === true,
  };
}

/** Marks of common architectures in tensor names; the first that fits counts. */
const MARKS: readonly (readonly [RegExp, string])[] = [
  [/\.block_sparse_moe\.experts\./, "Mixtral-like"],
  [/\.mlp\.experts\.\d/, "mixture-of-experts"],
  [/\.self_attn\.q_norm\./, "Qwen3-like"],
  [/\.self_attn\.q_proj\.bias$/, "Qwen2-like"],
  [/\.mlp\.gate_proj\./, "Llama-like"],
  [/\bh\.\d+\.attn\.c_attn\./, "GPT-2-like"],
  [/gpt_neox\.layers\./, "GPT-NeoX-like"],
  [/encoder\.layer\.\d+\.attention\.self\./, "BERT-like"],
];

function architectureOf(names: Iterable<string>): string | undefined {
  const all = [...names];
  return MARKS.find(([mark]) => all.some((name) => mark.test(name)))?.[1];
}
