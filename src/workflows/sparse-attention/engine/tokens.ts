// Where tokens lie: video grid, text tail, raster or 3-D tile order, sampled query rows. Index arithmetic only.
import { TesseraError } from "../../../base/errors";
import { Random } from "../../../base/random";
import type { Grid } from "../protocol";
import type { Settings } from "../protocol-params";
import { noSink, type Sink } from "./lists";

/** Tile sides (frames, height, width) of the orders that are not raster. Both make tiles of 64 tokens. */
const TILES: Readonly<Record<Exclude<Settings["order"], "raster">, readonly [number, number, number]>> = {
  "tile-1x8x8": [1, 8, 8],
  "tile-4x4x4": [4, 4, 4],
};

export const videoTokens = (grid: Grid): number => grid.frames * grid.height * grid.width;

/**
 * order[i] = raster index of the token at place i. Text stays at the end. Tiles at the border may be smaller than 64,
 * so blocks and tiles then drift apart.
 * @throws TesseraError `input` when tiles are asked for without a grid.
 */
export function tokenOrder(grid: Grid, length: number, order: Settings["order"]): Uint32Array<ArrayBuffer> {
  const places = Uint32Array.from({ length }, (_, i) => i);
  if (order === "raster") return places;
  if (!grid.known) {
    throw new TesseraError(
      "input",
      `Token order ${order} needs frames, height and width, and the input has none: set f, h and w.`,
    );
  }
  const [tf, th, tw] = TILES[order];
  let at = 0;
  for (let f0 = 0; f0 < grid.frames; f0 += tf)
    for (let y0 = 0; y0 < grid.height; y0 += th)
      for (let x0 = 0; x0 < grid.width; x0 += tw)
        for (let f = f0; f < Math.min(f0 + tf, grid.frames); f++)
          for (let y = y0; y < Math.min(y0 + th, grid.height); y++)
            for (let x = x0; x < Math.min(x0 + tw, grid.width); x++)
              places[at++] = (f * grid.height + y) * grid.width + x;
  return places;
}

/** Rows of a [n, dim] array in another order: out[i] = rows[order[i]]. */
export function gatherRows(
  data: Float32Array,
  dim: number,
  order: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(order.length * dim);
  for (let i = 0; i < order.length; i++)
    out.set(data.subarray(order[i] * dim, (order[i] + 1) * dim), i * dim);
  return out;
}

/** The reverse of `gatherRows` with the same order. */
export function scatterRows(
  data: Float32Array,
  dim: number,
  order: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  for (let i = 0; i < order.length; i++) out.set(data.subarray(i * dim, (i + 1) * dim), order[i] * dim);
  return out;
}

/** Frame, row and column of a raster video token. */
export function coordinates(grid: Grid, token: number): [number, number, number] {
  const plane = grid.height * grid.width;
  return [Math.floor(token / plane), Math.floor((token % plane) / grid.width), token % grid.width];
}

/** Query rows that are analysed: whole blocks, ascending, so that a shorter last block stays last. */
export interface RowSample {
  side: number;
  /** Query block numbers. */
  blocks: Uint32Array<ArrayBuffer>;
  /** Tokens of each. */
  tokens: Uint32Array<ArrayBuffer>;
  /** Places (after the token order) of all rows analysed. */
  rows: Uint32Array<ArrayBuffer>;
}

/**
 * `count` of the query blocks, one from each of `count` equal stretches of the sequence (stratified), drawn by seed.
 * All blocks when `count` covers them.
 */
export function sampleBlocks(length: number, side: number, count: number, seed: number): RowSample {
  const all = Math.ceil(length / side);
  const random = new Random(seed, 11);
  const blocks =
    count >= all
      ? Uint32Array.from({ length: all }, (_, i) => i)
      : Uint32Array.from({ length: count }, (_, i) => {
          const from = Math.floor((i * all) / count);
          return from + random.below(Math.floor(((i + 1) * all) / count) - from);
        });
  const tokens = blocks.map((b) => Math.min(side, length - b * side));
  const rows = new Uint32Array(tokens.reduce((sum, n) => sum + n, 0));
  let at = 0;
  for (const [i, b] of blocks.entries()) for (let r = 0; r < tokens[i]; r++) rows[at++] = b * side + r;
  return { side, blocks, tokens, rows };
}

/** The text sink of a grid: every block that holds a text token (paper 4.3). */
export function textSink(grid: Grid, sample: RowSample, keys: number, on: boolean): Sink {
  if (!on || grid.text === 0) return noSink(sample.blocks.length, keys);
  const keyFrom = Math.floor(videoTokens(grid) / sample.side);
  return { keyFrom, rowIsText: Uint8Array.from(sample.blocks, (b) => (b >= keyFrom ? 1 : 0)) };
}

/** First block of each frame (raster order only) and of the text, as block positions. */
export function boundaries(
  grid: Grid,
  side: number,
  order: Settings["order"],
): { at: number; label: string }[] {
  const lines: { at: number; label: string }[] = [];
  if (grid.known && order === "raster") {
    const plane = grid.height * grid.width;
    for (let f = 1; f < grid.frames; f++) lines.push({ at: (f * plane) / side, label: `frame ${f}` });
  }
  if (grid.text > 0) lines.push({ at: videoTokens(grid) / side, label: "text" });
  return lines;
}

/**
 * First and last frame, row and column of the video tokens in each block of `side` places: [blocks, 6]. -1 where a block
 * has no video token.
 */
export function blockBoxes(grid: Grid, order: Uint32Array, side: number): Int32Array<ArrayBuffer> {
  const video = videoTokens(grid);
  const boxes = new Int32Array(Math.ceil(order.length / side) * 6).fill(-1);
  for (let place = 0; place < order.length; place++) {
    if (order[place] >= video) continue;
    const at = Math.floor(place / side) * 6;
    for (const [axis, value] of coordinates(grid, order[place]).entries()) {
      const [first, last] = [at + 2 * axis, at + 2 * axis + 1];
      boxes[first] = boxes[first] < 0 ? value : Math.min(boxes[first], value);
      boxes[last] = Math.max(boxes[last], value);
    }
  }
  return boxes;
}
