// The weights of a model: one flat f32 buffer with a window per named tensor, so that an optimiser updates all of them in
// one dispatch. It knows names, shapes and places; what a layer does with them is the layer's business.
import { TesseraError } from "../base/errors";
import type { Gpu } from "../gpu/gpu";
import { formatShape, type Shape, sameShape, sizeOf } from "../tensor/shape";
import { type Tensor, upload } from "../tensor/tensor";
import { type Init, initialValues } from "./init";

export interface ParameterSpec {
  shape: Shape;
  init: Init;
  /** False for biases, norms and embeddings: weight decay leaves them alone. True when left out. */
  decay?: boolean;
  /** Updated by Muon when the optimiser is Muon; for the matrices of hidden layers. False when left out. */
  muon?: boolean;
}
/** Parameters by name, in the order of the model; names as PyTorch writes them ("blocks.0.mlp.in.weight"). */
export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;

/** Values of one chunk: the unit by which the flat buffer is described. */
export const CHUNK = 64;
/** Tensors begin on multiples of it: windows lie on 256 bytes, also in a copy of the buffer in f16. */
const ALIGNMENT = 2 * CHUNK;

export interface Place {
  name: string;
  spec: ParameterSpec;
  /** First element in the flat buffer, a multiple of two chunks. */
  start: number;
  size: number;
}

export interface Parameters {
  readonly gpu: Gpu;
  readonly specs: ParameterSpecs;
  /** In the order of the flat buffer: Muon matrices first, equal shapes side by side. */
  readonly places: readonly Place[];
  /** f32 [n] (f16 in the copy of mixed precision), n a multiple of two chunks; gaps are zero and stay so. */
  readonly flat: Tensor;
  /** The tensor of a name, a window on `flat`. @throws TesseraError `parameter` for an unknown name. */
  at(name: string): Tensor;
  /** All tensors in the order of `places`. */
  readonly tensors: readonly Tensor[];
  /** Number of weights, without gaps. */
  readonly count: number;
}

/** Where each tensor lies: Muon's matrices by shape, then the rest, each in the order given. */
export function layout(specs: ParameterSpecs): { places: Place[]; length: number } {
  const entries = Object.entries(specs);
  const shapes = [...new Set(entries.filter(([, s]) => s.muon).map(([, s]) => formatShape(s.shape)))];
  const rank = (spec: ParameterSpec): number =>
    spec.muon ? shapes.indexOf(formatShape(spec.shape)) : shapes.length;
  const ordered = [...entries].sort(([, a], [, b]) => rank(a) - rank(b));
  let start = 0;
  const places = ordered.map(([name, spec]): Place => {
    const place = { name, spec, start, size: sizeOf(spec.shape) };
    start += Math.ceil(place.size / ALIGNMENT) * ALIGNMENT;
    return place;
  });
  return { places, length: start };
}

/**
 * Makes the weights of `specs`: initial values from `seed`, or `values` by name where given. The tensors belong to the
 * current scope. @throws TesseraError `parameter` when values are missing, unknown or of another size.
 */
export function createParameters(
  gpu: Gpu,
  specs: ParameterSpecs,
  source: { seed: number } | { values: ReadonlyMap<string, ParameterValues> },
): Parameters {
  const { places, length } = layout(specs);
  const data = new Float32Array(length);
  const order = Object.keys(specs);
  if ("values" in source) checkNames(specs, source.values);
  for (const { name, spec, start } of places) {
    const values =
      "values" in source
        ? givenValues(name, spec, source.values.get(name)!)
        : initialValues(spec.init, spec.shape, source.seed, order.indexOf(name) + 1);
    data.set(values, start);
  }
  return windowsOn({ gpu, specs, places }, upload(gpu, data, [length]));
}

/** The same weights in another buffer that is laid out alike, such as their running average or a copy in f16; it takes no copy. */
export function windowsOn(
  { gpu, specs, places }: Pick<Parameters, "gpu" | "specs" | "places">,
  flat: Tensor,
): Parameters {
  const windows = new Map(places.map((p) => [p.name, flat.window(p.start, p.spec.shape)]));
  return {
    gpu,
    specs,
    places,
    flat,
    tensors: [...windows.values()],
    count: places.reduce((sum, p) => sum + p.size, 0),
    at(name) {
      const found = windows.get(name);
      if (found) return found;
      const known = Object.keys(specs).join(", ");
      throw new TesseraError("parameter", `There is no parameter ${name}; there are ${known}`, { name });
    },
  };
}

/** Values of one parameter as read from a file. */
export interface ParameterValues {
  shape: Shape;
  data: ArrayLike<number>;
}

/** Weights by name, read back from the device. */
export async function readParameters(
  parameters: Parameters,
  flat = parameters.flat,
): Promise<Map<string, ParameterValues>> {
  const data = await flat.readFloats();
  const byName = new Map(parameters.places.map((p) => [p.name, p]));
  return new Map(
    Object.keys(parameters.specs).map((name) => {
      const { start, size, spec } = byName.get(name)!;
      return [name, { shape: spec.shape, data: data.slice(start, start + size) }];
    }),
  );
}

/** The name of the tensor that a chunk belongs to. */
export function nameOfChunk(parameters: Parameters, chunk: number): string {
  const at = chunk * CHUNK;
  return parameters.places.find((p) => at < p.start + Math.ceil(p.size / CHUNK) * CHUNK)?.name ?? "none";
}

function checkNames(specs: ParameterSpecs, values: ReadonlyMap<string, ParameterValues>): void {
  const missing = Object.keys(specs).filter((name) => !values.has(name));
  const unknown = [...values.keys()].filter((name) => !(name in specs));
  if (missing.length === 0 && unknown.length === 0) return;
  const words = [
    missing.length ? `missing are ${missing.join(", ")}` : "",
    unknown.length ? `not of this model are ${unknown.join(", ")}` : "",
  ];
  throw new TesseraError(
    "parameter",
    `The weights do not fit the model: ${words.filter(Boolean).join("; ")}`,
    {
      missing,
      unknown,
    },
  );
}

function givenValues(name: string, spec: ParameterSpec, { shape, data }: ParameterValues): ArrayLike<number> {
  if (sameShape(shape, spec.shape)) return data;
  throw new TesseraError(
    "parameter",
    `${name}: the model needs ${formatShape(spec.shape)}, the file has ${formatShape(shape)}`,
    { name },
  );
}
