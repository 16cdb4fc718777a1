// The forward pass of a Llama-family model: RMS norm, packed attention with rotary positions, SwiGLU, head. It records work
// and reads nothing back. Sources: Touvron et al. 2023 (Llama), Qwen2 and Qwen3 reports; checked against transformers.
import type { Gpu } from "../../../../gpu/gpu";
import { attentionPacked } from "../../../../ops/attention-packed";
import { add } from "../../../../ops/binary";
import { concat } from "../../../../ops/concat";
import { gated } from "../../../../ops/gated";
import { headNorm } from "../../../../ops/head-norm";
import { matmul } from "../../../../ops/matmul";
import { rmsNorm } from "../../../../ops/rms-norm";
import { rotary, turnWords } from "../../../../ops/rotary";
import { sliceAxis } from "../../../../ops/slice";
import { weightProduct } from "../../../../ops/weight-product";
import { weightRows } from "../../../../ops/weight-rows";
import { type Tensor, upload } from "../../../../tensor/tensor";
import type { LanguageConfig } from "./config";
import { ropeFrequencies } from "./rope";
import type { LanguageWeights, LayerWeights, Matrix, MatrixPart } from "./weights";

export interface LanguageModel {
  config: LanguageConfig;
  weights: LanguageWeights;
  /** Frequencies of the positions, u32[pairs, 2]. */
  turns: Tensor;
}

export function makeLanguageModel(gpu: Gpu, config: LanguageConfig, weights: LanguageWeights): LanguageModel {
  const frequencies = ropeFrequencies(config.rope, config.headWidth);
  const turns = upload(gpu, turnWords(frequencies), [frequencies.length, 2], "u32");
  return { config, weights, turns };
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
  let x = embed(weights.embedding, words);
  for (const [i, layer] of weights.layers.entries()) {
    const packed = packedHeads(model, layer, rmsNorm(x, layer.attentionNorm, config.eps), positions);
    x = product(attend(packed, i), layer.out, x);
    const halves = product(rmsNorm(x, layer.mlpNorm, config.eps), layer.gateUp);
    x = product(gated(halves, "silu"), layer.down, x);
  }
  return rmsNorm(x, weights.norm, config.eps);
}

/** Logits f32[T, vocabulary]. */
export const logitsOf = ({ weights }: LanguageModel, hidden: Tensor): Tensor => product(hidden, weights.head);

/** The last row only, f32[1, width]. */
export const lastRow = (hidden: Tensor): Tensor =>
  hidden.shape[0] === 1 ? hidden : sliceAxis(hidden, 0, hidden.shape[0] - 1, hidden.shape[0]);

function packedHeads(
  { config, turns }: LanguageModel,
  layer: LayerWeights,
  x: Tensor,
  positions: Tensor,
): Tensor {
  const { heads, kvHeads, headWidth, eps } = config;
  const rows = product(x, layer.qkv);
  let heads3 = rows.reshape([rows.shape[0], heads + 2 * kvHeads, headWidth]);
  if (layer.headNorms) heads3 = headNorm(heads3, layer.headNorms, { heads, kvHeads, eps });
  const split = [headWidth / 2];
  heads3 = rotary(heads3, positions, turns, { split, interleaved: false, turned: heads + kvHeads });
  return heads3.reshape(rows.shape);
}

/** Each part gives zeros for words that lie in another. */
const embed = (table: Matrix, words: Tensor): Tensor =>
  table.map((part) => weightRows(part, words, part.first)).reduce((a, b) => add(a, b));

/** x·Wᵀ + bias + residual. */
function product(x: Tensor, matrix: Matrix, residual?: Tensor): Tensor {
  if (matrix.length === 1) return partProduct(x, matrix[0], residual);
  const whole = concat(
    matrix.map((part) => partProduct(x, part)),
    -1,
  );
  return residual ? add(whole, residual) : whole;
}

/** Several tokens at once with f32 weights are a plain matrix product, for which there are kernels with larger tiles. */
function partProduct(x: Tensor, { w, scale, bias }: MatrixPart, residual?: Tensor): Tensor {
  if (x.shape[0] > 1 && w.dtype === "f32") return matmul(x, w, { transposeB: true, bias, residual });
  return weightProduct(x, { w, scale }, { bias, residual });
}
