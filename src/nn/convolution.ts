// Convolution layers over pictures [B, H, W, C], named as PyTorch's nn.Conv2d and nn.ConvTranspose2d and started as they
// are. Weights hold PyTorch's values with the channels of its second axis moved to the end: [out, height, width, in], for the
// transpose [in, height, width, out].
import { activeTape } from "../autograd/active";
import { broadcastTo } from "../ops/broadcast-to";
import * as conv from "../ops/conv2d";
import type { Pair } from "../ops/conv2d-plan";
import type { Tensor } from "../tensor/tensor";
import type { Init } from "./init";
import type { ParameterSpecs, Parameters } from "./parameters";

export interface ConvSpecOptions {
  /** Height and width of the window, or one number for both. 3 when left out. */
  kernel?: number | Pair;
  /** True when left out. */
  bias?: boolean;
  /** Of the weight; the bias then starts at zero. Left out, both start as PyTorch's do: uniform within 1/√fan-in. */
  init?: Init;
}

const sides = (size: number | Pair): Pair => (typeof size === "number" ? [size, size] : size);

function specs(
  name: string,
  [first, last]: Pair,
  out: number,
  { kernel = 3, bias = true, init }: ConvSpecOptions,
): ParameterSpecs {
  const [height, width] = sides(kernel);
  // Channels of PyTorch's second axis times the window: what it calls the fan-in, of a transpose as well.
  const torch: Init = { kind: "kaiming-uniform", fanIn: height * width * last };
  return {
    [`${name}.weight`]: { shape: [first, height, width, last], init: init ?? torch },
    ...(bias && {
      [`${name}.bias`]: { shape: [out], init: init ? { kind: "zeros" } : torch, decay: false },
    }),
  };
}

export const conv2dSpecs = (
  name: string,
  from: number,
  to: number,
  options: ConvSpecOptions = {},
): ParameterSpecs => specs(name, [to, from], to, options);

export const convTranspose2dSpecs = (
  name: string,
  from: number,
  to: number,
  options: ConvSpecOptions = {},
): ParameterSpecs => specs(name, [from, to], to, options);

/** Bias, where the layer has one, and whether to keep the value before the activation: only a tape asks for it. */
const partsOf = (p: Parameters, name: string): Pick<conv.ConvOptions, "bias" | "keepsArgument"> => ({
  bias: p.specs[`${name}.bias`] ? p.at(`${name}.bias`) : undefined,
  keepsArgument: activeTape() !== undefined,
});

/** act(conv(x) + bias) + residual: x f[B, H, W, in] → f[B, H', W', out] with H' = ⌊(H + 2·padding − height) / stride⌋ + 1. */
export const conv2d = (
  p: Parameters,
  name: string,
  x: Tensor,
  options: Omit<conv.ConvOptions, "bias" | "keepsArgument"> = {},
): Tensor => conv.conv2d(x, p.at(`${name}.weight`), { ...partsOf(p, name), ...options });

/** The same turned round: x f[B, H, W, in] → f[B, H', W', out] with H' = (H − 1)·stride − 2·padding + height + outputPadding. */
export const convTranspose2d = (
  p: Parameters,
  name: string,
  x: Tensor,
  options: Omit<conv.ConvTransposeOptions, "bias" | "keepsArgument"> = {},
): Tensor => conv.convTranspose2d(x, p.at(`${name}.weight`), { ...partsOf(p, name), ...options });

/** Every place `factor` times down and across (nearest neighbour): x f[B, H, W, C] → f[B, H·factor, W·factor, C]. */
export function upsample2d(x: Tensor, factor = 2): Tensor {
  const [batch, height, width, channels] = x.shape;
  const repeated = broadcastTo(x.reshape([batch, height, 1, width, 1, channels]), [
    batch,
    height,
    factor,
    width,
    factor,
    channels,
  ]);
  return repeated.reshape([batch, height * factor, width * factor, channels]);
}
