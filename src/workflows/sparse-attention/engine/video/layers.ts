// The layers that the video transformer is made of, as functions of named weights: linear, adaLN modulation, time and
// caption embedding, heads with QK-norm and rotary positions. No layer knows where in the model it stands.
import type { Init } from "../../../../nn/init";
import type { ParameterSpecs, Parameters } from "../../../../nn/parameters";
import { add, mul } from "../../../../ops/binary";
import { concat } from "../../../../ops/concat";
import { gather } from "../../../../ops/gather";
import { type MatmulOptions, matmul } from "../../../../ops/matmul";
import { permute } from "../../../../ops/permute";
import { rmsNorm } from "../../../../ops/rms-norm";
import { rotary } from "../../../../ops/rotary";
import { sliceAxis } from "../../../../ops/slice";
import { affine, cos, silu, sin } from "../../../../ops/unary";
import type { Tensor } from "../../../../tensor/tensor";

/** Weight [out, in] and bias [out], as PyTorch names and stores them. */
export function linearSpecs(name: string, from: number, to: number, init?: Init): ParameterSpecs {
  const weight = init ?? ({ kind: "xavier-uniform", fanIn: from, fanOut: to } as const);
  return {
    [`${name}.weight`]: { shape: [to, from], init: weight },
    [`${name}.bias`]: { shape: [to], init: { kind: "zeros" }, decay: false },
  };
}

/** act(x·Wᵀ + b): x [..., in] → [..., out]. */
export const linear = (
  weights: Parameters,
  name: string,
  x: Tensor,
  options: Pick<MatmulOptions, "activation"> = {},
): Tensor =>
  matmul(x, weights.at(`${name}.weight`), {
    transposeB: true,
    bias: weights.at(`${name}.bias`),
    ...options,
  });

/** Features of the sinusoidal embedding of the time. */
export const TIME_FEATURES = 256;
/** Times lie in [0, 1]; the field's embeddings are made for steps up to 1,000. */
const TIME_SCALE = 1000;

/** Angular frequencies f32 [1, 128], from 1,000 down to 0.1 radians per unit of time. */
export const timeFrequencies = (): Float32Array =>
  Float32Array.from(
    { length: TIME_FEATURES / 2 },
    (_, i) => TIME_SCALE * 10_000 ** ((-2 * i) / TIME_FEATURES),
  );

export const timeSpecs = (dim: number): ParameterSpecs => ({
  ...linearSpecs("time.in", TIME_FEATURES, dim),
  ...linearSpecs("time.out", dim, dim),
});

/** SiLU of the embedded time: t [B, 1] → c [B, d], which every modulation reads. */
export function embedTime(weights: Parameters, t: Tensor, frequencies: Tensor): Tensor {
  const angles = mul(t, frequencies);
  const features = concat([cos(angles), sin(angles)], -1);
  return silu(linear(weights, "time.out", linear(weights, "time.in", features, { activation: "silu" })));
}

/** Caption tokens u32 [B, 64] → [B, 64, d]: an embedding per word and one per place. */
export const embedCaption = (weights: Parameters, tokens: Tensor): Tensor =>
  add(gather(weights.at("caption.word"), tokens), weights.at("caption.place"));

/** adaLN-zero: c [B, d] → `parts` tensors [B, 1, d]; the weights start at zero. */
export const modulationSpecs = (name: string, dim: number, parts: number): ParameterSpecs =>
  linearSpecs(name, dim, parts * dim, { kind: "zeros" });

export function modulation(weights: Parameters, name: string, c: Tensor, parts: number): Tensor[] {
  const [batch, dim] = c.shape;
  const all = linear(weights, name, c).reshape([batch, parts, dim]);
  return Array.from({ length: parts }, (_, i) => sliceAxis(all, 1, i, i + 1));
}

/** x·(1 + scale) + shift, x [B, L, d] with scale and shift [B, 1, d]. */
export const modulate = (x: Tensor, shift: Tensor, scale: Tensor): Tensor =>
  add(mul(x, affine(scale, 1, 1)), shift);

/** [B, L, H·D] → [B, H, L, D]. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = x.shape;
  return permute(x.reshape([batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, H, L, D] → [B, L, H·D]. */
export function joinHeads(x: Tensor): Tensor {
  const [batch, heads, length, width] = x.shape;
  return permute(x, [0, 2, 1, 3]).reshape([batch, length, heads * width]);
}

/** Positions u32 [L, 3] and the table of frequencies of `rotary`. */
export interface Rotation {
  positions: Tensor;
  table: Tensor;
  split: readonly number[];
}

/** RMS norm of each head's features, then the rotation of its token: x [B, H, L, D]. */
export const normAndRotate = (x: Tensor, gain: Tensor, { positions, table, split }: Rotation): Tensor =>
  rotary(rmsNorm(x, gain), positions, table, { split, interleaved: true });

/**
 * Pairs of features for frame, row and column, about 1 : 1.5 : 1.5, of heads of width D.
 * D = 32 gives 4, 6, 6; D = 64 gives 8, 12, 12.
 */
export function rotarySplit(width: number): [number, number, number] {
  const pairs = width / 2;
  const time = Math.max(1, Math.round(pairs / 4));
  const rest = pairs - time;
  return [time + (rest % 2), Math.floor(rest / 2), Math.floor(rest / 2)];
}
