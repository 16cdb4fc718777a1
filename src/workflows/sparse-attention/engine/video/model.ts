// The video diffusion transformer: patches of pixels and one block of caption tokens in one sequence, joint attention
// with QK-norm and true 3-D rotary positions, adaLN-zero from the time. Functions from tensors to tensors.
// Shape letters: B clips, N video tokens, L = N + 64 tokens, d width, H heads, D = d / H.
import { recompute } from "../../../../autograd/recompute";
import { TesseraError } from "../../../../base/errors";
import type { Gpu } from "../../../../gpu/gpu";
import {
  type HeadOptions,
  packedHeads,
  type Rotation,
  rotation,
  selfAttentionSpecs,
} from "../../../../nn/attention";
import { embedding, embeddingSpecs } from "../../../../nn/embedding";
import { linear, linearSpecs } from "../../../../nn/linear";
import { mlp, mlpSpecs } from "../../../../nn/mlp";
import { gate, modulate, modulation, modulationSpecs } from "../../../../nn/modulation";
import type { ParameterSpecs, Parameters } from "../../../../nn/parameters";
import { attentionPacked } from "../../../../ops/attention-packed";
import { add } from "../../../../ops/binary";
import { concat } from "../../../../ops/concat";
import { layerNorm } from "../../../../ops/layer-norm";
import { sliceAxis } from "../../../../ops/slice";
import { type Tensor, upload, zeros } from "../../../../tensor/tensor";
import { MLP_RATIO, PATCH, type SparseSettings, type VideoConfig } from "../../protocol-video";
import { PATCH_VALUES, videoTokenCount } from "./cost";
import { asStored, embedTime, glorot, rotarySplit, timeFrequencies, timeSpecs } from "./layers";
import { tokenPositions, videoOrder } from "./patches";
import { TEXT_TOKENS, WORDS } from "./words";

/** Base of the rotary frequencies: positions stay below 128, so the slowest pair turns about once. */
const ROTARY_BASE = 256;

/** Weights, and what follows from the sizes and the token order; made once for a run. */
export interface VideoModel {
  readonly config: VideoConfig;
  readonly weights: Parameters;
  /** Raster index of the video token at each place. */
  readonly order: Uint32Array<ArrayBuffer>;
  readonly rotation: Rotation;
  readonly frequencies: Tensor;
  /** Gain and shift of a layer norm that has none of its own. */
  readonly ones: Tensor;
  readonly zeros: Tensor;
}

/**
 * Names and shapes of all weights.
 * @throws TesseraError `params` for sizes that no such model has.
 */
export function modelSpecs(config: VideoConfig): ParameterSpecs {
  checkConfig(config);
  const { dim, layers } = config;
  const blocks = Array.from({ length: layers }, (_, i): ParameterSpecs => {
    const name = `blocks.${i}`;
    return {
      ...modulationSpecs(`${name}.modulation`, dim, 6),
      ...selfAttentionSpecs(`${name}.attn`, dim, { ...headOptions(config), ...glorot(dim, dim) }),
      ...mlpSpecs(`${name}.mlp`, dim, MLP_RATIO * dim, glorot(dim, MLP_RATIO * dim)),
    };
  });
  return {
    ...linearSpecs("patch", PATCH_VALUES, dim, { ...glorot(PATCH_VALUES, dim), muon: false }),
    ...embeddingSpecs("caption.word", WORDS.length, dim),
    ...embeddingSpecs("caption.place", TEXT_TOKENS, dim),
    ...timeSpecs(dim),
    ...Object.assign({}, ...blocks),
    ...modulationSpecs("final.modulation", dim, 2),
    ...linearSpecs("final", dim, PATCH_VALUES, { init: { kind: "zeros" }, muon: false }),
  };
}

const headOptions = ({ heads }: VideoConfig): HeadOptions => ({ heads, qkNorm: true });

function checkConfig({ frames, height, width, dim, layers, heads }: VideoConfig): void {
  const problems: string[] = [];
  for (const [name, value] of Object.entries({ frames, height, width, dim, layers, heads })) {
    if (!Number.isInteger(value) || value < 1)
      problems.push(`${name} must be a whole number above 0, got ${value}`);
  }
  if (height % PATCH || width % PATCH)
    problems.push(`height and width must be multiples of ${PATCH}, got ${height} and ${width}`);
  const head = dim / heads;
  if (head % 4 || head < 8 || head > 256)
    problems.push(`heads must be 8 to 256 wide in steps of 4, got ${dim} / ${heads} = ${head}`);
  if (problems.length) throw new TesseraError("params", problems.join("; "), { problems });
}

