// What a merge will cost, counted before it runs: bytes to read and write, memory at the most. Nothing is guessed.
import { DTYPE_BYTES } from "../../../../formats/tensor-data";
import { tensorBytes } from "../merge/layout";
import { PIECE_BYTES } from "../merge/shard-writer";
import type { TensorJob } from "../methods/method";
import type { Plan, PlannedTensor } from "./plan";

export interface Cost {
  bytesToRead: number;
  bytesToWrite: number;
  /** Bytes of arrays at the most, beside what a method keeps of a tensor for itself. */
  memory: number;
  /** How often the method reads a tensor that is larger than a chunk. */
  passes: number;
}

export async function costOf(plan: Plan, chunkBytes: number): Promise<Cost> {
  const elements = Math.max(1, Math.floor(chunkBytes / 4));
  const sample = plan.tensors.find((tensor) => tensor.action === "merge");
  const passes = sample ? await countPasses(plan, sample) : 1;
  let bytesToRead = 0;
  let memory = 0;
  for (const tensor of plan.tensors) {
    const count = tensorBytes(tensor) / DTYPE_BYTES[tensor.dtype];
    const row = tensor.shape.at(-1) ?? 1;
    const held = Math.min(count, Math.max(elements, row));
    let chunk = 0;
    for (const { model, tensor: name } of tensor.sources) {
      const entry = plan.models[model].model.tensors.get(name)!;
      bytesToRead += entry.bytes * (count > elements ? passes : 1);
      // The values that are worked on, and the bytes of those that are read meanwhile; rows are put together twice.
      chunk += held * (4 + DTYPE_BYTES[entry.dtype] + (tensor.alignment ? 4 : 0));
    }
    memory = Math.max(memory, chunk + held * (4 + DTYPE_BYTES[tensor.dtype]));
  }
  const bytesToWrite = plan.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  return { bytesToRead, bytesToWrite, memory: memory + 2 * Math.min(PIECE_BYTES, chunkBytes), passes };
}

/** Merges four numbers and counts how often the method asks for them. */
async function countPasses(plan: Plan, tensor: PlannedTensor): Promise<number> {
  let passes = 0;
  const models = tensor.sources.map((_, i) => Float32Array.of(1, i + 2, -1, 0.5 + i));
  const job: TensorJob = {
    ...{ name: tensor.name, shape: [2, 2], base: tensor.base },
    ...{ shared: tensor.shared, values: tensor.values, seed: 0, mode: plan.mode },
    async *chunks() {
      passes++;
      yield { at: 0, models };
    },
  };
  try {
    for await (const _ of plan.method.merge(job));
  } catch {
    // A method may refuse four numbers that it would take in a model; then one pass is told.
  }
  return Math.max(1, passes);
}
