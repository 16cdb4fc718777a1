// A pre-norm transformer block, x + attention(norm(x)), then x + mlp(norm(x)): seven dispatches forward.
import { recompute } from "../autograd/recompute";
import { add as plus } from "../ops/binary";
import type { Tensor } from "../tensor/tensor";
import { type HeadOptions, type Rotation, selfAttention, selfAttentionSpecs } from "./attention";
import { type DropoutOptions, dropout } from "./dropout";
import { mlp, mlpSpecs } from "./mlp";
import { layerNorm, layerNormSpecs } from "./norm";
import type { ParameterSpecs, Parameters } from "./parameters";

export interface BlockSizes extends HeadOptions {
  width: number;
  /** Width of the feed-forward layer; four times `width` when left out. */
  hidden?: number;
}

export const transformerBlockSpecs = (
  name: string,
  { width, hidden = 4 * width, ...heads }: BlockSizes,
): ParameterSpecs => ({
  ...layerNormSpecs(`${name}.norm1`, width),
  ...selfAttentionSpecs(`${name}.attn`, width, heads),
  ...layerNormSpecs(`${name}.norm2`, width),
  ...mlpSpecs(`${name}.mlp`, width, hidden),
});

export interface BlockOptions extends HeadOptions {
  causal?: boolean;
  rotary?: Rotation;
  activation?: "gelu" | "gelu-tanh" | "silu" | "relu";
  /** On what either half adds to x. */
  dropout?: DropoutOptions;
  /** Computes the block's intermediates again in the reverse sweep instead of keeping them. */
  recompute?: boolean;
}

/** x f[..., L, width] → f[..., L, width]. */
export function transformerBlock(p: Parameters, name: string, x: Tensor, options: BlockOptions): Tensor {
  const { activation, dropout: drop } = options;
  /** The residual goes into the last product, unless dropout stands between. */
  const add = (residual: Tensor, part: string, branch: (residual?: Tensor) => Tensor): Tensor =>
    drop?.clock && drop.rate > 0
      ? plus(residual, dropout(`${name}.${part}`, branch(), drop))
      : branch(residual);
  const body = (input: Tensor): Tensor => {
    const mixed = add(input, "attn", (residual) =>
      selfAttention(p, `${name}.attn`, layerNorm(p, `${name}.norm1`, input), { ...options, residual }),
    );
    return add(mixed, "mlp", (residual) =>
      mlp(p, `${name}.mlp`, layerNorm(p, `${name}.norm2`, mixed), { activation, residual }),
    );
  };
  return options.recompute ? recompute(body, [x]) : body(x);
}
