// Frames of clips as pixels: a clip itself, the difference of two, and all frames side by side. It owns no canvas.
import type { VideoConfig } from "../../protocol-video";

export type ClipSize = Pick<VideoConfig, "frames" | "height" | "width">;
/** Of clips as they are played and saved. */
export const FRAMES_PER_SECOND = 8;

export type DifferenceMode = "signed" | "absolute";

/** Frame of a clip [F, H, W, 3] in [-1, 1] as RGBA. */
export function frameImage(clip: Float32Array, frame: number, { height, width }: ClipSize): ImageData {
  const image = new ImageData(width, height);
  fill(image.data, (i) => 127.5 + 127.5 * clip[frame * height * width * 3 + i]);
  return image;
}

/**
 * Frame of `sparse - dense`, times `gain`. Signed: mid-grey is no difference, brighter is more in the sparse clip.
 * Absolute: black is none. The full range of a channel, 2, is half the scale of signed and the whole of absolute.
 */
export function differenceImage(
  clips: { dense: Float32Array; sparse: Float32Array },
  frame: number,
  { height, width }: ClipSize,
  mode: DifferenceMode,
  gain: number,
): ImageData {
  const image = new ImageData(width, height);
  const base = frame * height * width * 3;
  fill(image.data, (i) => {
    const difference = (gain * (clips.sparse[base + i] - clips.dense[base + i])) / 2;
    return mode === "signed" ? 127.5 + 127.5 * difference : 255 * Math.abs(difference);
  });
  return image;
}

/** Clamping and rounding are those of the array. */
function fill(data: Uint8ClampedArray, value: (at: number) => number): void {
  for (let p = 0; p * 4 < data.length; p++) {
    for (let c = 0; c < 3; c++) data[4 * p + c] = value(3 * p + c);
    data[4 * p + 3] = 255;
  }
}

/** A canvas with one row of frames for each maker of frames, 4 px apart, without scaling. */
export function frameStrip(
  rows: readonly ((frame: number) => ImageData)[],
  { frames, height, width }: ClipSize,
): HTMLCanvasElement {
  const gap = 4;
  const canvas = document.createElement("canvas");
  canvas.width = frames * (width + gap) - gap;
  canvas.height = rows.length * (height + gap) - gap;
  const context = canvas.getContext("2d");
  for (const [r, image] of rows.entries()) {
    for (let f = 0; f < frames; f++) context?.putImageData(image(f), f * (width + gap), r * (height + gap));
  }
  return canvas;
}
