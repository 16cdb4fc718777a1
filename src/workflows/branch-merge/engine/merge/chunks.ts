// Reads one tensor of all its sources chunk by chunk, the next chunk while the one before is worked on. Values are f32.
import { decodeHalf, encodeHalf } from "../../../../base/half";
import { type TensorData, toFloat32 } from "../../../../formats/tensor-data";
import type { Chunk, Mode } from "../methods/method";
import type { Model } from "../model/open";
import type { Plan, PlannedTensor } from "../plan/plan";
import type { DTypeName } from "../recipe/recipe";
import type { Meter } from "./meter";
import { alignedRows } from "./rows";

export interface ChunkReader {
  /** Every chunk in order, from the start at each call. Its arrays hold until the next one is asked for. */
  chunks(options?: { rows?: boolean }): AsyncGenerator<Chunk>;
  /** Begins to read, where the whole tensor is one chunk. */
  prime(): void;
}

/**
 * Values of a chunk that still have to be converted: reading is over, computing begins with it. Halves are converted
 * into `out`, which has room for them: fresh arrays for every chunk would take longer than the conversion.
 */
export type Loaded = (out: Float32Array<ArrayBuffer>) => Float32Array;

/** Arrays that chunks are converted into, one for each source: they serve one tensor after the other. */
export type Room = Float32Array<ArrayBuffer>[];

/** @param elements most values of one model in a chunk; a row of the last axis may be longer. */
export function chunkReader(
  plan: Plan,
  tensor: PlannedTensor,
  elements: number,
  meter: Meter,
  room: Room,
): ChunkReader {
  const total = tensor.shape.reduce((count, side) => count * side, 1);
  const row = tensor.shape.at(-1) ?? 1;
  const rounded = roundTo(plan.mode, plan.recipe.dtype);
  const loads = tensor.sources.map(
    ({ model, tensor: name }, at): ((from: number, to: number) => Promise<Loaded>) => {
      if (tensor.alignment) return alignedRows(plan, tensor, at, meter);
      const source = plan.models[model].model;
      return async (from, to) => {
        const data = await metered(meter, source, name, from, to);
        return (out) => asFloats(data, out);
      };
    },
  );
  const load = (from: number, to: number): Promise<Loaded[]> =>
    Promise.all(loads.map((one) => one(from, to)));
  const finish = (at: number, loaded: readonly Loaded[], count: number): Chunk => ({
    at,
    models: loaded.map((values, i) => {
      if (!room[i] || room[i].length < count) room[i] = new Float32Array(count);
      return rounded(values(room[i].subarray(0, count)));
    }),
  });
  // A tensor of one chunk is read and converted once, however often a method looks at it.
  const isSingle = total <= elements;
  let first: Promise<Loaded[]> | undefined;
  let kept: Chunk | undefined;

  return {
    prime() {
      if (!isSingle || total === 0) return;
      first ??= load(0, total);
      first.catch(() => {}); // told to whoever asks for the chunk
    },
    async *chunks({ rows = false } = {}) {
      if (total === 0) return;
      if (isSingle) {
        if (!kept) {
          this.prime();
          kept = finish(0, await meter.read.wait(first!), total);
          first = undefined;
        }
        yield kept;
        return;
      }
      // Aligned tensors are put together from whole rows in any case.
      const step = rows || tensor.alignment ? Math.max(1, Math.floor(elements / row)) * row : elements;
      let next = load(0, Math.min(step, total));
      for (let at = 0; at < total; at += step) {
        const loaded = await meter.read.wait(next);
        const after = at + step;
        if (after < total) {
          next = load(after, Math.min(after + step, total));
          next.catch(() => {});
        }
        yield finish(at, loaded, Math.min(step, total - at));
      }
    },
  };
}

function asFloats(data: TensorData, out: Float32Array<ArrayBuffer>): Float32Array {
  if (data.dtype !== "BF16" && data.dtype !== "F16") return toFloat32(data);
  return decodeHalf(data.data as Uint16Array, data.dtype === "BF16" ? "bf16" : "f16", out);
}

/** Reads elements of a tensor and counts the bytes. */
export async function metered(
  meter: Meter,
  model: Model,
  name: string,
  from: number,
  to: number,
): Promise<TensorData> {
  const data = await model.read(name, from, to);
  meter.read.bytes += data.data.byteLength;
  return data;
}

/** mergekit loads every tensor in the recipe's dtype; the exact mode keeps what the files hold. */
function roundTo(mode: Mode, dtype: DTypeName | undefined): (values: Float32Array) => Float32Array {
  if (mode !== "mergekit" || dtype === undefined || dtype === "float32") return (values) => values;
  const kind = dtype === "float16" ? "f16" : "bf16";
  return (values) => decodeHalf(encodeHalf(values, kind), kind);
}
