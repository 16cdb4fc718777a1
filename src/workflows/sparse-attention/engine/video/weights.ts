// Trained weights as safetensors: tensors by name, and in the metadata the sizes of the model and how it was trained.

import { crc32 } from "../../../../base/crc32";
import { TesseraError } from "../../../../base/errors";
import { encodeHalf } from "../../../../base/half";
import { encodeSafetensors, openSafetensors, type TensorToWrite } from "../../../../formats/safetensors";
import type { ByteSource } from "../../../../formats/source";
import { decodeWeights } from "../../../../nn/checkpoint";
import type { ParameterValues } from "../../../../nn/parameters";
import type { VideoConfig } from "../../protocol-video";
import { modelSpecs } from "./model";

/** Named in the metadata; another number is another architecture. */
const ARCHITECTURE = "tessera-video-transformer-1";

/** How weights came about, told to whoever opens the file. */
export interface Origin {
  steps: number;
  seed: number;
  /** Mean loss of the last steps, and on clips that training never saw. */
  loss: number | null;
  validationLoss: number;
  settings: Readonly<Record<string, string | number | boolean>>;
}

export interface VideoWeights {
  /** Checksum of sizes and values: equal for equal weights. */
  id: string;
  config: VideoConfig;
  values: Map<string, ParameterValues>;
  origin: Origin | null;
}

/** A whole file. F16 halves the size and rounds to 11 bits. */
export function encodeWeights(
  { config, values, origin }: Omit<VideoWeights, "id">,
  dtype: "F32" | "F16",
): Uint8Array<ArrayBuffer> {
  const tensors = [...values].map(([name, { shape, data }]): TensorToWrite => {
    return { name, dtype, shape, data: dtype === "F32" ? Float32Array.from(data) : encodeHalf(data, "f16") };
  });
  return encodeSafetensors(tensors, {
    architecture: ARCHITECTURE,
    config: JSON.stringify(config),
    ...(origin ? { origin: JSON.stringify(origin) } : {}),
  });
}

/**
 * Reads weights that `encodeWeights` wrote.
 * @throws TesseraError `weights` for another architecture, and what safetensors and the sizes throw.
 */
export async function readWeights(source: ByteSource): Promise<VideoWeights> {
  const file = await openSafetensors(source);
  const { architecture = "nothing", config: text, origin } = file.metadata;
  if (architecture !== ARCHITECTURE || !text)
    throw new TesseraError(
      "weights",
      `Weights of ${ARCHITECTURE} are needed, the file says ${architecture}; train some with "job -- sparse-attention train": ${source.name}`,
      { architecture },
    );
  const config = parse<VideoConfig>(source, text);
  modelSpecs(config); // sizes that no model has are told here, before any tensor is read
  const values = await decodeWeights(file);
  let sum = crc32(new TextEncoder().encode(text));
  for (const { data } of values.values()) {
    const { buffer, byteOffset, byteLength } = data as Float32Array;
    sum = crc32(new Uint8Array(buffer, byteOffset, byteLength), sum);
  }
  const id = sum.toString(16).padStart(8, "0");
  return { id, config, values, origin: origin ? parse<Origin>(source, origin) : null };
}

function parse<T>(source: ByteSource, text: string): T {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as T;
  } catch {
    // Told below, with the name of the file.
  }
  throw new TesseraError("weights", `The metadata of the weights is no JSON object: ${source.name}`);
}
