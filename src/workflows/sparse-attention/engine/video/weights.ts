// Trained weights as safetensors: tensors by name, and in the metadata the sizes of the model and how it was trained.

import { crc32 } from "../../../../base/crc32";
import { TesseraError } from "../../../../base/errors";
import { encodeHalf } from "../../../../base/half";
import { encodeSafetensors, openSafetensors, type TensorToWrite } from "../../../../formats/safetensors";
import type { ByteSource } from "../../../../formats/source";
import { type TensorFile, toFloat32 } from "../../../../formats/tensor-data";
import { decodeWeights } from "../../../../nn/checkpoint";
import type { ParameterSpecs, ParameterValues } from "../../../../nn/parameters";
import { formatShape, sameShape } from "../../../../tensor/shape";
import type { VideoConfig } from "../../protocol-video";
import type { WeightsInfo } from "../../protocol-video-session";
import { videoTokenCount } from "./cost";
import { modelSpecs } from "./model";

/** Named in the metadata; another number is another architecture. */
export const ARCHITECTURE = "tessera-video-transformer-1";

/** How weights came about, told to whoever opens the file. */
export interface Origin {
  steps: number;
  seed: number;
  /** Mean loss of the last steps, and on clips that training never saw; null where it was not measured. */
  loss: number | null;
  validationLoss: number | null;
  /** True for weights of a training that was stopped before its end: the last step's, not averaged. */
  stopped?: boolean;
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
  const specs = modelSpecs(config); // sizes that no model has are told here, before any tensor is read
  expectTensors(file, specs);
  const values = await decodeWeights(file);
  let sum = crc32(new TextEncoder().encode(text));
  for (const { data } of values.values()) {
    const { buffer, byteOffset, byteLength } = data as Float32Array;
    sum = crc32(new Uint8Array(buffer, byteOffset, byteLength), sum);
  }
  const id = sum.toString(16).padStart(8, "0");
  return { id, config, values, origin: origin ? parse<Origin>(source, origin) : null };
}

/** What a page shows of weights in a file of this name and length. */
export function infoOf(
  { id, config, values, origin }: VideoWeights,
  name: string,
  bytes: number,
): WeightsInfo {
  return {
    id,
    name,
    config: plainConfig(config),
    tokens: videoTokenCount(config),
    parameters: [...values.values()].reduce((sum, { data }) => sum + data.length, 0),
    bytes,
    origin: origin && {
      steps: origin.steps,
      seed: origin.seed,
      loss: origin.loss,
      validationLoss: origin.validationLoss,
      ...(origin.stopped && { stopped: true }),
    },
  };
}

const plainConfig = ({ frames, height, width, dim, layers, heads }: VideoConfig): VideoConfig => ({
  frames,
  height,
  width,
  dim,
  layers,
  heads,
});

/** The weights inside a training state: those of its last step. */
export async function stateValues(state: TensorFile): Promise<Map<string, ParameterValues>> {
  const part = "model.";
  const values = new Map<string, ParameterValues>();
  for (const { name, shape } of state.entries) {
    if (name.startsWith(part))
      values.set(name.slice(part.length), { shape, data: toFloat32(await state.read(name)) });
  }
  return values;
}

/** Told from the header alone. @throws TesseraError `weights` naming the first tensor that does not fit. */
function expectTensors({ name: file, entries }: TensorFile, specs: ParameterSpecs): void {
  const bad = (why: string): TesseraError =>
    new TesseraError("weights", `The tensors are not those of a model of these sizes: ${why}: ${file}`);
  const found = new Map(entries.map((entry) => [entry.name, entry.shape]));
  for (const [name, { shape }] of Object.entries(specs)) {
    const has = found.get(name);
    if (!has) throw bad(`${name} is missing`);
    if (!sameShape(has, shape))
      throw bad(`${name} is ${formatShape(has)}, the model has ${formatShape(shape)}`);
  }
  const extra = entries.find(({ name }) => !Object.hasOwn(specs, name));
  if (extra) throw bad(`${extra.name} is not of this model`);
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
