// What config.json says of a language model that can be run here: sizes, positions, biases. Anything that the forward pass
// would compute wrongly is refused by name. It reads no tensor.
import { isObject, type JsonObject } from "../model/config";
import { fault } from "./faults";
import { type Rope, readRope } from "./rope";

export const ARCHITECTURES = [
  "LlamaForCausalLM",
  "MistralForCausalLM",
  "Qwen2ForCausalLM",
  "Qwen3ForCausalLM",
] as const;
type Architecture = (typeof ARCHITECTURES)[number];

export interface LanguageConfig {
  architecture: Architecture;
  vocabulary: number;
  width: number;
  /** Width between the two halves of the feed-forward layers. */
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headWidth: number;
  /** Added to the mean square in every RMS norm. */
  eps: number;
  /** Most tokens that the model was made for. */
  context: number;
  rope: Rope;
  /** Which linear layers have biases. */
  bias: { qkv: boolean; out: boolean; mlp: boolean };
  qkNorm: boolean;
  /** The head is the embedding. */
  isTied: boolean;
}

/** @throws TesseraError `model-unsupported` for what cannot be run, `model` for sizes that are missing or make no sense. */
export function readLanguageConfig(json: JsonObject | undefined, where: string): LanguageConfig {
  if (!json) throw fault("model", "There is no config.json, which a model needs to be run", where);
  const [name] = Array.isArray(json.architectures) ? json.architectures : [];
  const architecture = ARCHITECTURES.find((known) => known === name);
  if (!architecture) {
    const got = typeof name === "string" ? name : "none";
    throw fault("model-unsupported", `One of ${ARCHITECTURES.join(", ")} can be run, this is ${got}`, where);
  }
  const size = sizesOf(json, where);
  refuseUnknown(json, architecture, where);
  const [width, heads] = [size("hidden_size"), size("num_attention_heads")];
  const kvHeads = size("num_key_value_heads", heads);
  const headWidth = size("head_dim", architecture === "Qwen3ForCausalLM" ? 128 : Math.floor(width / heads));
  const hidden = size("intermediate_size");
  const context = size("max_position_embeddings", 2048);
  if (heads % kvHeads !== 0)
    throw fault(
      "model",
      `${heads} query heads cannot share ${kvHeads} key heads: the first must be a multiple of the second`,
      where,
    );
  for (const [what, value] of Object.entries({ hidden_size: width, intermediate_size: hidden }))
    if (value % 4 !== 0)
      throw fault("model-unsupported", `${what} must be a multiple of 4, it is ${value}`, where);
  if (headWidth % 4 !== 0 || headWidth > 256)
    throw fault("model-unsupported", `head_dim must be a multiple of 4 up to 256, it is ${headWidth}`, where);
  const isBiased = json.attention_bias === true;
  const eps = json.rms_norm_eps ?? 1e-6;
  if (typeof eps !== "number" || !(eps > 0 && eps < 1))
    throw fault("model", `rms_norm_eps must be a small number above 0, it is ${JSON.stringify(eps)}`, where);
  return {
    ...{ architecture, width, hidden, heads, kvHeads, headWidth, eps, context },
    vocabulary: size("vocab_size"),
    layers: size("num_hidden_layers"),
    rope: readRope(json, context, where),
    bias: {
      qkv: architecture === "Qwen2ForCausalLM" || (architecture !== "MistralForCausalLM" && isBiased),
      out: (architecture === "LlamaForCausalLM" || architecture === "Qwen3ForCausalLM") && isBiased,
      mlp: architecture === "LlamaForCausalLM" && json.mlp_bias === true,
    },
    qkNorm: architecture === "Qwen3ForCausalLM",
    isTied: json.tie_word_embeddings === true,
  };
}

/** Reads a size; one that is missing or null takes the default, or is a fault. */
function sizesOf(json: JsonObject, where: string) {
  return (key: string, otherwise?: number): number => {
    const value = json[key] ?? otherwise;
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
    const got = value === undefined ? "it is missing" : `it is ${JSON.stringify(value)}`;
    throw fault("model", `config.json: ${key} must be a whole number above 0, ${got}`, where);
  };
}

function refuseUnknown(json: JsonObject, architecture: Architecture, where: string): void {
  const act = json.hidden_act ?? "silu";
  if (act !== "silu")
    throw fault("model-unsupported", `The activation must be silu, it is ${JSON.stringify(act)}`, where);
  if (isObject(json.quantization_config)) {
    const method = JSON.stringify(json.quantization_config.quant_method ?? "unknown");
    throw fault(
      "model-unsupported",
      `The weights are quantised (${method}); f32, f16 and bf16 are read`,
      where,
    );
  }
  const window = slidingWindow(json, architecture);
  if (window !== null)
    throw fault(
      "model-unsupported",
      `The model attends through a sliding window (${window}), which is not offered; only full attention is`,
      where,
    );
}

/** The window in tokens or in words; null where every layer sees everything. */
function slidingWindow(json: JsonObject, architecture: Architecture): number | string | null {
  const layers = Array.isArray(json.layer_types) ? json.layer_types : [];
  const other = layers.find((kind) => kind !== "full_attention");
  if (other !== undefined) return `layer_types: ${JSON.stringify(other)}`;
  if (architecture === "LlamaForCausalLM") return null;
  if (architecture !== "MistralForCausalLM")
    return json.use_sliding_window === true ? "use_sliding_window" : null;
  // Where the key is missing, transformers takes 4096.
  const window = json.sliding_window === undefined ? 4096 : json.sliding_window;
  if (window === null) return null;
  const context = json.max_position_embeddings ?? 0;
  return typeof window === "number" && typeof context === "number" && window >= context
    ? null // never shorter than a text
    : typeof window === "number"
      ? window
      : JSON.stringify(window);
}
