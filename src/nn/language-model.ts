// A decoder-only language model: embeddings, transformer blocks, next-token loss. The model by which training is measured.
import { add } from "../ops/binary";
import { crossEntropy } from "../ops/cross-entropy";
import { mean } from "../ops/reduce";
import type { Tensor } from "../tensor/tensor";
import { embedding, embeddingSpecs } from "./embedding";
import { linear, linearSpecs } from "./linear";
import { layerNorm, layerNormSpecs } from "./norm";
import type { ParameterSpecs, Parameters } from "./parameters";
import { type BlockOptions, transformerBlock, transformerBlockSpecs } from "./transformer";

export interface LanguageModelSizes {
  vocabulary: number;
  /** Longest sequence. */
  tokens: number;
  width: number;
  heads: number;
  layers: number;
}

export function languageModelSpecs({
  vocabulary,
  tokens,
  width,
  heads,
  layers,
}: LanguageModelSizes): ParameterSpecs {
  const blocks = Array.from({ length: layers }, (_, i) =>
    transformerBlockSpecs(`blocks.${i}`, { width, heads }),
  );
  return {
    ...embeddingSpecs("tok", vocabulary, width),
    ...embeddingSpecs("pos", tokens, width),
    ...Object.assign({}, ...blocks),
    ...layerNormSpecs("norm", width),
    ...linearSpecs("head", width, vocabulary, { bias: false, muon: false }),
  };
}

/** Logits f[B, tokens, vocabulary] of words u32[B, tokens]; each sees those before it. */
export function languageModel(
  p: Parameters,
  { heads, layers }: LanguageModelSizes,
  words: Tensor,
  options: Omit<BlockOptions, "heads" | "causal"> = {},
): Tensor {
  let x = add(embedding(p, "tok", words), p.at("pos.weight"));
  for (let i = 0; i < layers; i++)
    x = transformerBlock(p, `blocks.${i}`, x, { ...options, heads, causal: true });
  return linear(p, "head", layerNorm(p, "norm", x));
}

/** Mean cross-entropy of `next` u32[B, tokens], the words that follow: f32[]. */
export const languageModelLoss = (
  p: Parameters,
  sizes: LanguageModelSizes,
  words: Tensor,
  next: Tensor,
  options: Omit<BlockOptions, "heads" | "causal"> = {},
): Tensor => mean(crossEntropy(languageModel(p, sizes, words, options), next));
