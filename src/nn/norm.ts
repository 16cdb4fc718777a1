// Layer norm and RMS norm with learned gains, named and stored as PyTorch's nn.LayerNorm and nn.RMSNorm.
import * as layer from "../ops/layer-norm";
import * as rms from "../ops/rms-norm";
import type { Tensor } from "../tensor/tensor";
import type { ParameterSpecs, Parameters } from "./parameters";

export const layerNormSpecs = (name: string, width: number): ParameterSpecs => ({
  [`${name}.weight`]: { shape: [width], init: { kind: "ones" }, decay: false },
  [`${name}.bias`]: { shape: [width], init: { kind: "zeros" }, decay: false },
});
export const rmsNormSpecs = (name: string, width: number): ParameterSpecs => ({
  [`${name}.weight`]: { shape: [width], init: { kind: "ones" }, decay: false },
});

/** Rows of x f[..., width] with mean 0 and variance 1, scaled and shifted. */
export const layerNorm = (p: Parameters, name: string, x: Tensor, eps = 1e-5): Tensor =>
  layer.layerNorm(x, p.at(`${name}.weight`), p.at(`${name}.bias`), eps);

/** Rows of x f[..., width] divided by their root mean square, scaled. */
export const rmsNorm = (p: Parameters, name: string, x: Tensor, eps = 1e-6): Tensor =>
  rms.rmsNorm(x, p.at(`${name}.weight`), eps);
