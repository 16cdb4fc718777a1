// A linear layer, named and stored as PyTorch's nn.Linear: weight [out, in], bias [out].
import { activeTape } from "../autograd/active";
import { type MatmulOptions, matmul } from "../ops/matmul";
import type { Tensor } from "../tensor/tensor";
import type { Init } from "./init";
import type { ParameterSpecs, Parameters } from "./parameters";

export interface LinearSpecOptions {
  /** True when left out. */
  bias?: boolean;
  /** Of the weight; the bias then starts at zero. Left out, both start as PyTorch's do: uniform within 1/√in. */
  init?: Init;
  /** Whether Muon updates the weight, when it is the optimiser. True when left out; false suits a model's last layer. */
  muon?: boolean;
}

export function linearSpecs(
  name: string,
  from: number,
  to: number,
  { bias = true, init, muon = true }: LinearSpecOptions = {},
): ParameterSpecs {
  const torch: Init = { kind: "kaiming-uniform", fanIn: from };
  return {
    [`${name}.weight`]: { shape: [to, from], init: init ?? torch, muon },
    ...(bias && { [`${name}.bias`]: { shape: [to], init: init ? { kind: "zeros" } : torch, decay: false } }),
  };
}

/** act(x·Wᵀ + b) + residual, one dispatch: x f[..., in] → f[..., out]. The bias is added when the layer has one. */
export function linear(
  p: Parameters,
  name: string,
  x: Tensor,
  options: Pick<MatmulOptions, "activation" | "residual"> = {},
): Tensor {
  const bias = p.specs[`${name}.bias`] ? p.at(`${name}.bias`) : undefined;
  // Where nothing is recorded (sampling, a block that is computed again) there is no gradient to keep it for.
  const keepsArgument = activeTape() !== undefined;
  return matmul(x, p.at(`${name}.weight`), { transposeB: true, bias, keepsArgument, ...options });
}
