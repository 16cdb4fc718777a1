// The models that golden/make.py merged as folders in memory: weights, config.json, tokenizer. For tests only.
import { type InputFolder, memoryFolder } from "../../formats/folder";
import { encodeSafetensors } from "../../formats/safetensors";
import { goldenModel } from "./golden-models";

const letters = (from: number): string[] =>
  Array.from({ length: 26 }, (_, i) => String.fromCharCode(from + i));
const WORDS = [...letters(97), ...letters(65)];
const DIGITS = Array.from({ length: 10 }, (_, i) => String(i));
const TOKENS: Readonly<Record<string, readonly string[]>> = {
  tbase: [...WORDS, "<s>", "</s>", ...DIGITS],
  tmath: [...WORDS.slice(0, 20), "<s>", "</s>", ...WORDS.slice(20), ...DIGITS],
  tcode: [...WORDS.slice(0, 40), "<s>", "</s>", "<fim>", ...Array.from({ length: 18 }, (_, i) => `w${i}`)],
};

const bytes = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

export function goldenFolder(name: string): InputFolder {
  const model = goldenModel(name);
  const isQwen = !model.has("lm_head.weight");
  const tensors = [...model].map(([tensor, { shape, values }]) => ({
    ...{ name: tensor, dtype: "F32" as const, shape, data: values },
  }));
  const files: Record<string, Uint8Array> = {
    "model.safetensors": encodeSafetensors(tensors, { format: "pt" }),
    "config.json": bytes({
      architectures: [isQwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"],
      model_type: isQwen ? "qwen2" : "llama",
      vocab_size: model.get("model.embed_tokens.weight")!.shape[0],
      num_hidden_layers: isQwen ? 3 : 2,
      tie_word_embeddings: isQwen,
      torch_dtype: "float32",
    }),
  };
  if (name in TOKENS) {
    files["tokenizer.json"] = bytes(tokenizerOf(TOKENS[name]));
    files["tokenizer_config.json"] = bytes({
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: "<s>",
      added_tokens_decoder: {},
    });
  }
  return memoryFolder(name, files);
}

function tokenizerOf(tokens: readonly string[]): object {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const added = tokens.flatMap((content, id) => (content.startsWith("<") ? [{ id, content, ...flags }] : []));
  return { version: "1.0", added_tokens: added, model: { type: "BPE", vocab, merges: [] } };
}
