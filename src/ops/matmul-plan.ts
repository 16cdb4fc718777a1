// Plans one matrix product for the device: padding, batch strides, split of a long inner axis. The kernels are those of
// matmul-tiles.ts.
import { TesseraError } from "../base/errors";
import { formatShape, sizeOf, stridesOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { type Activation, launchTiles, type TileOperands } from "./matmul-tiles";
import type { LaunchContext } from "./op";
import { lengthClass } from "./rows";
import { copyVariant, mergeAxes } from "./strided";

export interface MatmulAttrs {
  /** a is stored [..., K, M] instead of [..., M, K]. */
  transposeA?: boolean;
  /** b is stored [..., N, K] instead of [..., K, N]. */
  transposeB?: boolean;
  activation?: Activation;
  scale?: number;
  /**
   * Gives what goes into the activation as a second result, for the gradient, which else computes it again. Costs memory;
   * saves a product.
   */
  keepsArgument?: boolean;
}

/** A product with fewer 4 x 4 tiles than this leaves a large device idle; a long inner axis is then split. */
const FEW_TILES = 2048;
const LONG_INNER = 1024;

/** Sizes of op(a) [m, k] times op(b) [k, n] and the batch shape of each. */
export interface Sizes {
  m: number;
  n: number;
  k: number;
  batchA: readonly number[];
  batchB: readonly number[];
  batch: readonly number[];
}

interface Operand {
  tensor: Tensor;
  /** Stored row length and elements of one matrix, after padding. */
  row: number;
  matrix: number;
}

/** Rows become multiples of 4 long, and a stored inner axis gets whole blocks of 4 rows, filled with zeros. */
export function padded<A>(context: LaunchContext<A>, x: Tensor, innerFirst: boolean): Operand {
  const [rows, cols] = x.shape.slice(-2);
  const paddedRows = innerFirst ? Math.ceil(rows / 4) * 4 : rows;
  const paddedCols = Math.ceil(cols / 4) * 4;
  if (paddedRows === rows && paddedCols === cols) return { tensor: x, row: cols, matrix: rows * cols };
  const batch = x.shape.slice(0, -2);
  const count = sizeOf(batch);
  const copy = context.temp([...batch, paddedRows, paddedCols], x.dtype);
  context.gpu.queue.record({ kind: "clear", target: copy.allocation });
  const axes = [
    { n: count, src: rows * cols, dst: paddedRows * paddedCols },
    { n: rows, src: cols, dst: paddedCols },
    { n: cols, src: 1, dst: 1 },
  ];
  context.dispatch({
    variants: [copyVariant({ axes, srcBase: 0, dstBase: 0 }, x.dtype, "matmul")],
    bindings: [x, copy],
    work: x.size * 8,
    label: "matmul padding",
  });
  return { tensor: copy, row: paddedCols, matrix: paddedRows * paddedCols };
}

/** Largest divisor of the inner blocks that brings the number of tiles near what a large device can hold. */
export function chooseSplits(tiles: number, k4: number): number {
  if (tiles >= FEW_TILES || k4 * 4 < LONG_INNER) return 1;
  const wanted = Math.min(Math.ceil(FEW_TILES / tiles), Math.floor((k4 * 4) / 128), 64);
  for (let splits = wanted; splits > 1; splits--) if (k4 % splits === 0) return splits;
  return 1;
}

function batchStrides(own: readonly number[], batch: readonly number[], matrix: number): number[] {
  const strides = stridesOf(own);
  return batch.map((_, i) => {
    const axis = i - (batch.length - own.length);
    return axis < 0 || own[axis] === 1 ? 0 : strides[axis] * matrix;
  });
}

const four = (values: readonly number[], filler: number): number[] => [
  ...new Array(4 - values.length).fill(filler),
  ...values,
];

/** Records the product of `a` and `b` with its epilogue into `c`. */
export function launchMatmul(
  context: LaunchContext<MatmulAttrs>,
  sizes: Sizes,
  operands: TileOperands,
): void {
  const { attrs } = context;
  const { bias, residual, c, extra } = operands;
  const { transposeA = false, transposeB = false, activation = "none", scale = 1 } = attrs;
  if (c.size === 0) return;
  let { m, batchA, batch } = sizes;
  const { n, k, batchB } = sizes;
  const a = padded(context, operands.a, transposeA);
  const b = padded(context, operands.b, !transposeB);
  if (sizeOf(batchB) === 1 && !transposeA) {
    // One matrix b for the whole batch: the rows of a are one tall matrix.
    m *= sizeOf(batch);
    batch = [];
    batchA = [];
  }
  const stridesA = batchStrides(batchA, batch, a.matrix);
  const stridesB = batchStrides(batchB, batch, b.matrix);
  const merged = mergeAxes(batch.map((size, i) => ({ n: size, src: stridesA[i], dst: stridesB[i] })));
  const count = sizeOf(batch);
  const k4 = Math.ceil(k / 4);
  const splits = chooseSplits(Math.ceil(m / 4) * Math.ceil(n / 4) * count, k4);
  const part = k4 / splits;
  if (splits > 1) {
    merged.unshift({
      n: splits,
      src: part * 4 * (transposeA ? a.row : 1),
      dst: part * 4 * (transposeB ? 1 : b.row),
    });
  }
  if (merged.length > 4) {
    throw new TesseraError(
      "shape",
      `matmul: the batch shape ${formatShape(batch)} alternates between broadcast and full axes more than 4 times; reshape first`,
    );
  }
  const inVec4 = (values: readonly number[]): number[] =>
    four(
      values.map((v) => v / 4),
      0,
    );
  launchTiles(context, {
    operands: { a: a.tensor, b: b.tensor, bias, residual, c, extra },
    activation,
    scale,
    tiles: { m, n, count },
    result: { m, n, count },
    splits,
    link: { constants: { TURNED: transposeA || transposeB ? 1 : 0 } },
    uniforms: {
      batch: four(
        merged.map((axis) => axis.n),
        1,
      ),
      a_batch: inVec4(merged.map((axis) => axis.src)),
      b_batch: inVec4(merged.map((axis) => axis.dst)),
      k4: part,
      lda: a.row / 4,
      ldb: b.row / 4,
      transpose_a: transposeA ? 1 : 0,
      transpose_b: transposeB ? 1 : 0,
    },
    work: 2 * m * n * Math.max(1, k) * count,
    shapeClass: `${c.dtype} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"} ${[m, n, k, count * splits].map(lengthClass).join("x")}`,
  });
}
