// The scores of Arcee Fusion, float32, chunk by chunk: their bits in the order of the numbers, and the gate. The divergences
// of rows are kept from the first pass on: 8 bytes a row. The threshold is found elsewhere.
import { mergekitDivergence, stableDivergence } from "./divergence";
import type { Chunk, Mode, TensorJob } from "./method";
import { BLOCK, baseOf, elementCount, rowLength, tasksOf } from "./tensors";

export interface FusionReading {
  /** rows: |δ| · KL of the row. size: |δ|. signed: θ0 − θ; one divergence for the tensor scales all of them alike. */
  score: "rows" | "size" | "signed";
  /** Scores of 0 are left out of the order. */
  changedOnly: boolean;
}

export class FusionScores {
  private readonly scores = new Float32Array(BLOCK);
  private readonly words = new Uint32Array(this.scores.buffer);
  private readonly turned = new Uint32Array(BLOCK);
  private readonly base: number;
  private readonly other: number;
  private readonly width: number;
  private readonly rows: Float64Array;
  private readonly mode: Mode;
  /** mergekit's divergences may come out negative. */
  private readonly hasSigns: boolean;
  /** Rows whose divergence is known. */
  private known = 0;

  constructor(
    job: TensorJob,
    private readonly reading: FusionReading,
  ) {
    this.base = baseOf(job);
    [this.other] = tasksOf(job);
    this.width = rowLength(job);
    this.rows = new Float64Array(reading.score === "rows" ? elementCount(job) / this.width : 0);
    this.mode = job.mode;
    this.hasSigns = job.mode === "mergekit" || reading.score === "signed";
  }

  /** The base and the other model. */
  private sides({ models }: Chunk): [left: Float32Array, right: Float32Array] {
    return [models[this.base], models[this.other]];
  }

  /** Fills the scores of a chunk portion by portion; `length` of them at a time. */
  each(chunk: Chunk, visit: (length: number) => void): void {
    const [left, right] = this.sides(chunk);
    this.portions(chunk, (from, length, factor) => {
      this.fill(left, right, from, length, factor);
      visit(length);
    });
  }

  /** Writes to `out` the other model's entries where the score is above the threshold, the base's elsewhere. */
  take(chunk: Chunk, threshold: number, out: Float32Array): void {
    const [left, right] = this.sides(chunk);
    const [sign, mode] = [this.reading.score === "signed", this.mode];
    this.portions(chunk, (from, length, factor) => {
      const to = from + length;
      if (mode === "mergekit") takeAsMergekit(left, right, out, from, to, factor, threshold);
      else if (sign) takeSigned(left, right, out, from, to, threshold);
      else takeLarge(left, right, out, from, to, factor, threshold);
    });
  }

  /** `from` is an index into the chunk, `factor` the divergence of its row or 1. */
  private portions(chunk: Chunk, visit: (from: number, length: number, factor: number) => void): void {
    const [left, right] = this.sides(chunk);
    const isRows = this.reading.score === "rows";
    const step = isRows ? this.width : left.length;
    for (let start = 0; start < left.length; start += step) {
      const factor = isRows ? this.rowFactor(chunk.at + start, left, right, start) : 1;
      for (let from = start; from < start + step; from += BLOCK)
        visit(from, Math.min(BLOCK, start + step - from), factor);
    }
  }

  /** Keys of the portion at hand, which rise with the scores, and their number; valid until the next portion. */
  keys(length: number): [keys: Uint32Array, used: number] {
    const { words, turned, hasSigns } = this;
    const { changedOnly } = this.reading;
    if (!changedOnly && !hasSigns) return [words, length];
    // Bits of negative numbers are turned over, those of positive ones put above them.
    for (let i = 0; i < length; i++)
      turned[i] = hasSigns ? words[i] ^ ((words[i] >> 31) | 0x80000000) : words[i];
    if (!changedOnly) return [turned, length];
    let used = 0;
    for (let i = 0; i < length; i++) if (words[i] << 1 !== 0) turned[used++] = turned[i];
    return [turned, used];
  }

  /** The score that has a key. */
  ofKey(key: number): number {
    const bits = !this.hasSigns ? key : key & 0x80000000 ? key ^ 0x80000000 : ~key;
    return new Float32Array(Uint32Array.of(bits).buffer)[0];
  }

  private fill(left: Float32Array, right: Float32Array, from: number, length: number, factor: number): void {
    const { scores } = this;
    if (this.reading.score === "signed")
      for (let i = 0; i < length; i++) scores[i] = left[from + i] - right[from + i];
    else
      for (let i = 0; i < length; i++)
        scores[i] = factor * Math.abs(Math.fround(right[from + i] - left[from + i]));
  }

  /** Of the row at flat index `at`; the first pass computes them in order. */
  private rowFactor(at: number, left: Float32Array, right: Float32Array, from: number): number {
    const row = at / this.width;
    if (row === this.known) {
      const divergence = this.mode === "mergekit" ? mergekitDivergence : stableDivergence;
      this.rows[row] = divergence(right, left, from, from + this.width);
      this.known++;
    }
    return this.rows[row];
  }
}

/** The strict gate of the paper, here and in the next one. */
function takeLarge(
  left: Float32Array,
  right: Float32Array,
  out: Float32Array,
  from: number,
  to: number,
  factor: number,
  threshold: number,
): void {
  for (let i = from; i < to; i++) {
    const score = Math.fround(factor * Math.abs(Math.fround(right[i] - left[i])));
    out[i] = score > threshold ? right[i] : left[i];
  }
}

function takeSigned(
  left: Float32Array,
  right: Float32Array,
  out: Float32Array,
  from: number,
  to: number,
  threshold: number,
): void {
  for (let i = from; i < to; i++) out[i] = Math.fround(left[i] - right[i]) > threshold ? right[i] : left[i];
}

/** Scores at the threshold count, and what is taken is rounded on the way. */
function takeAsMergekit(
  left: Float32Array,
  right: Float32Array,
  out: Float32Array,
  from: number,
  to: number,
  factor: number,
  threshold: number,
): void {
  for (let i = from; i < to; i++) {
    const step = Math.fround(right[i] - left[i]);
    out[i] = Math.fround(factor * Math.abs(step)) >= threshold ? left[i] + step : left[i];
  }
}
