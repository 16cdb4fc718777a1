// Painted frames as a WebM, encoded by the browser (WebCodecs). It knows nothing of what is painted.
import { TesseraError } from "../base/errors";
import { encodeWebm, type WebmFrame } from "./webm";

export interface Film {
  /** Even, because colours have half the resolution of brightness. */
  width: number;
  height: number;
  frames: number;
  framesPerSecond: number;
  /** Paints one frame over the one before. */
  paint(context: OffscreenCanvasRenderingContext2D, frame: number): void;
}

const BITS_PER_SECOND = 8e6;
/** Codecs that WebM may hold, the one that all browsers play first, with the names that Matroska has for them. */
const CODECS = [
  { codec: "vp8", id: "V_VP8" },
  { codec: "vp09.00.10.08", id: "V_VP9" },
] as const;

/** Why no film can be made here, told before it is tried. */
export const noEncoder = (): string | undefined =>
  typeof VideoEncoder === "undefined" ? "This browser gives pages no video encoder (WebCodecs)" : undefined;

/** @throws TesseraError `no-encoder` where the browser has none of the codecs, `encoder` when it fails. */
export async function encodeFilm(film: Film): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, framesPerSecond } = film;
  const settings = { width, height, bitrate: BITS_PER_SECOND, framerate: framesPerSecond };
  const { codec, id } = await supported(settings);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new TesseraError("encoder", "The browser gives no canvas to paint the frames on.");
  const frames: WebmFrame[] = [];
  let failure: unknown;
  const encoder = new VideoEncoder({
    output(chunk) {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      frames.push({ data, ms: chunk.timestamp / 1000, isKey: chunk.type === "key" });
    },
    error(error) {
      failure = error;
    },
  });
  try {
    encoder.configure({ ...settings, codec });
    for (let frame = 0; frame < film.frames; frame++) {
      film.paint(context, frame);
      const { data } = context.getImageData(0, 0, width, height);
      const picture = new VideoFrame(toI420(data, width, height), {
        format: "I420",
        codedWidth: width,
        codedHeight: height,
        timestamp: Math.round((1e6 * frame) / framesPerSecond),
        colorSpace: { matrix: "bt709", primaries: "bt709", transfer: "bt709", fullRange: false },
      });
      encoder.encode(picture, { keyFrame: frame === 0 });
      picture.close();
    }
    await encoder.flush();
  } catch (error) {
    failure ??= error;
  } finally {
    if (encoder.state !== "closed") encoder.close();
  }
  if (failure !== undefined)
    throw new TesseraError("encoder", `The browser’s video encoder failed: ${(failure as Error).message}`);
  const durationMs = (1000 * film.frames) / framesPerSecond;
  return encodeWebm({ codec: id, width, height, durationMs, frames });
}

async function supported(settings: Omit<VideoEncoderConfig, "codec">): Promise<(typeof CODECS)[number]> {
  for (const one of CODECS) {
    const { supported } = await VideoEncoder.isConfigSupported({ ...settings, codec: one.codec });
    if (supported) return one;
  }
  throw new TesseraError(
    "no-encoder",
    "This browser encodes neither VP8 nor VP9, which WebM needs; save the frames as a picture or as npz instead.",
  );
}

/**
 * RGBA as planes of brightness and, at half the resolution, of two colour differences: BT.709 in video range, which is what
 * players take a film for that they know nothing of. Browsers convert a canvas to full range, and then show it too flat.
 */
export function toI420(rgba: Uint8ClampedArray, width: number, height: number): Uint8Array<ArrayBuffer> {
  const [halfWidth, size] = [width / 2, width * height];
  const out = new Uint8ClampedArray((3 * size) / 2);
  const sums = new Float32Array(size / 2);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      const [r, g, b] = [rgba[at] / 255, rgba[at + 1] / 255, rgba[at + 2] / 255];
      const luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
      out[y * width + x] = 16 + 219 * luma;
      const half = (y >> 1) * halfWidth + (x >> 1);
      sums[half] += (b - luma) / 1.8556;
      sums[size / 4 + half] += (r - luma) / 1.5748;
    }
  }
  for (let i = 0; i < sums.length; i++) out[size + i] = 128 + (224 * sums[i]) / 4;
  return new Uint8Array(out.buffer);
}
