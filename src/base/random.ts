// Philox 4x32-10, the counter-based generator shared by CPU references and shaders: number i of a stream never
// depends on how the stream is cut. Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** Upper half of the 64-bit product; no step leaves 32 bits. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle1 = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const middle2 = (Math.imul(aLow, bHigh) + (middle1 & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle1 >>> 16) + (middle2 >>> 16)) >>> 0;
}

/** Four 32-bit words for a 128-bit counter and a 64-bit key. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const h0 = mulHigh(M0, c0);
    const l0 = Math.imul(M0, c0) >>> 0;
    const h1 = mulHigh(M1, c2);
    const l1 = Math.imul(M1, c2) >>> 0;
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * The words of the counters (first, high[0], high[1]), (first + 1, …), … as `philox` gives them, without an allocation
 * for each. `first` counts up to 2^53; `out` holds whole fours.
 */
export function philoxWords(
  out: Uint32Array,
  first: number,
  high: readonly [number, number],
  key: readonly [number, number],
): void {
  for (let at = 0; at < out.length; at += 4) {
    const counter = first + at / 4;
    let c0 = counter >>> 0;
    let c1 = Math.floor(counter / 2 ** 32) >>> 0;
    let c2 = high[0];
    let c3 = high[1];
    let k0 = key[0];
    let k1 = key[1];
    for (let round = 0; round < 10; round++) {
      const h0 = mulHigh(M0, c0);
      const h1 = mulHigh(M1, c2);
      const l0 = Math.imul(M0, c0);
      const l1 = Math.imul(M1, c2);
      c0 = h1 ^ c1 ^ k0;
      c1 = l1;
      c2 = h0 ^ c3 ^ k1;
      c3 = l0;
      k0 = (k0 + W0) | 0;
      k1 = (k1 + W1) | 0;
    }
    out[at] = c0;
    out[at + 1] = c1;
    out[at + 2] = c2;
    out[at + 3] = c3;
  }
}

/** Uniform in [0, 1) with 24 bits: word >>> 8 times 2^-24, exact in f32. */
export const wordToUniform = (word: number): number => (word >>> 8) * 2 ** -24;

/** A seeded sequential generator for CPU code (samples, shuffles). Streams of one seed are independent. */
export class Random {
  private counter = 0;
  private words: number[] = [];
  constructor(
    private readonly seed: number,
    private readonly stream = 0,
  ) {}

  /** Next 32-bit word. */
  word(): number {
    if (this.words.length === 0) {
      this.words = philox(
        [this.counter >>> 0, Math.floor(this.counter / 2 ** 32), 0, 0],
        [this.seed >>> 0, this.stream >>> 0],
      ).reverse();
      this.counter++;
    }
    return this.words.pop()!;
  }
  /** Uniform in [0, 1). */
  uniform(): number {
    return wordToUniform(this.word());
  }
  /** Whole number in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }
  /** Standard normal (Box-Muller, one of the pair). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
  /** f32 array of standard normals times `scale`. */
  normals(length: number, scale = 1): Float32Array {
    return Float32Array.from({ length }, () => this.normal() * scale);
  }
  /** Fisher-Yates, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}
