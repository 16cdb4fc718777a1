// Ranks of magnitudes within a row, by a radix sort that keeps equal ones in their order. Rooms are used again.
import { MAGNITUDE } from "./differences";

export class RowRanks {
  private order = new Uint32Array(0);
  private next = new Uint32Array(0);
  private ranks = new Uint32Array(0);
  private readonly starts = new Uint32Array(257);

  /** The rank, 0 the smallest, of each of the first `length` float32 words by magnitude; valid until the next call. */
  of(words: Uint32Array, length: number): Uint32Array {
    if (this.order.length < length) {
      this.order = new Uint32Array(length);
      this.next = new Uint32Array(length);
      this.ranks = new Uint32Array(length);
    }
    for (let i = 0; i < length; i++) this.order[i] = i;
    for (let shift = 0; shift < 32; shift += 8) this.sortBy(words, shift, length);
    const { order, ranks } = this;
    for (let i = 0; i < length; i++) ranks[order[i]] = i;
    return ranks;
  }

  private sortBy(words: Uint32Array, shift: number, length: number): void {
    const { order, next, starts } = this;
    starts.fill(0);
    for (let i = 0; i < length; i++) starts[(((words[i] & MAGNITUDE) >>> shift) & 255) + 1]++;
    for (let digit = 1; digit < 256; digit++) starts[digit] += starts[digit - 1];
    for (let i = 0; i < length; i++) {
      const element = order[i];
      next[starts[((words[element] & MAGNITUDE) >>> shift) & 255]++] = element;
    }
    this.order = next;
    this.next = order;
  }
}
