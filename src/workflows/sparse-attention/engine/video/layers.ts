// The layers that the video transformer is made of, as functions of named weights: linear, adaLN modulation, time and
// caption embedding, heads with QK-norm and rotary positions. No layer knows where in the model it stands.
import type { Init } from "../../../../nn/init";
import type { ParameterSpecs, Parameters } from "../../../../nn/parameters";
import { add, mul } from "../../../../ops/binary";
import { concat } from "../../../../ops/concat";
import { gather } from "../../../../ops/gather";
import { headNorm } from "../../../../ops/head-norm";
import { type MatmulOptions, matmul } from "../../../../ops/matmul";
import { permute } from "../../../../ops/permute";
import { rotary } from "../../../../ops/rotary";
import { sliceAxis } from "../../../../ops/slice";
import { cos, silu, sin } from "../../../../ops/unary";
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

/** adaLN-zero: c [B, d] → a table of `parts` vectors [B, parts, d]; the weights start at zero. */
export const modulationSpecs = (name: string, dim: number, parts: number): ParameterSpecs =>
  linearSpecs(name, dim, parts * dim, { kind: "zeros" });

export const modulation = (weights: Parameters, name: string, c: Tensor, parts: number): Tensor =>
  linear(weights, name, c).reshape([c.shape[0], parts, c.shape[1]]);

/** Queries, keys and values apart, [B, H, L, D] each. */
export interface HeadTensors {
  q: Tensor;
  k: Tensor;
  v: Tensor;
}

/** Packed rows [B, L, 3d], q heads, k heads and v heads of each token, as [B, H, L, D] each. */
export function unpackHeads(qkv: Tensor, heads: number): HeadTensors {
  const [batch, length, width] = qkv.shape;
  const dim = width / 3 / heads;
  const all = permute(qkv.reshape([batch, length, 3, heads, dim]), [2, 0, 3, 1, 4]);
  const part = (i: number): Tensor => sliceAxis(all, 0, i, i + 1).reshape([batch, heads, length, dim]);
  return { q: part(0), k: part(1), v: part(2) };
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

/** RMS norm of each query and key head, then the rotation of its token, on packed rows [B, L, 3d]. */
export function normAndRotate(
  qkv: Tensor,
  gains: { q: Tensor; k: Tensor },
  heads: number,
  { positions, table, split }: Rotation,
): Tensor {
  const [batch, length, width] = qkv.shape;
  const rows = qkv.reshape([batch, length, 3 * heads, width / 3 / heads]);
  const normed = headNorm(rows, gains, { heads, kvHeads: heads });
  return rotary(normed, positions, table, { split, interleaved: true, turned: 2 * heads }).reshape(qkv.shape);
}

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
