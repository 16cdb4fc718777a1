// Multi-head self-attention: one product for queries, keys and values, QK-norm and rotary positions where the heads lie,
// flash attention, one product with the residual in its epilogue. No head is ever moved.
import type { Gpu } from "../gpu/gpu";
import { attentionPacked } from "../ops/attention-packed";
import { headNorm } from "../ops/head-norm";
import { rotary, rotaryTable } from "../ops/rotary";
import { type Tensor, upload } from "../tensor/tensor";
import { type LinearSpecOptions, linear, linearSpecs } from "./linear";
import type { ParameterSpecs, Parameters } from "./parameters";

export interface HeadOptions {
  heads: number;
  /** Key and value heads, a divisor of `heads`: grouped heads. As many when left out. */
  kvHeads?: number;
  /** RMS norm of each query and key head before the product of the two. */
  qkNorm?: boolean;
}

/** `qkv` [width] → [q heads | k heads | v heads], `proj` [width] → [width]; `q_norm` and `k_norm` with QK-norm. */
export function selfAttentionSpecs(
  name: string,
  width: number,
  { heads, kvHeads = heads, qkNorm = false, ...options }: HeadOptions & LinearSpecOptions,
): ParameterSpecs {
  const head = width / heads;
  const gain = { shape: [head], init: { kind: "ones" }, decay: false } as const;
  return {
    ...linearSpecs(`${name}.qkv`, width, (heads + 2 * kvHeads) * head, options),
    ...(qkNorm && { [`${name}.q_norm.weight`]: gain, [`${name}.k_norm.weight`]: gain }),
    ...linearSpecs(`${name}.proj`, width, width, options),
  };
}

/** Positions of the tokens and the frequencies of `rotary`; made once for a model, by `rotation`. */
export interface Rotation {
  /** u32 or f32 [L, axes]. */
  positions: Tensor;
  table: Tensor;
  /** Pairs of features that turn with each axis. */
  split: readonly number[];
  /** Pairs are neighbours (2i, 2i + 1), else (i, i + pairs). */
  interleaved: boolean;
}

/**
 * Rotary positions in one, two or three dimensions: `positions` [L · axes] row by row, `split` as many pairs of features
 * for each axis, together at most half of a head. The tensors belong to the current scope.
 */
export function rotation(
  gpu: Gpu,
  positions: ArrayLike<number>,
  split: readonly number[],
  { theta = 10_000, interleaved = true }: { theta?: number; interleaved?: boolean } = {},
): Rotation {
  const axes = split.length;
  return {
    positions: upload(gpu, positions, [positions.length / axes, axes], "u32"),
    table: rotaryTable(gpu, split, theta),
    split,
    interleaved,
  };
}

/** What self-attention reads, with QK-norm and positions: x f[..., L, width] → packed rows f[..., L, q | k | v heads]. */
export function packedHeads(
  p: Parameters,
  name: string,
  x: Tensor,
  { heads, kvHeads = heads, qkNorm, rotary: turn }: HeadOptions & { rotary?: Rotation },
): Tensor {
  const packed = linear(p, `${name}.qkv`, x);
  const rows = [
    ...packed.shape.slice(0, -1),
    heads + 2 * kvHeads,
    packed.shape.at(-1)! / (heads + 2 * kvHeads),
  ];
  let qkv = packed.reshape(rows);
  if (qkNorm) {
    const gains = { q: p.at(`${name}.q_norm.weight`), k: p.at(`${name}.k_norm.weight`) };
    qkv = headNorm(qkv, gains, { heads, kvHeads });
  }
  if (turn) {
    const { split, interleaved } = turn;
    qkv = rotary(qkv, turn.positions, turn.table, { split, interleaved, turned: heads + kvHeads });
  }
  return qkv.reshape(packed.shape);
}

/** x f[..., L, width] → f[..., L, width]. `rotary` left out: the model knows positions by other means. */
export function selfAttention(
  p: Parameters,
  name: string,
  x: Tensor,
  options: HeadOptions & { causal?: boolean; rotary?: Rotation; residual?: Tensor },
): Tensor {
  const { heads, kvHeads = heads, causal, residual } = options;
  const o = attentionPacked(packedHeads(p, name, x, options), { heads, kvHeads, causal });
  return linear(p, `${name}.proj`, o, { residual });
}
