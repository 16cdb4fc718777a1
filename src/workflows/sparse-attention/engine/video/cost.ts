// Floating-point operations and parameters of the video transformer by counting. It measures nothing.
import { MLP_RATIO, PATCH, type VideoConfig } from "../../protocol-video";
import { TEXT_TOKENS } from "./words";

/** Values of a patch of three channels. */
export const PATCH_VALUES = 3 * PATCH * PATCH;

export const videoTokenCount = ({ frames, height, width }: VideoConfig): number =>
  (frames * height * width) / PATCH ** 2;

/** Video tokens and the caption's block: the length that attention sees. */
export const sequenceLength = (config: VideoConfig): number => videoTokenCount(config) + TEXT_TOKENS;

export interface Cost {
  /** 4·L²·d for each layer: QK and PV. */
  attention: number;
  /** Products with weights: 2·(4 + 2·ratio)·d² for each token and layer, patches in and out, modulation. */
  linear: number;
  total: number;
}

/** Operations of one forward pass of one clip. */
export function forwardCost(config: VideoConfig): Cost {
  const { dim, layers } = config;
  const length = sequenceLength(config);
  const attention = 4 * length ** 2 * dim * layers;
  const blocks = 2 * (4 + 2 * MLP_RATIO) * dim ** 2 * length * layers;
  const ends = 4 * PATCH_VALUES * dim * videoTokenCount(config);
  const modulation = 2 * (6 * layers + 2) * dim ** 2;
  const linear = blocks + ends + modulation;
  return { attention, linear, total: attention + linear };
}

/** Operations of a training step on one clip: products take 3 forward passes, attention with recomputed scores 3.5. */
export function trainingCost(config: VideoConfig): number {
  const { attention, linear } = forwardCost(config);
  return 3 * linear + 3.5 * attention;
}
