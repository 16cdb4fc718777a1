// Three tiny models made by a formula, to try the page with: a base and two "fine-tunes" whose differences grow over the
// layers in different parts. They were never trained and can say nothing.

import { encodeHalf } from "../../../base/half";
import { Random } from "../../../base/random";
import { type InputFolder, memoryFolder } from "../../../formats/folder";
import { encodeSafetensors, type TensorToWrite } from "../../../formats/safetensors";

const [WIDTH, MIDDLE, HEADS, LAYERS] = [64, 176, 4, 6];
/** The bytes that can be printed, and three special tokens. */
const TOKENS = [
  ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)),
  ...["<s>", "</s>", "<pad>"],
];

/** How far a sample moves a tensor of layer `at` (0 to 1 over the layers), relative to the base's spread. */
const STEPS: Readonly<Record<string, (name: string, at: number) => number>> = {
  base: () => 0,
  math: (name, at) => (name.includes("mlp") ? 0.02 + 0.08 * at : 0.02),
  code: (name, at) => (name.includes("self_attn") ? 0.1 - 0.07 * at : 0.02),
};
export const SAMPLES: readonly string[] = Object.keys(STEPS);

function shapes(): [string, number[]][] {
  const all: [string, number[]][] = [["model.embed_tokens.weight", [TOKENS.length, WIDTH]]];
  for (let i = 0; i < LAYERS; i++) {
    const layer = `model.layers.${i}`;
    for (const part of ["q", "k", "v", "o"])
      all.push([`${layer}.self_attn.${part}_proj.weight`, [WIDTH, WIDTH]]);
    all.push(
      [`${layer}.mlp.gate_proj.weight`, [MIDDLE, WIDTH]],
      [`${layer}.mlp.up_proj.weight`, [MIDDLE, WIDTH]],
    );
    all.push([`${layer}.mlp.down_proj.weight`, [WIDTH, MIDDLE]]);
    all.push(
      [`${layer}.input_layernorm.weight`, [WIDTH]],
      [`${layer}.post_attention_layernorm.weight`, [WIDTH]],
    );
  }
  all.push(["model.norm.weight", [WIDTH]]);
  return all;
}

function tensors(sample: string): TensorToWrite[] {
  return shapes().map(([name, shape], stream) => {
    const count = shape.reduce((all, side) => all * side, 1);
    const [first, common, own] = [0, 1, 2 + SAMPLES.indexOf(sample)].map((seed) => new Random(seed, stream));
    const layer = /layers\.(\d+)/.exec(name);
    const step = STEPS[sample](name, layer ? Number(layer[1]) / (LAYERS - 1) : 0);
    const middle = name.includes("norm") ? 1 : 0;
    // Half of every step is common to the fine-tunes, as with replay of shared data: their cosines are not zero.
    const move = step === 0 ? () => 0 : () => step * (0.7 * common.normal() + 0.7 * own.normal());
    const values = Float32Array.from({ length: count }, () => middle + 0.05 * (first.normal() + move()));
    return { name, dtype: "BF16", shape, data: encodeHalf(values, "bf16") };
  });
}

/** @param sample one of `SAMPLES`. */
export function sampleFolder(sample: string): InputFolder {
  const bytes = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return memoryFolder(sample, {
    "model.safetensors": encodeSafetensors(tensors(sample), { format: "pt" }),
    "config.json": bytes({
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      vocab_size: TOKENS.length,
      hidden_size: WIDTH,
      intermediate_size: MIDDLE,
      num_attention_heads: HEADS,
      num_key_value_heads: HEADS,
      num_hidden_layers: LAYERS,
      tie_word_embeddings: true,
      torch_dtype: "bfloat16",
    }),
    "tokenizer.json": bytes({
      version: "1.0",
      added_tokens: TOKENS.flatMap((content, id) => (content.length > 1 ? [{ id, content, ...flags }] : [])),
      model: { type: "BPE", vocab: Object.fromEntries(TOKENS.map((token, id) => [token, id])), merges: [] },
    }),
    "tokenizer_config.json": bytes({
      ...{
        tokenizer_class: "PreTrainedTokenizerFast",
        bos_token: "<s>",
        eos_token: "</s>",
        pad_token: "<pad>",
      },
    }),
  });
}
