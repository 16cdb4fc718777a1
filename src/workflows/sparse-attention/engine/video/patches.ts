// Clips as tokens and back: patches of 1 x 4 x 4 pixels in raster or tile order, their places, and the text at the end.
// Values are only moved, so noise and velocity may live in either form.

import type { Grid } from "../../protocol";
import { PATCH, type SparseSettings, type VideoConfig } from "../../protocol-video";
import { coordinates, tokenOrder } from "../tokens";
import { PATCH_VALUES, sequenceLength, videoTokenCount } from "./cost";
import { TEXT_TOKENS } from "./words";

/** The token grid of a model's clips. */
export const gridOf = ({ frames, height, width }: VideoConfig): Grid => ({
  frames,
  height: height / PATCH,
  width: width / PATCH,
  text: TEXT_TOKENS,
  known: true,
  from: "metadata",
});

/** Raster index of the video token at each place, [video tokens]. */
export const videoOrder = (config: VideoConfig, order: SparseSettings["order"]): Uint32Array<ArrayBuffer> =>
  tokenOrder(gridOf(config), sequenceLength(config), order).slice(0, videoTokenCount(config));

/** Frame, row and column of every token for the rotary embedding, u32 [L, 3]; the caption's tokens are at the origin. */
export function tokenPositions(config: VideoConfig, order: Uint32Array): Uint32Array<ArrayBuffer> {
  const grid = gridOf(config);
  const positions = new Uint32Array(sequenceLength(config) * 3);
  for (let i = 0; i < order.length; i++) positions.set(coordinates(grid, order[i]), 3 * i);
  return positions;
}

/** For each place, where the first value of its patch lies in a clip [F, H, W, 3]. */
function corners({ height, width }: VideoConfig, order: Uint32Array): Uint32Array {
  const [rows, columns] = [height / PATCH, width / PATCH];
  return order.map((token) => {
    const x = token % columns;
    const y = Math.floor(token / columns) % rows;
    const f = Math.floor(token / (columns * rows));
    return ((f * height + y * PATCH) * width + x * PATCH) * 3;
  });
}

/** Moves between a clip [F, H, W, 3] and its tokens [video tokens, 48], each patch as [row, column, channel]. */
export interface Patcher {
  /** Values of one clip in either form. */
  size: number;
  toTokens(clip: Float32Array, out: Float32Array): void;
  toClip(tokens: Float32Array, out: Float32Array): void;
}

export function makePatcher(config: VideoConfig, order: Uint32Array): Patcher {
  const places = corners(config, order);
  const pitch = config.width * 3;
  const run = PATCH * 3;
  const each = (move: (token: number, pixel: number) => void): void => {
    let at = 0;
    for (let i = 0; i < places.length; i++)
      for (let y = 0; y < PATCH; y++, at += run) move(at, places[i] + y * pitch);
  };
  return {
    size: places.length * PATCH_VALUES,
    toTokens: (clip, out) =>
      each((token, pixel) => {
        for (let i = 0; i < run; i++) out[token + i] = clip[pixel + i];
      }),
    toClip: (tokens, out) =>
      each((token, pixel) => {
        for (let i = 0; i < run; i++) out[pixel + i] = tokens[token + i];
      }),
  };
}
