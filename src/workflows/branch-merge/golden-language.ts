// The tiny language models that golden-language/make.py ran, by the same formula over the names of their tensors, and what
// transformers said. For tests only; the product does not import it.
import { readFileSync } from "node:fs";
import { encodeHalf } from "../../base/half";
import { type InputFolder, memoryFolder } from "../../formats/folder";
import { encodeSafetensors, openSafetensors } from "../../formats/safetensors";
import { bytesSource } from "../../formats/source";
import { type FileDType, toFloat32 } from "../../formats/tensor-data";
import { bell, salt } from "./golden-models";

export const LANGUAGE_MODELS = ["llama", "llama-bias", "mistral", "qwen2", "qwen3"] as const;

export interface GoldenLanguage {
  config: { [key: string]: unknown };
  shapes: Readonly<Record<string, readonly number[]>>;
  /** The prompt, then the greedy continuation. */
  words: number[];
  /** Of the prompt, [its length, vocabulary]. */
  logits: Float32Array;
  promptLength: number;
}

export async function goldenLanguage(name: string): Promise<GoldenLanguage> {
  const bytes = new Uint8Array(readFileSync(new URL(`golden-language/${name}.safetensors`, import.meta.url)));
  const file = await openSafetensors(bytesSource(bytes, `${name}.safetensors`));
  const words = await file.read("words");
  const logits = await file.read("logits");
  return {
    config: JSON.parse(file.metadata.config),
    shapes: JSON.parse(file.metadata.shapes),
    words: [...(words.data as Int32Array)],
    logits: toFloat32(logits),
    promptLength: logits.shape[0],
  };
}

const encoded = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The model as a folder. `change` replaces keys of config.json; `more` adds files. */
export async function languageFolder(
  name: string,
  {
    dtype = "F32",
    change = {},
    more = {},
  }: {
    dtype?: FileDType & ("F32" | "F16" | "BF16");
    change?: object;
    more?: Record<string, Uint8Array>;
  } = {},
): Promise<InputFolder> {
  const { config, shapes } = await goldenLanguage(name);
  const tensors = Object.entries(shapes).map(([tensor, shape]) => {
    const values = languageWeights(name, tensor, shape);
    const data = dtype === "F32" ? values : encodeHalf(values, dtype === "F16" ? "f16" : "bf16");
    return { name: tensor, dtype, shape, data: data as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> };
  });
  return memoryFolder(name, {
    "config.json": encoded({ ...config, ...change }),
    "model.safetensors": encodeSafetensors(tensors, { format: "pt" }),
    ...more,
  });
}

export function languageWeights(model: string, name: string, shape: readonly number[]): Float32Array {
  const values = bell(
    shape.reduce((all, n) => all * n, 1),
    salt(`${model}/${name}`),
  );
  if (name.includes("norm")) return Float32Array.from(values, (x) => 1 + 0.3 * x);
  if (shape.length === 1) return Float32Array.from(values, (x) => 0.5 * x);
  if (name.includes("embed")) return Float32Array.from(values);
  return Float32Array.from(values, (x) => (2.5 * x) / Math.sqrt(shape[1]));
}

/** What a tokenizer of golden-language consists of, under the names that a model folder has for it. */
export function tokenizerFiles(name: string): Record<string, Uint8Array> {
  const names = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];
  const read = (file: string): Uint8Array =>
    new Uint8Array(readFileSync(new URL(`golden-language/tokenizer-${name}/${file}`, import.meta.url)));
  return Object.fromEntries(names.map((file) => [file, read(file)]));
}
