// What config.json and tensors of a language model may say, what is refused and why; frequencies; bytes with scales.
import { describe, expect, test } from "vitest";
import { readLanguageConfig } from "./engine/language/config";
import { planModel } from "./engine/language/layout";
import { quantiseRows } from "./engine/language/quantise";
import { ropeFrequencies } from "./engine/language/rope";
import { openModel } from "./engine/model/open";
import { goldenLanguage, languageFolder } from "./golden-language";

const base = {
  ...{ architectures: ["LlamaForCausalLM"], hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, vocab_size: 320, max_position_embeddings: 256 },
};
const mistral = { architectures: ["MistralForCausalLM"] };

test("sizes and defaults", () => {
  expect(readLanguageConfig(base, "m")).toEqual({
    ...{ architecture: "LlamaForCausalLM", vocabulary: 320, width: 64, hidden: 96, layers: 2, heads: 4 },
    ...{ kvHeads: 4, headWidth: 16, eps: 1e-6, context: 256, rope: { kind: "default", theta: 10_000 } },
    ...{ bias: { qkv: false, out: false, mlp: false }, qkNorm: false, isTied: false },
  });
  const mine = readLanguageConfig({ ...base, ...mistral, sliding_window: 256 }, "m");
  expect(mine.architecture).toBe("MistralForCausalLM");
  expect(readLanguageConfig({ ...base, architectures: ["Qwen2ForCausalLM"] }, "m").bias).toEqual({
    ...{ qkv: true, out: false, mlp: false },
  });
});

describe("what is refused, and why", () => {
  test.each([
    [
      { architectures: ["GPT2LMHeadModel"] },
      "One of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM can be run, this is GPT2LMHeadModel: m",
    ],
    [{ hidden_size: null }, "config.json: hidden_size must be a whole number above 0, it is missing: m"],
    [{ vocab_size: 1.5 }, "config.json: vocab_size must be a whole number above 0, it is 1.5: m"],
    [{ num_key_value_heads: 3 }, "4 query heads cannot share 3 key heads"],
    [{ head_dim: 18 }, "head_dim must be a multiple of 4 up to 256, it is 18: m"],
    [{ intermediate_size: 98 }, "intermediate_size must be a multiple of 4, it is 98: m"],
    [{ hidden_act: "gelu" }, 'The activation must be silu, it is "gelu": m'],
    [{ rms_norm_eps: 0 }, "rms_norm_eps must be a small number above 0, it is 0: m"],
    [
      { quantization_config: { quant_method: "gptq" } },
      'The weights are quantised ("gptq"); f32, f16 and bf16 are read: m',
    ],
    [
      { rope_scaling: { rope_type: "yarn", factor: 4 } },
      'Positions are scaled by "yarn"; default, linear and llama3 are offered: m',
    ],
    [
      { rope_scaling: { type: "linear" } },
      "config.json: factor of the positions must be above 0, it is undefined: m",
    ],
    [{ partial_rotary_factor: 0.5 }, "Positions turn a part of each head (0.5): m"],
    [
      { ...mistral, sliding_window: 64 },
      "The model attends through a sliding window (64), which is not offered; only full attention is: m",
    ],
    [{ ...mistral, max_position_embeddings: 32_768 }, "sliding window (4096)"],
    [
      { architectures: ["Qwen2ForCausalLM"], use_sliding_window: true },
      "sliding window (use_sliding_window)",
    ],
    [{ layer_types: ["full_attention", "sliding_attention"] }, 'layer_types: "sliding_attention"'],
  ])("%#: %s", (change, words) => {
    expect(() => readLanguageConfig({ ...base, ...change }, "m")).toThrow(words);
  });

  test.each([
    ["llama", { hidden_size: 48, head_dim: 16 }, "model.layers.0.self_attn.q_proj.weight is [64, 64]"],
    [
      "llama",
      { num_hidden_layers: 3 },
      "The tensor model.layers.2.self_attn.q_proj.weight [64, 64] is missing",
    ],
    ["llama", { num_hidden_layers: 1 }, "model.layers.1."],
    ["qwen2", { tie_word_embeddings: false }, "The tensor lm_head.weight [320, 64] is missing: qwen2"],
    [
      "llama-bias",
      { mlp_bias: false },
      "model.layers.0.mlp.gate_proj.bias has no place in this architecture (6 such tensors): llama-bias",
    ],
  ])("tensors of %s with %j", async (name, change, words) => {
    const model = await openModel(await languageFolder(name, { change }));
    expect(() => planModel(model, readLanguageConfig(model.config.json, name))).toThrow(words);
  });
});

test("positions in the words of transformers 5 and of those before it are the same", async () => {
  const { config } = await goldenLanguage("llama");
  const { rope_theta, rope_scaling, ...rest } = config;
  const parameters = { rope_theta, ...(rope_scaling as object) };
  const now = readLanguageConfig({ ...rest, rope_parameters: parameters }, "m").rope;
  expect(now).toEqual(readLanguageConfig(config, "m").rope);
  expect(now).toMatchObject({ kind: "llama3", factor: 8, original: 64 });
});

test("llama3 stretches long waves, leaves short ones and mixes those between", () => {
  const rope = { kind: "llama3", theta: 10_000, factor: 8, low: 1, high: 4, original: 64 } as const;
  const plain = ropeFrequencies({ kind: "default", theta: 10_000 }, 16);
  const found = ropeFrequencies(rope, 16);
  expect(plain[0]).toBe(1);
  expect(found[0]).toBe(1);
  expect(found.slice(3).map((f, i) => plain[i + 3] / f)).toEqual([8, 8, 8, 8, 8]);
  // 64 positions hold 64·f / 2π waves of the second pair: 3.22, 74 % of the way from 1 to 4.
  const share = ((64 * plain[1]) / (2 * Math.PI) - 1) / 3;
  expect(found[1]).toBeCloseTo(plain[1] * ((1 - share) / 8 + share), 12);
});

test("bytes keep each row within half a step of its scale; zeros stay zeros", () => {
  const values = Float32Array.from({ length: 24 }, (_, i) => (i < 16 ? Math.sin(i) * 3 ** (i >> 3) : 0));
  const { bytes, scales } = quantiseRows(values, 8);
  expect(scales[2]).toBe(0);
  for (const [i, value] of values.entries())
    expect(Math.abs(bytes[i] * scales[i >> 3] - value)).toBeLessThanOrEqual(scales[i >> 3] * 0.5001);
  expect([
    Math.max(...bytes.map(Math.abs).subarray(0, 8)),
    Math.max(...bytes.map(Math.abs).subarray(8, 16)),
  ]).toEqual([127, 127]);
});
