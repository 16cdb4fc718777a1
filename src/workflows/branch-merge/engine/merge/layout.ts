// Where each tensor of the output will lie: shards by size, named as Hugging Face names them. All of it is known before
// anything is computed.
import { safetensorsHead } from "../../../../formats/safetensors";
import { DTYPE_BYTES } from "../../../../formats/tensor-data";
import type { PlannedTensor } from "../plan/plan";

export interface Shard {
  name: string;
  head: Uint8Array;
  tensors: readonly { tensor: PlannedTensor; start: number; end: number }[];
  /** Bytes of the whole file. */
  size: number;
}

/** Its file while it is not complete. */
export const unfinished = (name: string): string => `${name}.incomplete`;

export const tensorBytes = ({ shape, dtype }: Pick<PlannedTensor, "shape" | "dtype">): number =>
  shape.reduce((count, side) => count * side, 1) * DTYPE_BYTES[dtype];

/** @param shardBytes most bytes of tensors in a file; a larger tensor has a file of its own. */
export function layOut(tensors: readonly PlannedTensor[], shardBytes: number): Shard[] {
  const groups: PlannedTensor[][] = [[]];
  let size = 0;
  for (const tensor of tensors) {
    const bytes = tensorBytes(tensor);
    if (size > 0 && size + bytes > shardBytes) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(tensor);
    size += bytes;
  }
  const number = (n: number): string => String(n).padStart(5, "0");
  return groups.map((group, i) => {
    const head = safetensorsHead(group, { format: "pt" });
    return {
      name:
        groups.length === 1
          ? "model.safetensors"
          : `model-${number(i + 1)}-of-${number(groups.length)}.safetensors`,
      head: head.bytes,
      tensors: group.map((tensor, j) => ({
        tensor,
        start: head.starts[j],
        end: head.starts[j] + tensorBytes(tensor),
      })),
      size: head.size,
    };
  });
}

export const INDEX = "model.safetensors.index.json";

/** The index of several shards, as bytes. */
export function indexFile(shards: readonly Shard[]): Uint8Array {
  const map = shards.flatMap(({ name, tensors }) =>
    tensors.map(({ tensor }) => [tensor.name, name] as const),
  );
  const total = shards.reduce(
    (sum, { tensors }) => sum + tensors.reduce((bytes, { start, end }) => bytes + end - start, 0),
    0,
  );
  const json = { metadata: { total_size: total }, weight_map: Object.fromEntries(map) };
  return new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
}
