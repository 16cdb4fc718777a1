// Plans one matrix product for the device: padding, batch strides, split of a long inner axis, eligible kernels.
import finishText from "../../shaders/ops/matmul_finish.wgsl?raw";
import reg4Text from "../../shaders/ops/matmul_reg4.wgsl?raw";
import reg8Text from "../../shaders/ops/matmul_reg8.wgsl?raw";
import reg16Text from "../../shaders/ops/matmul_reg16.wgsl?raw";
import tile64Text from "../../shaders/ops/matmul_tile64.wgsl?raw";
import tile128Text from "../../shaders/ops/matmul_tile128.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Variant } from "../gpu/work";
import { formatShape, sizeOf, stridesOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import type { LaunchContext } from "./op";
import { lengthClass } from "./rows";
import { copyVariant, mergeAxes } from "./strided";

export const ACTIVATIONS = ["none", "relu", "gelu", "gelu-tanh", "quick-gelu", "silu"] as const;
export type Activation = (typeof ACTIVATIONS)[number];

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

/** All variants, from small tiles to large ones; which of them are tried depends on the shape. */
export const MATMUL_VARIANTS = ["reg4", "reg8", "reg16", "tile64", "tile128"] as const;
type VariantName = (typeof MATMUL_VARIANTS)[number];

interface Form {
  source: KernelSource;
  /** Rows and columns of the tile that one worker computes. */
  rows: number;
  cols: number;
  /** Workers in a workgroup. */
  workers: number;
}
const FORMS: Readonly<Record<VariantName, Form>> = {
  reg4: { source: { file: "ops/matmul_reg4.wgsl", text: reg4Text }, rows: 4, cols: 4, workers: 64 },
  reg8: { source: { file: "ops/matmul_reg8.wgsl", text: reg8Text }, rows: 8, cols: 8, workers: 32 },
  reg16: { source: { file: "ops/matmul_reg16.wgsl", text: reg16Text }, rows: 16, cols: 16, workers: 16 },
  tile64: { source: { file: "ops/matmul_tile64.wgsl", text: tile64Text }, rows: 64, cols: 64, workers: 1 },
  tile128: {
    source: { file: "ops/matmul_tile128.wgsl", text: tile128Text },
    rows: 128,
    cols: 128,
    workers: 1,
  },
};
const finish: KernelSource = { file: "ops/matmul_finish.wgsl", text: finishText };

const FINISH_LANES = 64;
/** Below this many operations the choice of a kernel costs more than it can save. */
const WORTH_TUNING = 2e5;
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
function pad<A>(context: LaunchContext<A>, x: Tensor, innerFirst: boolean): Operand {
  const [rows, cols] = x.shape.slice(-2);
  const paddedRows = innerFirst ? Math.ceil(rows / 4) * 4 : rows;
  const paddedCols = Math.ceil(cols / 4) * 4;
  if (paddedRows === rows && paddedCols === cols) return { tensor: x, row: cols, matrix: rows * cols };
  const batch = x.shape.slice(0, -2);
  const count = sizeOf(batch);
  const padded = context.temp([...batch, paddedRows, paddedCols], x.dtype);
  context.gpu.queue.record({ kind: "clear", target: padded.allocation });
  const axes = [
    { n: count, src: rows * cols, dst: paddedRows * paddedCols },
    { n: rows, src: cols, dst: paddedCols },
    { n: cols, src: 1, dst: 1 },
  ];
  context.dispatch({
    variants: [copyVariant({ axes, srcBase: 0, dstBase: 0 }, x.dtype, "matmul")],
    bindings: [x, padded],
    work: x.size * 8,
    label: "matmul padding",
  });
  return { tensor: padded, row: paddedCols, matrix: paddedRows * paddedCols };
}

/** Largest divisor of the inner blocks that brings the number of tiles near what a large device can hold. */
function chooseSplits(tiles: number, k4: number): number {
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

/** Kernels whose tiles are not mostly waste at this shape. */
function eligible(m: number, n: number, work: number): VariantName[] {
  const least = Math.min(m, n);
  const names: VariantName[] = ["reg4"];
  if (least > 4) names.push("reg8");
  if (work < WORTH_TUNING) return names;
  if (least > 8) names.push("reg16");
  if (least > 16) names.push("tile64");
  if (least > 64) names.push("tile128");
  return names;
}

export interface MatmulOperands {
  a: Tensor;
  b: Tensor;
  bias?: Tensor;
  residual?: Tensor;
  c: Tensor;
  /** The second result: what goes into the activation, like c, or the sums over the rows of op(a), m for each matrix. */
  extra?: { kind: "argument" | "row sums"; tensor: Tensor };
}

/** Places of lib/matmul_extra. */
const EXTRA = { argument: 1, "row sums": 2 } as const;
const WITH_EXTRA = { "lib/matmul_no_extra": "lib/matmul_extra" };

/** Records the product of `a` and `b` with its epilogue into `c`. */
export function launchMatmul(
  context: LaunchContext<MatmulAttrs>,
  sizes: Sizes,
  operands: MatmulOperands,
): void {
  const { attrs, dispatch } = context;
  const { bias, residual, c, extra } = operands;
  const { transposeA = false, transposeB = false, activation = "none", scale = 1 } = attrs;
  if (c.size === 0) return;
  let { m, batchA, batch } = sizes;
  const { n, k, batchB } = sizes;
  const a = pad(context, operands.a, transposeA);
  const b = pad(context, operands.b, !transposeB);
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
  const target = splits > 1 ? context.temp([splits, count, m, n]) : c;
  const epilogue = {
    activation: ACTIVATIONS.indexOf(activation),
    use_bias: bias ? 1 : 0,
    use_residual: residual ? 1 : 0,
    extra: extra ? EXTRA[extra.kind] : 0,
  };
  const isSplit = splits > 1;
  // The parts of a split have no epilogue; row sums are taken by parts as well, and what is kept is kept at the end.
  const summed = extra?.kind === "row sums" ? extra.tensor : undefined;
  const sums = summed && isSplit ? context.temp([splits, summed.size]) : summed;
  const second = isSplit ? sums : extra?.tensor;
  const quiet = { activation: 0, use_bias: 0, use_residual: 0, extra: sums ? EXTRA["row sums"] : 0 };
  const shape = four(
    merged.map((axis) => axis.n),
    1,
  );
  const inVec4 = (values: readonly number[]): number[] =>
    four(
      values.map((v) => v / 4),
      0,
    );
  const common = { ...(isSplit ? quiet : epilogue), batch: shape, m, n, scale: isSplit ? 1 : scale };
  const aBatch = merged.map((axis) => axis.src);
  const bBatch = merged.map((axis) => axis.dst);
  const types = { T: c.dtype, R: target.dtype };

  const variant = (name: VariantName): Variant => {
    const form = FORMS[name];
    const tiles = Math.ceil(m / form.rows) * Math.ceil(n / form.cols) * count * splits;
    const groups = Math.ceil(tiles / form.workers);
    return {
      name,
      groups,
      kernel: kernel(form.source, {
        types,
        constants: { TURNED: transposeA || transposeB ? 1 : 0 },
        imports: second ? WITH_EXTRA : {},
      }),
      uniforms: {
        ...common,
        a_batch: inVec4(aBatch),
        b_batch: inVec4(bBatch),
        k4: part,
        lda: a.row / 4,
        ldb: b.row / 4,
        transpose_a: transposeA ? 1 : 0,
        transpose_b: transposeB ? 1 : 0,
      },
    };
  };

  const work = 2 * m * n * Math.max(1, k) * count;
  const names = eligible(m, n, work);
  // Kernels without bias or residual still have the binding: a read-only operand fills it.
  dispatch({
    variants: names.map(variant),
    bindings: [
      a.tensor,
      b.tensor,
      bias ?? a.tensor,
      residual ?? a.tensor,
      target,
      ...(second ? [second] : []),
    ],
    work,
    shapeClass: `${c.dtype} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"} ${[m, n, k, count * splits].map(lengthClass).join("x")}`,
  });
  if (!isSplit) return;
  dispatch({
    variants: [
      {
        name: "finish",
        kernel: kernel(finish, {
          types: { T: c.dtype, R: c.dtype, B: sums ? sums.dtype : c.dtype },
          imports: extra ? WITH_EXTRA : {},
        }),
        groups: Math.ceil((count * m * n + (summed?.size ?? 0)) / FINISH_LANES),
        uniforms: {
          ...epilogue,
          batch: [1, 1, 1, count],
          a_batch: [0, 0, 0, 0],
          b_batch: [0, 0, 0, 0],
          m,
          n,
          splits,
          scale,
        },
      },
    ],
    bindings: [target, sums ?? bias ?? a.tensor, residual ?? a.tensor, c, ...(extra ? [extra.tensor] : [])],
    work: count * m * n * (splits + 8),
    label: "matmul finish",
  });
}
