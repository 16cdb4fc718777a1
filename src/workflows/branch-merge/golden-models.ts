// The tiny models that golden/make.py merged, by the same formula over the names of their tensors, and what mergekit
// made of them. For tests only; the product does not import it.
import { readFileSync } from "node:fs";
import { openSafetensors } from "../../formats/safetensors";
import { bytesSource } from "../../formats/source";
import { toFloat32 } from "../../formats/tensor-data";

export interface GoldenTensor {
  shape: readonly number[];
  values: Float32Array;
}
export type GoldenModel = ReadonlyMap<string, GoldenTensor>;

/** Of each merged tensor every so many elements are kept. */
export const STRIDE = 7;

interface Config {
  hidden: number;
  middle: number;
  vocabulary: number;
  heads: number;
  keyHeads: number;
  layers: number;
  /** Biases and a tied head, as in Qwen; else neither, as in Llama. */
  qwen: boolean;
}

const LLAMA: Config = {
  hidden: 32,
  middle: 48,
  vocabulary: 64,
  heads: 16,
  keyHeads: 16,
  layers: 2,
  qwen: false,
};
const QWEN: Config = { hidden: 32, middle: 40, vocabulary: 40, heads: 4, keyHeads: 2, layers: 3, qwen: true };

/** Family, name within it, configuration, spread of the differences to the base. */
const MODELS: Readonly<Record<string, readonly [string, string, Config, number]>> = {
  base: ["llama", "base", LLAMA, 0.02],
  math: ["llama", "math", LLAMA, 0.02],
  code: ["llama", "code", LLAMA, 0.02],
  science: ["llama", "science", LLAMA, 0.02],
  near: ["llama", "near", LLAMA, 0.0002],
  qbase: ["qwen", "base", QWEN, 0.02],
  qmath: ["qwen", "math", QWEN, 0.02],
  qcode: ["qwen", "code", QWEN, 0.02],
  tbase: ["tok", "base", LLAMA, 0.02],
  tmath: ["tok", "math", { ...LLAMA, vocabulary: 72 }, 0.02],
  tcode: ["tok", "code", { ...LLAMA, vocabulary: 61 }, 0.02],
};

export function goldenModel(name: string): GoldenModel {
  const [family, model, config, spread] = MODELS[name];
  return new Map(
    shapesOf(config).map(([tensor, shape]) => [
      tensor,
      { shape, values: weights(tensor, shape, family, model, spread) },
    ]),
  );
}

export function goldenRecipe(name: string): string {
  return readFileSync(new URL(`golden/recipes/${name}.yaml`, import.meta.url), "utf8");
}

export interface GoldenOutput {
  layers: number;
  vocabulary: number;
  /** Whole shapes; the values are every `STRIDE`-th element. */
  tensors: GoldenModel;
  /** Tokens in the order of the rows, where the recipe speaks of tokenizers. */
  tokens?: readonly string[];
}

export async function goldenOutput(name: string): Promise<GoldenOutput> {
  const bytes = new Uint8Array(readFileSync(new URL(`golden/outputs/${name}.safetensors`, import.meta.url)));
  const file = await openSafetensors(bytesSource(bytes, `${name}.safetensors`));
  const shapes = JSON.parse(file.metadata.shapes) as Record<string, number[]>;
  const tensors = new Map<string, GoldenTensor>();
  for (const entry of file.entries)
    tensors.set(entry.name, { shape: shapes[entry.name], values: toFloat32(await file.read(entry.name)) });
  return {
    layers: Number(file.metadata.layers),
    vocabulary: Number(file.metadata.vocabulary),
    tensors,
    tokens: file.metadata.tokens && JSON.parse(file.metadata.tokens),
  };
}

function shapesOf(config: Config): [string, readonly number[]][] {
  const { hidden, middle, vocabulary, heads, keyHeads, layers, qwen } = config;
  const keys = (hidden / heads) * keyHeads;
  const shapes: [string, readonly number[]][] = [["model.embed_tokens.weight", [vocabulary, hidden]]];
  for (let i = 0; i < layers; i++) {
    const at = `model.layers.${i}.`;
    for (const [part, rows] of [
      ["q", hidden],
      ["k", keys],
      ["v", keys],
    ] as const) {
      shapes.push([`${at}self_attn.${part}_proj.weight`, [rows, hidden]]);
      if (qwen) shapes.push([`${at}self_attn.${part}_proj.bias`, [rows]]);
    }
    shapes.push(
      [`${at}self_attn.o_proj.weight`, [hidden, hidden]],
      [`${at}mlp.gate_proj.weight`, [middle, hidden]],
      [`${at}mlp.up_proj.weight`, [middle, hidden]],
      [`${at}mlp.down_proj.weight`, [hidden, middle]],
      [`${at}input_layernorm.weight`, [hidden]],
      [`${at}post_attention_layernorm.weight`, [hidden]],
    );
  }
  shapes.push(["model.norm.weight", [hidden]]);
  if (!qwen) shapes.push(["lm_head.weight", [vocabulary, hidden]]);
  return shapes;
}

function weights(
  name: string,
  shape: readonly number[],
  family: string,
  model: string,
  spread: number,
): Float32Array {
  const count = shape.reduce((all, side) => all * side, 1);
  const middle = name.includes("norm") ? 1 : 0;
  const values = Float32Array.from(bell(count, salt(`${family}/${name}`)), (x) => middle + x * 0.05);
  if (model === "base") return values;
  // Some entries do not move, as in a real fine-tune.
  const steps = bell(count, salt(`${family}/${model}/${name}`)).map((x) => x * spread);
  return values.map((value, i) => value + (Math.abs(steps[i]) < spread * 0.2 ? 0 : steps[i]));
}

export function salt(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}

/** Sums of four uniform numbers less their mean: bell-shaped and exact in float64. */
export function bell(count: number, seed: number): Float64Array {
  const total = new Float64Array(count);
  for (let k = 0; k < 4; k++)
    for (let i = 0; i < count; i++) {
      let x = (Math.imul(i, 0x9e3779b1) + seed + Math.imul(k, 0x3c6ef372)) | 0;
      x ^= x >>> 15;
      x = Math.imul(x, 0x85ebca6b);
      x ^= x >>> 13;
      x = Math.imul(x, 0xc2b2ae35);
      x ^= x >>> 16;
      total[i] += (x >>> 0) / 2 ** 32;
    }
  return total.map((sum) => sum - 2);
}
