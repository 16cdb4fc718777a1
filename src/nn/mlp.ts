// Feed-forward layers: two linear layers with an activation between, or a gated unit (SwiGLU, GEGLU).
import { gated } from "../ops/gated";
import type { MatmulOptions } from "../ops/matmul";
import type { Tensor } from "../tensor/tensor";
import { type LinearSpecOptions, linear, linearSpecs } from "./linear";
import type { ParameterSpecs, Parameters } from "./parameters";

/** Two layers `in` and `out`: [width] → [hidden] → [width]. */
export const mlpSpecs = (
  name: string,
  width: number,
  hidden: number,
  options: LinearSpecOptions = {},
): ParameterSpecs => ({
  ...linearSpecs(`${name}.in`, width, hidden, options),
  ...linearSpecs(`${name}.out`, hidden, width, options),
});

/** out(act(in(x))) + residual: x f[..., width] → f[..., width]. Exact GELU unless told. */
export const mlp = (
  p: Parameters,
  name: string,
  x: Tensor,
  { activation = "gelu", residual }: Pick<MatmulOptions, "activation" | "residual"> = {},
): Tensor => linear(p, `${name}.out`, linear(p, `${name}.in`, x, { activation }), { residual });

/** As `mlpSpecs`, but `in` gives two halves: the gate first, then what it is multiplied with. */
export const gatedMlpSpecs = (
  name: string,
  width: number,
  hidden: number,
  options: LinearSpecOptions = {},
): ParameterSpecs => ({
  ...linearSpecs(`${name}.in`, width, 2 * hidden, options),
  ...linearSpecs(`${name}.out`, hidden, width, options),
});

/** out(act(a)·b) + residual with [a, b] = in(x); SwiGLU unless told. */
export const gatedMlp = (
  p: Parameters,
  name: string,
  x: Tensor,
  { activation = "silu", residual }: { activation?: "silu" | "gelu" | "sigmoid"; residual?: Tensor } = {},
): Tensor => linear(p, `${name}.out`, gated(linear(p, `${name}.in`, x), activation), { residual });
