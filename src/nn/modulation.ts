// adaLN-zero: scales, shifts and gates of a block from a condition vector. Its weights start at zero, so that every block
// starts as the identity. Source: Peebles and Xie, "Scalable Diffusion Models with Transformers", 2023.
import * as ops from "../ops/modulate";
import type { Tensor } from "../tensor/tensor";
import { linear, linearSpecs } from "./linear";
import type { ParameterSpecs, Parameters } from "./parameters";

/** A linear layer [width] → [parts · width] of zeros. */
export const modulationSpecs = (name: string, width: number, parts: number): ParameterSpecs =>
  linearSpecs(name, width, parts * width, { init: { kind: "zeros" }, muon: false });

/** All vectors of a block in one product: condition f[B, width], activated before → table f[B, parts, width]. */
export const modulation = (p: Parameters, name: string, condition: Tensor, parts: number): Tensor =>
  linear(p, name, condition).reshape([condition.shape[0], parts, condition.shape[1]]);

/** x·(1 + scale) + shift: x f[B, L, width], `scale` and `shift` are parts of the table. */
export const modulate = ops.modulate;

/** residual + gate·x: x and residual f[B, L, width], `part` of the table is the gate. */
export const gate = ops.gate;
