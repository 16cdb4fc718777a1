// The kernels that compute a matrix product by tiles, and their launch: eligible variants, epilogue, sum of the parts of a
// split inner axis. How the operands are read is the caller's: plain matrices, or pictures under a convolution's window.
import finishText from "../../shaders/ops/matmul_finish.wgsl?raw";
import reg4Text from "../../shaders/ops/matmul_reg4.wgsl?raw";
import reg8Text from "../../shaders/ops/matmul_reg8.wgsl?raw";
import reg16Text from "../../shaders/ops/matmul_reg16.wgsl?raw";
import tile64Text from "../../shaders/ops/matmul_tile64.wgsl?raw";
import tile128Text from "../../shaders/ops/matmul_tile128.wgsl?raw";
import type { KernelSource, LinkOptions } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Uniforms } from "../gpu/reflect";
import type { Variant } from "../gpu/work";
import type { Tensor } from "../tensor/tensor";
import type { LaunchContext } from "./op";

export const ACTIVATIONS = ["none", "relu", "gelu", "gelu-tanh", "quick-gelu", "silu"] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** All variants, from small tiles to large ones; which of them are tried depends on the shape. */
export const MATMUL_VARIANTS = ["reg4", "reg8", "reg16", "tile64", "tile128"] as const;
type VariantName = (typeof MATMUL_VARIANTS)[number];

interface Form {
  source: KernelSource;
  /** Rows and columns of the tile that one worker computes. */
  side: number;
  /** Workers in a workgroup. */
  workers: number;
}
const FORMS: Readonly<Record<VariantName, Form>> = {
  reg4: { source: { file: "ops/matmul_reg4.wgsl", text: reg4Text }, side: 4, workers: 64 },
  reg8: { source: { file: "ops/matmul_reg8.wgsl", text: reg8Text }, side: 8, workers: 32 },
  reg16: { source: { file: "ops/matmul_reg16.wgsl", text: reg16Text }, side: 16, workers: 16 },
  tile64: { source: { file: "ops/matmul_tile64.wgsl", text: tile64Text }, side: 64, workers: 1 },
  tile128: { source: { file: "ops/matmul_tile128.wgsl", text: tile128Text }, side: 128, workers: 1 },
};
const finish: KernelSource = { file: "ops/matmul_finish.wgsl", text: finishText };

const FINISH_LANES = 64;
/** Below this many operations the choice of a kernel costs more than it can save. */
const WORTH_TUNING = 2e5;

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

export interface TileOperands {
  a: Tensor;
  b: Tensor;
  bias?: Tensor;
  residual?: Tensor;
  c: Tensor;
  /** The second result: what goes into the activation, like c, or the sums over the rows of op(a), m for each matrix. */
  extra?: { kind: "argument" | "row sums"; tensor: Tensor };
}

/** `count` matrices of m rows and n columns. */
interface Extent {
  m: number;
  n: number;
  count: number;
}

export interface Tiles {
  operands: TileOperands;
  activation: Activation;
  scale: number;
  /** What the tiles cover, which may be more than the result has (whole fours of channels, whole phases). */
  tiles: Extent;
  /** The matrices of c; the rows of `extra`'s sums are its rows. */
  result: Extent;
  /** Into how many parts the inner axis is cut; the kernel writes them one after the other, and they are added. */
  splits: number;
  /** How the kernels read operands: constants, and a library in place of lib/matmul. */
  link: Required<Pick<LinkOptions, "constants">> & Pick<LinkOptions, "imports">;
  /** Those of that library; sizes and epilogue are added here. */
  uniforms: Uniforms;
  work: number;
  shapeClass: string;
}

/** Places of lib/matmul_extra. */
const EXTRA = { argument: 1, "row sums": 2 } as const;
const WITH_EXTRA = { "lib/matmul_no_extra": "lib/matmul_extra" };

/** Records a product by tiles, and the sum of its parts where it is split. */
export function launchTiles<A>(context: LaunchContext<A>, plan: Tiles): void {
  const { dispatch } = context;
  const { operands, splits, scale, work } = plan;
  const { a, b, bias, residual, c, extra } = operands;
  const { m, n, count } = plan.result;
  const isSplit = splits > 1;
  const target = isSplit ? context.temp([splits, count, m, n]) : c;
  const epilogue = {
    activation: ACTIVATIONS.indexOf(plan.activation),
    use_bias: bias ? 1 : 0,
    use_residual: residual ? 1 : 0,
    extra: extra ? EXTRA[extra.kind] : 0,
  };
  // The parts of a split have no epilogue; row sums are taken by parts as well, and what is kept is kept at the end.
  const summed = extra?.kind === "row sums" ? extra.tensor : undefined;
  const sums = summed && isSplit ? context.temp([splits, summed.size]) : summed;
  const second = isSplit ? sums : extra?.tensor;
  const quiet = { activation: 0, use_bias: 0, use_residual: 0, extra: sums ? EXTRA["row sums"] : 0 };
  const imports = { ...plan.link.imports, ...(second && WITH_EXTRA) };

  const variant = (name: VariantName): Variant => {
    const { source, side, workers } = FORMS[name];
    const across = Math.ceil(plan.tiles.m / side) * Math.ceil(plan.tiles.n / side);
    return {
      name,
      groups: Math.ceil((across * plan.tiles.count * splits) / workers),
      kernel: kernel(source, {
        types: { T: c.dtype, R: target.dtype },
        constants: plan.link.constants,
        imports,
      }),
      uniforms: {
        ...plan.uniforms,
        ...(isSplit ? quiet : epilogue),
        m: plan.tiles.m,
        n: plan.tiles.n,
        scale: isSplit ? 1 : scale,
      },
    };
  };
  // Kernels without bias or residual still have the binding: a read-only operand fills it.
  dispatch({
    variants: eligible(plan.tiles.m, plan.tiles.n, work).map(variant),
    bindings: [a, b, bias ?? a, residual ?? a, target, ...(second ? [second] : [])],
    work,
    shapeClass: plan.shapeClass,
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
        uniforms: { ...epilogue, batch: [1, 1, 1, count], m, n, splits, scale },
      },
    ],
    bindings: [target, sums ?? bias ?? a, residual ?? a, c, ...(extra ? [extra.tensor] : [])],
    work: count * m * n * (splits + 8),
    label: "matmul finish",
  });
}
