// The forward pass of a Llama-family model: RMS norm, packed attention with rotary positions, SwiGLU, head. It records work
// and reads nothing back. Sources: Touvron et al. 2023 (Llama), Qwen2 and Qwen3 reports; checked against transformers.
import type { Gpu } from "../../../../gpu/gpu";
import { attentionPacked } from "../../../../ops/attention-packed";
import { gated } from "../../../../ops/gated";
import { headNorm } from "../../../../ops/head-norm";
import { rmsNorm } from "../../../../ops/rms-norm";
import { rotary, turnWords } from "../../../../ops/rotary";
import { sliceAxis } from "../../../../ops/slice";
import { scopedSync } from "../../../../tensor/scope";
import { type Tensor, upload } from "../../../../tensor/tensor";
import type { LanguageConfig } from "./config";
import { blockOrdinals, embed, product } from "./product";
import { ropeFrequencies } from "./rope";
import type { LanguageWeights, LayerWeights } from "./weights";

export interface LanguageModel {
  config: LanguageConfig;
  weights: LanguageWeights;
  /** Frequencies of the positions, u32[pairs, 2]. */
  turns: Tensor;
  /** See `blockOrdinals`. */
  ordinals: Tensor;
}

export function makeLanguageModel(gpu: Gpu, config: LanguageConfig, weights: LanguageWeights): LanguageModel {
  const frequencies = ropeFrequencies(config.rope, config.headWidth);
  const turns = upload(gpu, turnWords(frequencies), [frequencies.length, 2], "u32");
  return { config, weights, turns, ordinals: blockOrdinals(gpu, weights) };
}

/** What attention does with packed rows [T, q | k | v heads] of a layer: f32[T, heads · head width]. */
export type Attend = (packed: Tensor, layer: number) => Tensor;

/** Every token sees those before it and itself; nothing is kept. */
export const causalAttention =
  ({ config: { heads, kvHeads } }: LanguageModel): Attend =>
  (packed) =>
    attentionPacked(packed, { heads, kvHeads, causal: true });

/**
 * Words u32[T] at `positions` u32[T, 1] → what the head reads, f32[T, width]: after the last norm.
 */
export function hiddenStates(model: LanguageModel, words: Tensor, positions: Tensor, attend: Attend): Tensor {
  const { config, weights } = model;
  const { gpu } = words;
  let x = embed(weights.embedding, words);
  for (const [i, layer] of weights.layers.entries()) {
    // A scope for each layer: what it decodes and computes on its way must not add up over the layers.
    const next = scopedSync(gpu, (keep) =>
      keep(layerOutput(model, layer, x, positions, (p) => attend(p, i))),
    );
    x.free();
    x = next;
  }
  const hidden = scopedSync(gpu, (keep) => keep(rmsNorm(x, weights.norm, config.eps)));
  x.free();
  return hidden;
}

function layerOutput(
  model: LanguageModel,
  layer: LayerWeights,
  x: Tensor,
  positions: Tensor,
  attend: (packed: Tensor) => Tensor,
): Tensor {
  const { config, ordinals } = model;
  const packed = packedHeads(model, layer, rmsNorm(x, layer.attentionNorm, config.eps), positions);
  const y = product(attend(packed), layer.out, ordinals, x);
  const halves = product(rmsNorm(y, layer.mlpNorm, config.eps), layer.gateUp, ordinals);
  return product(gated(halves, "silu"), layer.down, ordinals, y);
}

/** Logits f32[T, vocabulary]. */
export const logitsOf = ({ weights, ordinals }: LanguageModel, hidden: Tensor): Tensor =>
  product(hidden, weights.head, ordinals);

/** The last row only, f32[1, width]. */
export const lastRow = (hidden: Tensor): Tensor =>
  hidden.shape[0] === 1 ? hidden : sliceAxis(hidden, 0, hidden.shape[0] - 1, hidden.shape[0]);

function packedHeads(
  { config, turns, ordinals }: LanguageModel,
  layer: LayerWeights,
  x: Tensor,
  positions: Tensor,
): Tensor {
  const { heads, kvHeads, headWidth, eps } = config;
  const rows = product(x, layer.qkv, ordinals);
  let heads3 = rows.reshape([rows.shape[0], heads + 2 * kvHeads, headWidth]);
  if (layer.headNorms) heads3 = headNorm(heads3, layer.headNorms, { heads, kvHeads, eps });
  const split = [headWidth / 2];
  heads3 = rotary(heads3, positions, turns, { split, interleaved: false, turned: heads + kvHeads });
  return heads3.reshape(rows.shape);
}
