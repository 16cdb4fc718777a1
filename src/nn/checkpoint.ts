// Weights and whole training states as safetensors. A state holds all that the next step depends on, so that a resumed run
// goes on to the same bits on the same device. It reads and writes bytes; where they are kept is the caller's business.
import { TesseraError } from "../base/errors";
import { encodeHalf } from "../base/half";
import { encodeSafetensors, type TensorToWrite } from "../formats/safetensors";
import { type TensorFile, toFloat32 } from "../formats/tensor-data";
import { formatShape, sameShape, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { CONTROL_SIZE, DEVICE_PLACES, FIRST_SCALE } from "./control";
import { type ParameterSpecs, type Parameters, type ParameterValues, readParameters } from "./parameters";
import type { Trainer } from "./trainer";

const FORMAT = "tessera-training";
/** Grows when a state of the version before cannot be read any more. */
const VERSION = "1";

/**
 * Weights under their own names, as PyTorch would save them: f32, or f16 at half the size. `flat` is the buffer to save,
 * the weights themselves when left out (a trainer's running average is another one).
 */
export async function encodeWeights(
  parameters: Parameters,
  {
    flat,
    dtype = "F32",
    metadata,
  }: { flat?: Tensor; dtype?: "F32" | "F16"; metadata?: Record<string, string> } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const values = await readParameters(parameters, flat);
  const tensors = [...values].map(([name, { shape, data }]): TensorToWrite => {
    const bits = dtype === "F16" ? encodeHalf(data, "f16") : Float32Array.from(data);
    return { name, dtype, shape, data: bits };
  });
  return encodeSafetensors(tensors, metadata);
}

/** Weights of a file by name, of any float type, for `createParameters`, which checks names and shapes. */
export async function decodeWeights(file: TensorFile): Promise<Map<string, ParameterValues>> {
  const values = new Map<string, ParameterValues>();
  for (const { name, shape } of file.entries)
    values.set(name, { shape, data: toFloat32(await file.read(name)) });
  return values;
}

/** The flat buffers of a state, by the word that their names begin with in the file. */
function buffersOf({ state }: Trainer): [string, Tensor][] {
  const { parameters, first, second, average } = state;
  return [
    ["model", parameters.flat],
    ["first", first],
    ["second", second],
    ...(average ? [["average", average] as [string, Tensor]] : []),
  ];
}

/**
 * The state after the steps asked for so far; it waits for them. `notes` go into the metadata beside what this module writes
 * there: what the caller must know of a state before it makes a trainer for it.
 */
export async function encodeTraining(
  trainer: Trainer,
  notes: Readonly<Record<string, string>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { parameters, control } = trainer.state;
  const tensors: TensorToWrite[] = [];
  const steps = trainer.steps;
  for (const [part, flat] of buffersOf(trainer)) {
    for (const [name, { shape, data }] of await readParameters(parameters, flat))
      tensors.push({ name: `${part}.${name}`, dtype: "F32", shape, data: data as Float32Array });
  }
  tensors.push({ name: "control", dtype: "F32", shape: [CONTROL_SIZE], data: await control.readFloats() });
  const { optimiser } = trainer;
  const own = { format: FORMAT, version: VERSION, optimiser, steps: String(steps) };
  return encodeSafetensors(tensors, { ...notes, ...own });
}

/** What a state says of itself before its tensors are read. @throws TesseraError `checkpoint` for another kind of file. */
export function trainingHead(file: TensorFile): { steps: number; optimiser: string } {
  const { format, version, optimiser = "", steps } = file.metadata;
  if (format !== FORMAT) throw refused(file, "it is no training state; weights alone start a new run");
  if (version !== VERSION)
    throw refused(file, `it has version ${version}, this program reads version ${VERSION}`);
  if (!/^\d{1,15}$/.test(steps)) throw refused(file, `its number of steps is ${JSON.stringify(steps)}`);
  return { steps: Number(steps), optimiser };
}

/** The error of a state that does not fit, with the reason in words. */
export const refused = (file: TensorFile, why: string): TesseraError =>
  new TesseraError("checkpoint", `This state cannot be resumed: ${why}: ${file.name}`, { file: file.name });

/**
 * Takes a saved state over into a trainer of the same model and optimiser; it then goes on after the saved steps. Nothing is
 * changed unless all of the file fits. @throws TesseraError `checkpoint` saying what does not, and what the file throws.
 */
export async function resumeTraining(trainer: Trainer, file: TensorFile): Promise<void> {
  const { parameters, control } = trainer.state;
  const steps = expectFits(trainer, file);
  const writes: [Tensor, Float32Array][] = [];
  for (const [part, flat] of buffersOf(trainer)) {
    const data = new Float32Array(flat.size);
    for (const { name, start } of parameters.places)
      data.set(toFloat32(await file.read(`${part}.${name}`)), start);
    writes.push([flat, data]);
  }
  const scalars = toFloat32(await file.read("control"));
  // A state of an f32 training has no loss scale yet.
  if (trainer.state.half) scalars[DEVICE_PLACES.scale] ||= FIRST_SCALE;
  writes.push([control, scalars]);
  for (const [{ gpu, allocation }, { buffer, byteOffset, byteLength }] of writes) {
    const data = new Uint8Array(buffer, byteOffset, byteLength);
    gpu.queue.record({ kind: "write", target: allocation, offset: 0, data });
  }
  trainer.resumeAt(steps);
}

function expectFits(trainer: Trainer, file: TensorFile): number {
  const bad = (why: string): TesseraError => refused(file, why);
  const { steps, optimiser } = trainingHead(file);
  if (optimiser !== trainer.optimiser)
    throw bad(`it was trained with ${optimiser}, this run uses ${trainer.optimiser}`);
  const wanted = new Map<string, readonly number[]>([["control", [CONTROL_SIZE]]]);
  for (const [part] of buffersOf(trainer)) {
    for (const [name, { shape }] of Object.entries(trainer.state.parameters.specs))
      wanted.set(`${part}.${name}`, shape);
  }
  const found = new Map(file.entries.map((entry) => [entry.name, entry]));
  for (const [name, shape] of wanted) {
    const entry = found.get(name);
    if (!entry) throw bad(`${name} is missing`);
    if (entry.dtype !== "F32") throw bad(`${name} is ${entry.dtype}, a state is F32`);
    if (!sameShape(entry.shape, shape))
      throw bad(`${name} is ${formatShape(entry.shape)}, the model has ${formatShape(shape)}`);
  }
  const extra = [...found.keys()].find((name) => !wanted.has(name));
  if (extra) throw bad(`${extra} is not of this model`);
  return steps;
}

/** Bytes of a training state, without the header: what must fit in storage. */
export const trainingBytes = (specs: ParameterSpecs, average: boolean): number =>
  Object.values(specs).reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0) * (average ? 4 : 3) +
  4 * CONTROL_SIZE;
