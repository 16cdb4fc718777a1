// Both clips and their difference side by side as a film. Pixels are enlarged without smoothing; what the codec does to them
// is its own.
import { encodeFilm } from "../../../../ui/film";
import type { SampledVideo } from "../../protocol-video-session";
import { differenceImage, FRAMES_PER_SECOND, frameImage } from "./clip-draw";

/** Each picture is enlarged by a whole number, to about this height. */
const HEIGHT = 256;
const GAP = 16;
/** Of the difference, as the page shows it at first. */
const GAIN = 4;
/** Room for the names above the pictures. */
const HEAD = 32;

/** @throws TesseraError as `encodeFilm` does. */
export function clipsVideo({
  dense,
  sparse,
  config,
}: Pick<SampledVideo, "dense" | "sparse" | "config">): Promise<Uint8Array<ArrayBuffer>> {
  const scale = Math.max(1, Math.floor(HEIGHT / config.height));
  const [pictureWidth, pictureHeight] = [scale * config.width, scale * config.height];
  const small = new OffscreenCanvas(config.width, config.height);
  return encodeFilm({
    // Patches make the sides of a clip multiples of 4.
    width: 3 * pictureWidth + 2 * GAP,
    height: HEAD + pictureHeight,
    frames: config.frames,
    framesPerSecond: FRAMES_PER_SECOND,
    paint(context, frame) {
      const { width, height } = context.canvas;
      context.fillStyle = "#14161a";
      context.fillRect(0, 0, width, height);
      context.imageSmoothingEnabled = false;
      context.font = "14px Inter, sans-serif";
      const pictures = [
        ["Dense", frameImage(dense, frame, config)],
        ["Sparse", frameImage(sparse, frame, config)],
        [`Difference, × ${GAIN}`, differenceImage({ dense, sparse }, frame, config, "signed", GAIN)],
      ] as const;
      for (const [i, [name, image]] of pictures.entries()) {
        const x = i * (pictureWidth + GAP);
        context.fillStyle = "#e8e8e6";
        context.fillText(name, x + 4, HEAD - 11, pictureWidth - 4);
        small.getContext("2d")?.putImageData(image, 0, 0);
        context.drawImage(small, x, HEAD, pictureWidth, pictureHeight);
      }
    },
  });
}
