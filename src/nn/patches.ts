// Pictures and clips as rows of tokens and back: one token for each patch. It moves values; the product is `linear`'s.
import { TesseraError } from "../base/errors";
import { matmul } from "../ops/matmul";
import { permute } from "../ops/permute";
import { formatShape, type Shape, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import type { ParameterSpecs, Parameters } from "./parameters";

/** Patches along each axis of space (and time). @throws TesseraError `shape` where they do not come out even. */
export function patchCounts(space: Shape, size: Shape): number[] {
  const counts = space.map((n, i) => n / size[i]);
  if (space.length !== size.length || !counts.every(Number.isInteger))
    throw new TesseraError(
      "shape",
      `patches: ${formatShape(space)} cannot be cut into patches of ${formatShape(size)}`,
    );
  return counts;
}

/** x f[B, C, ...space] → f[B, patches, C · patch], features of a patch in the order [C, ...patch], as a convolution has. */
export function toPatches(x: Tensor, size: Shape): Tensor {
  const [batch, channels, ...space] = x.shape;
  const counts = patchCounts(space, size);
  const cut = x.reshape([batch, channels, ...counts.flatMap((n, i) => [n, size[i]])]);
  const axes = counts.map((_, i) => 2 + 2 * i);
  return permute(cut, [0, ...axes, 1, ...axes.map((a) => a + 1)]).reshape([
    batch,
    sizeOf(counts),
    channels * sizeOf(size),
  ]);
}

/** The reverse: tokens f[B, patches, C · patch] → f[B, C, ...space]. */
export function fromPatches(tokens: Tensor, size: Shape, space: Shape): Tensor {
  const counts = patchCounts(space, size);
  const [batch, , features] = tokens.shape;
  const channels = features / sizeOf(size);
  const cut = tokens.reshape([batch, ...counts, channels, ...size]);
  const rank = counts.length;
  const order = counts.flatMap((_, i) => [1 + i, 2 + rank + i]);
  return permute(cut, [0, 1 + rank, ...order]).reshape([batch, channels, ...space]);
}

/** Named and stored as the convolution it is: weight [width, C, ...patch], bias [width]. */
export function patchEmbeddingSpecs(
  name: string,
  channels: number,
  size: Shape,
  width: number,
): ParameterSpecs {
  const fanIn = channels * sizeOf(size);
  const init = { kind: "xavier-uniform", fanIn, fanOut: width } as const;
  return {
    [`${name}.weight`]: { shape: [width, channels, ...size], init },
    [`${name}.bias`]: { shape: [width], init: { kind: "zeros" }, decay: false },
  };
}

/** x f[B, C, ...space] → tokens f[B, patches, width], in row-major order of the patches. */
export function patchEmbedding(p: Parameters, name: string, x: Tensor): Tensor {
  const kernel = p.at(`${name}.weight`);
  const [width, channels, ...size] = kernel.shape;
  const weight = kernel.reshape([width, channels * sizeOf(size)]);
  return matmul(toPatches(x, size), weight, { transposeB: true, bias: p.at(`${name}.bias`) });
}
