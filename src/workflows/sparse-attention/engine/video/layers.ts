// What the video transformer adds to the layers of nn/: the embedding of the time, the split of rotary pairs over frame, row
// and column, and heads apart for the block kernels.
import { linear, linearSpecs } from "../../../../nn/linear";
import type { ParameterSpecs, Parameters } from "../../../../nn/parameters";
import { mul } from "../../../../ops/binary";
import { cast } from "../../../../ops/cast";
import { concat } from "../../../../ops/concat";
import { permute } from "../../../../ops/permute";
import { sliceAxis } from "../../../../ops/slice";
import { cos, silu, sin } from "../../../../ops/unary";
import type { Tensor } from "../../../../tensor/tensor";

/** Uniform by Glorot and Bengio with zero biases, as diffusion transformers start. */
export const glorot = (fanIn: number, fanOut: number) =>
  ({ init: { kind: "xavier-uniform", fanIn, fanOut } }) as const;

/** Features of the sinusoidal embedding of the time. */
const TIME_FEATURES = 256;
/** Times lie in [0, 1]; the field's embeddings are made for steps up to 1,000. */
const TIME_SCALE = 1000;

/** Angular frequencies f32 [128], from 1,000 down to 0.1 radians per unit of time. */
export const timeFrequencies = (): Float32Array =>
  Float32Array.from(
    { length: TIME_FEATURES / 2 },
    (_, i) => TIME_SCALE * 10_000 ** ((-2 * i) / TIME_FEATURES),
  );

export const timeSpecs = (dim: number): ParameterSpecs => ({
  ...linearSpecs("time.in", TIME_FEATURES, dim, { ...glorot(TIME_FEATURES, dim), muon: false }),
  ...linearSpecs("time.out", dim, dim, { ...glorot(dim, dim), muon: false }),
});

/** SiLU of the embedded time: t [B, 1] → c [B, d], which every modulation reads. `frequencies` [1, 128]. */
export function embedTime(weights: Parameters, t: Tensor, frequencies: Tensor): Tensor {
  const angles = mul(t, frequencies);
  const features = asStored(weights, concat([cos(angles), sin(angles)], -1));
  return silu(linear(weights, "time.out", linear(weights, "time.in", features, { activation: "silu" })));
}

/** x in the element type that the weights are stored in, where it is another one. */
export const asStored = ({ flat }: Parameters, x: Tensor): Tensor =>
  x.dtype === flat.dtype ? x : cast(x, flat.dtype);

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
