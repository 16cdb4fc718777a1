// Dropout as a layer: the name tells its random numbers apart from those of other layers, the trainer's clock from those
// of other steps. Without a clock (sampling, evaluation) nothing is dropped.
import * as ops from "../ops/dropout";
import type { Tensor } from "../tensor/tensor";

export interface DropoutOptions {
  /** Share of values that become 0. */
  rate: number;
  /** u32[2]; `Trainer.clock` while training, left out otherwise. */
  clock?: Tensor;
  seed?: number;
}

/** x f[...] with dropped values, and the rest scaled so that the expectation stays. */
export const dropout = (name: string, x: Tensor, { rate, clock, seed = 0 }: DropoutOptions): Tensor =>
  clock && rate > 0 ? ops.dropout(x, clock, { rate, seed, stream: streamOf(name) }) : x;

/** A stream number for a name: 32-bit FNV-1a of its characters. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}
