// Products with matrices that lie in parts, packed: token by token by a kernel that decodes as it reads, many tokens at once
// by decoding a block of rows and taking the plain matrix product, for which there are kernels with larger tiles.
import type { Gpu } from "../../../../gpu/gpu";
import { add } from "../../../../ops/binary";
import { concat } from "../../../../ops/concat";
import { matmul } from "../../../../ops/matmul";
import { weightProduct } from "../../../../ops/weight-product";
import { weightRows } from "../../../../ops/weight-rows";
import { scopedSync } from "../../../../tensor/scope";
import { type Tensor, upload } from "../../../../tensor/tensor";
import type { LanguageWeights, Matrix, MatrixPart } from "./weights";

/** With fewer tokens, decoding the weights apart costs more than the better kernel saves. */
const MANY_TOKENS = 32;
/** Values of a block of decoded rows, at most. */
const BLOCK = 8 << 20;

/** 0, 1, 2, … u32: which rows of a block are decoded, as many as a block may have. */
export function blockOrdinals(gpu: Gpu, { embedding, head, layers }: LanguageWeights): Tensor {
  const parts = [embedding, head, ...layers.flatMap((l) => [l.qkv, l.out, l.gateUp, l.down])].flat();
  const rows = Math.max(...parts.map((part) => part.rows));
  const columns = Math.max(...parts.map(({ w, scale }) => w.shape[1] * (scale ? 4 : 1)));
  const most = Math.min(rows, Math.max(1, Math.floor(BLOCK / columns)));
  return upload(
    gpu,
    Uint32Array.from({ length: most }, (_, i) => i),
    [most],
    "u32",
  );
}

/** Each part gives zeros for words that lie in another. */
export const embed = (table: Matrix, words: Tensor): Tensor =>
  table.map((part) => weightRows(part, words, part.first)).reduce((a, b) => add(a, b));

/** x·Wᵀ + bias + residual. */
export function product(x: Tensor, matrix: Matrix, ordinals: Tensor, residual?: Tensor): Tensor {
  if (matrix.length === 1) return partProduct(x, matrix[0], ordinals, residual);
  const parts = matrix.map((part) => partProduct(x, part, ordinals));
  const whole = concat(parts, -1);
  return residual ? add(whole, residual) : whole;
}

function partProduct(x: Tensor, part: MatrixPart, ordinals: Tensor, residual?: Tensor): Tensor {
  const { w, bias } = part;
  const tokens = x.shape[0];
  if (tokens > 1 && w.dtype === "f32") return matmul(x, w, { transposeB: true, bias, residual });
  if (tokens < MANY_TOKENS) return weightProduct(x, part, { bias, residual });
  return scopedSync(x.gpu, (keep) => keep(decodedProduct(x, part, ordinals, residual)));
}

/** In a scope of its own: decoded rows are several times as large as what they were decoded from. */
function decodedProduct(x: Tensor, part: MatrixPart, ordinals: Tensor, residual?: Tensor): Tensor {
  const { bias } = part;
  const step = Math.min(part.rows, ordinals.shape[0]);
  const decoded = (from: number): Tensor =>
    weightRows(part, ordinals.window(0, [Math.min(step, part.rows - from)]), -from);
  if (step === part.rows) return matmul(x, decoded(0), { transposeB: true, bias, residual });
  const blocks: Tensor[] = [];
  for (let from = 0; from < part.rows; from += step) {
    const rows = decoded(from);
    blocks.push(matmul(x, rows, { transposeB: true }));
    rows.free();
  }
  return [bias, residual].reduce((sum: Tensor, more) => (more ? add(sum, more) : sum), concat(blocks, -1));
}
