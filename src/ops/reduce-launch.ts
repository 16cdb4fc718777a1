// Records the passes of a sum or an extreme: the kernels, their variants, the scratch between passes. Defines no op.
import extremeText from "../../shaders/ops/reduce_extreme.wgsl?raw";
import sumText from "../../shaders/ops/reduce_sum.wgsl?raw";
import type { KernelSource, LinkOptions } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Uniforms } from "../gpu/reflect";
import type { Variant } from "../gpu/work";
import type { Tensor } from "../tensor/tensor";
import type { LaunchContext } from "./op";
import { NARROW, type Pass } from "./reduce-plan";
import { lengthClass, ROW_VARIANTS } from "./rows";

const sumSource: KernelSource = { file: "ops/reduce_sum.wgsl", text: sumText };
const extremeSource: KernelSource = { file: "ops/reduce_extreme.wgsl", text: extremeText };
const LANES = 64;

type Recorder = Pick<LaunchContext<unknown>, "temp" | "dispatch">;

/** A workgroup for each result only where an invocation for each would read far apart, and there is work for all lanes. */
function passVariants(
  pass: Pass,
  source: KernelSource,
  types: LinkOptions["types"],
  extra: Uniforms,
): Variant[] {
  const { outer, rows, inner, chunk, chunks } = pass;
  const count = outer * chunks * inner;
  const variant = (wide: boolean): Variant => ({
    name: ROW_VARIANTS[wide ? 0 : 1],
    kernel: kernel(source, { types, constants: { WIDE: wide ? 1 : 0 } }),
    groups: wide ? count : Math.ceil(count / LANES),
    uniforms: { count, rows, inner, chunk, chunks, ...extra },
  });
  return inner < NARROW && rows >= LANES / 2 ? [variant(true), variant(false)] : [variant(false)];
}

const passClass = ({ outer, rows, inner }: Pass, type: string): string =>
  `${type} ${lengthClass(outer)}x${lengthClass(rows)}x${lengthClass(inner)}`;

const resultShape = ({ outer, chunks, inner }: Pass): number[] => [outer, chunks, inner];
const work = ({ outer, rows, inner, chunks }: Pass): number => outer * inner * (rows * 2 + chunks * 8);

/** y = scale·Σ x by passes, in f32 between them. */
export function recordSum(
  { temp, dispatch }: Recorder,
  x: Tensor,
  y: Tensor,
  passes: readonly Pass[],
  scale = 1,
): void {
  let from = x;
  for (const [i, pass] of passes.entries()) {
    const last = i === passes.length - 1;
    const to = last ? y : temp(resultShape(pass));
    dispatch({
      variants: passVariants(pass, sumSource, { T: from.dtype, R: to.dtype }, { scale: last ? scale : 1 }),
      bindings: [from, to],
      work: work(pass),
      shapeClass: passClass(pass, `${from.dtype} ${to.dtype}`),
    });
    from = to;
  }
}

/** y = the largest (sign 1) or smallest (sign -1) value by passes, and its first place over the reduced axes. */
export function recordExtreme(
  { temp, dispatch }: Recorder,
  x: Tensor,
  y: Tensor,
  at: Tensor,
  passes: readonly Pass[],
  sign: 1 | -1,
): void {
  let from = x;
  let places = x; // not read by the first pass
  for (const [i, pass] of passes.entries()) {
    const last = i === passes.length - 1;
    const [to, toPlaces] = last
      ? [y, at]
      : [temp(resultShape(pass), x.dtype), temp(resultShape(pass), "u32")];
    dispatch({
      variants: passVariants(
        pass,
        extremeSource,
        { T: x.dtype },
        { weight: pass.weight, later: Number(i > 0), sign },
      ),
      bindings: [from, places, to, toPlaces],
      work: work(pass) * 4,
      shapeClass: passClass(pass, x.dtype),
    });
    [from, places] = [to, toPlaces];
  }
}