/** Binds weights to clips of a size and a token order. The tensors belong to the current scope. */
export function createModel(
  gpu: Gpu,
  config: VideoConfig,
  weights: Parameters,
  kind: SparseSettings["order"] = "raster",
): VideoModel {
  const { dim, heads } = config;
  const order = videoOrder(config, kind);
  const frequencies = timeFrequencies();
  return {
    config,
    weights,
    order,
    rotation: rotation(gpu, tokenPositions(config, order), rotarySplit(dim / heads), { theta: ROTARY_BASE }),
    frequencies: upload(gpu, frequencies, [1, frequencies.length]),
    ones: asStored(weights, upload(gpu, new Float32Array(dim).fill(1), [dim])),
    zeros: zeros(gpu, [dim], weights.flat.dtype),
  };
}

/** The sequence and the condition before the first block. */
export interface Embedded {
  /** [B, L, d]: video tokens, then the caption's. */
  x: Tensor;
  /** [B, d]: SiLU of the embedded time. */
  c: Tensor;
}

/** tokens [B, N, 48], t [B, 1] in [0, 1], caption u32 [B, 64]. */
export function embed(
  { weights, frequencies }: VideoModel,
  tokens: Tensor,
  t: Tensor,
  caption: Tensor,
): Embedded {
  const video = linear(weights, "patch", asStored(weights, tokens));
  const text = add(embedding(weights, "caption.word", caption), weights.at("caption.place.weight"));
  return { x: concat([video, text], 1), c: embedTime(weights, t, frequencies) };
}

/** What a block hands to attention, and what it needs afterwards. */
export interface Asked {
  /** [B, L, 3d]: q, k and v heads of each token, queries and keys normed and rotated. */
  qkv: Tensor;
  /** [B, 6, d]: shift, scale and gate of the attention, then of the MLP. */
  table: Tensor;
}

/** First half of block `layer`: adaLN, then queries, keys and values. */
export function beforeAttention(model: VideoModel, layer: number, { x, c }: Embedded): Asked {
  const { weights, config } = model;
  const name = `blocks.${layer}`;
  const table = modulation(weights, `${name}.modulation`, c, 6);
  const h = modulate(layerNorm(x, model.ones, model.zeros), table, { shift: 0, scale: 1 });
  const options = { ...headOptions(config), rotary: model.rotation };
  return { qkv: packedHeads(weights, `${name}.attn`, h, options), table };
}

/** Second half: x + gate·W o, then the MLP. `o` [B, L, d] is what attention gave; result [B, L, d]. */
export function afterAttention(
  model: VideoModel,
  layer: number,
  x: Tensor,
  o: Tensor,
  table: Tensor,
): Tensor {
  const { weights } = model;
  const name = `blocks.${layer}`;
  const y = gate(linear(weights, `${name}.attn.proj`, o), table, 2, x);
  const h = modulate(layerNorm(y, model.ones, model.zeros), table, { shift: 3, scale: 4 });
  return gate(mlp(weights, `${name}.mlp`, h, { activation: "gelu-tanh" }), table, 5, y);
}

/** Velocity of the video tokens, [B, N, 48]. */
export function readout(model: VideoModel, { x, c }: Embedded): Tensor {
  const table = modulation(model.weights, "final.modulation", c, 2);
  const video = sliceAxis(x, 1, 0, videoTokenCount(model.config));
  const h = modulate(layerNorm(video, model.ones, model.zeros), table, { shift: 0, scale: 1 });
  return linear(model.weights, "final", h);
}

/**
 * Velocity with dense attention, for training: tokens [B, N, 48], t [B, 1], caption u32 [B, 64] → [B, N, 48]. With
 * `lean`, each block's intermediates are computed again in the reverse sweep instead of kept.
 */
export function velocity(
  model: VideoModel,
  tokens: Tensor,
  t: Tensor,
  caption: Tensor,
  lean = false,
): Tensor {
  const { x: start, c } = embed(model, tokens, t, caption);
  let x = start;
  for (let layer = 0; layer < model.config.layers; layer++) {
    const block = (x: Tensor, c: Tensor): Tensor => {
      const { qkv, table } = beforeAttention(model, layer, { x, c });
      return afterAttention(model, layer, x, attentionPacked(qkv, { heads: model.config.heads }), table);
    };
    x = lean ? recompute(block, [x, c]) : block(x, c);
  }
  return readout(model, { x, c });
}
