// Random words for the masks of one tensor: the word of an element depends on seed, tensor, model and index alone, not
// on how the tensor is cut. 32 bits each, so that a device that computes in integers can draw the same mask.
import { philoxWords } from "../../../../base/random";
import type { TensorJob } from "./method";

export class MaskWords {
  private words = new Uint32Array(0);
  private readonly high: readonly [number, number];
  private readonly key: readonly [number, number];

  /** `model` counts the models other than the base: naming the base among the models changes nothing. */
  constructor({ seed, name }: TensorJob, model: number) {
    this.high = [model, Math.floor(seed / 2 ** 32) >>> 0];
    this.key = [seed >>> 0, hash(name)];
  }

  /** The words of `length` elements from flat index `at`; valid until the next call. */
  at(at: number, length: number): Uint32Array {
    const skip = at % 4;
    const room = Math.ceil((skip + length) / 4) * 4;
    if (this.words.length < room) this.words = new Uint32Array(room);
    philoxWords(this.words.subarray(0, room), (at - skip) / 4, this.high, this.key);
    return this.words.subarray(skip, skip + length);
  }
}

/** FNV-1a, 32 bits, of the UTF-8 bytes. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}
