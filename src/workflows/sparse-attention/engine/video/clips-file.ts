// Clips as an npz for NumPy: pixels in full precision, and as JSON text what they were made with.
import { encodeNpz } from "../../../../formats/npz";
import type { VideoConfig } from "../../protocol-video";

/**
 * Arrays `dense` and `sparse` where they are given, f32 [F, H, W, 3] in [-1, 1], and `parameters`, u8 [n], UTF-8 of a JSON
 * object: `json.loads(bytes(file["parameters"]))` in Python.
 */
export function encodeClips(
  clips: { dense?: Float32Array; sparse?: Float32Array },
  { frames, height, width }: Pick<VideoConfig, "frames" | "height" | "width">,
  parameters: object,
): Uint8Array<ArrayBuffer> {
  const array = (data: Float32Array) => ({ dtype: "F32" as const, shape: [frames, height, width, 3], data });
  const json = new TextEncoder().encode(JSON.stringify(parameters));
  return encodeNpz(
    {
      ...(clips.dense && { dense: array(clips.dense) }),
      ...(clips.sparse && { sparse: array(clips.sparse) }),
      parameters: { dtype: "U8", shape: [json.length], data: json },
    },
    { compress: true },
  );
}
