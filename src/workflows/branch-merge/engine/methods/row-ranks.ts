// Ranks of magnitudes within a row, by a radix sort that keeps equal ones in their order. Rooms are used again.

const DIGIT = 11;

export class RowRanks {
  private length = 0;
  private keys = [new Uint32Array(0), new Uint32Array(0)];
  private order = [new Uint32Array(0), new Uint32Array(0)];
  private ranks = new Uint32Array(0);
  /** Where the next element of each digit goes. */
  private readonly next = new Uint32Array(1 << DIGIT);

  /** The rank, 0 the smallest, of each of the first `length` keys below 2^31; valid until the next call. */
  of(keys: Uint32Array, length: number): Uint32Array {
    if (this.length < length) {
      this.length = length;
      this.keys = [new Uint32Array(length), new Uint32Array(length)];
      this.order = [new Uint32Array(length), new Uint32Array(length)];
      this.ranks = new Uint32Array(length);
    }
    const [order] = this.order;
    for (let i = 0; i < length; i++) order[i] = i;
    this.keys[0].set(keys.length === length ? keys : keys.subarray(0, length));
    for (let shift = 0; shift < 31; shift += DIGIT) this.sortBy(shift, length);
    return this.invert(length);
  }

  /** One digit, from the first room into the second, which then becomes the first. */
  private sortBy(shift: number, length: number): void {
    const [keys, toKeys] = this.keys;
    const [order, toOrder] = this.order;
    const { next } = this;
    const mask = next.length - 1;
    next.fill(0);
    for (let i = 0; i < length; i++) next[(keys[i] >>> shift) & mask]++;
    let start = 0;
    for (let digit = 0; digit <= mask; digit++) {
      const count = next[digit];
      next[digit] = start;
      start += count;
    }
    for (let i = 0; i < length; i++) {
      const key = keys[i];
      const to = next[(key >>> shift) & mask]++;
      toKeys[to] = key;
      toOrder[to] = order[i];
    }
    this.keys.reverse();
    this.order.reverse();
  }

  private invert(length: number): Uint32Array {
    const [order] = this.order;
    const { ranks } = this;
    for (let i = 0; i < length; i++) ranks[order[i]] = i;
    return ranks;
  }
}
