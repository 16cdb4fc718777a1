// Arcee Fusion: the entries of the other model whose score stands out replace those of the base; every entry is from
// one of the two. Scores are float32 and computed in each pass again, the divergences of rows are kept.
import type { MethodParameter } from "../recipe/settings";
import { mergekitDivergence, stableDivergence } from "./divergence";
import type { Chunk, MergeMethod, TensorJob } from "./method";
import { selectRanks } from "./select";
import { BLOCK, baseOf, elementCount, flag, number, rowLength, tasksOf } from "./tensors";

const parameters: Readonly<Record<string, MethodParameter>> = {
  per_row: {
    kind: "bool",
    default: true,
    scope: "shared",
    help: "Exact mode: |δ| times the divergence of its row. Off: of the whole tensor and θ0 − θ signed, as the paper has it",
  },
  divergence: {
    kind: "bool",
    default: true,
    scope: "shared",
    help: "Exact mode: off scores by |δ| alone",
  },
  changed_only: {
    kind: "bool",
    default: false,
    scope: "shared",
    help: "Exact mode: median and quartiles of the scores that are not 0. Where most entries agree they are 0 otherwise, and all that has changed is taken",
  },
  lambda: {
    kind: "number",
    default: 1.5,
    scope: "shared",
    help: "Exact mode: how many interquartile ranges above the median a score must lie",
  },
};

/** What the scores are, and when one stands out. */
interface Reading {
  /** rows: |δ| · KL of the row. size: |δ|. signed: θ0 − θ; one divergence for the tensor scales all of them alike. */
  score: "rows" | "size" | "signed";
  lambda: number;
  changedOnly: boolean;
}

export const arceeFusion: MergeMethod = {
  id: "arcee_fusion",
  title: "Arcee Fusion",
  formula: "θ where |δ| · KL(softmax θ ‖ softmax θ0) of its row > median + λ (Q3 − Q1), else θ0",
  source: "TinyR1, arXiv:2503.04872, section 2.2; mergekit",
  parameters,
  base: "required",
  models: [1, 1],
  merge,
};

async function* merge(job: TensorJob): AsyncGenerator<Float32Array> {
  const mergekit = job.mode === "mergekit";
  const reading = readingOf(job);
  const base = baseOf(job);
  const scorer = new Scorer(job, reading);
  const threshold = await thresholdOf(job, scorer, reading);
  for await (const chunk of job.chunks({ rows: true })) {
    const left = chunk.models[base];
    const right = chunk.models[tasksOf(job)[0]];
    const out = new Float32Array(left.length);
    scorer.each(chunk, (scores, from, length) => {
      for (let i = 0; i < length; i++) {
        // The strict gate of the paper: where most entries agree the threshold is 0, and nothing is to be taken.
        const taken = mergekit ? scores[i] >= threshold : scores[i] > threshold;
        const [l, r] = [left[from + i], right[from + i]];
        out[from + i] = taken ? (mergekit ? l + Math.fround(r - l) : r) : l;
      }
    });
    yield out;
  }
}

function readingOf(job: TensorJob): Reading {
  if (job.mode === "mergekit") return { score: "rows", lambda: 1.5, changedOnly: false };
  const tensor = flag(job.shared, "per_row") ? "rows" : "signed";
  return {
    score: flag(job.shared, "divergence") ? tensor : "size",
    lambda: number(job.shared, "lambda"),
    changedOnly: flag(job.shared, "changed_only"),
  };
}

/** Median and quartiles by linear interpolation; mergekit takes the next lower score. Of all scores: no sample. */
async function thresholdOf(
  job: TensorJob,
  scorer: Scorer,
  { lambda, changedOnly }: Reading,
): Promise<number> {
  let count = 0;
  let places: number[] = [];
  const [found] = await selectRanks(
    1,
    () => {
      // The count is that of the first of the two passes.
      places = count === 0 ? [] : [0.25, 0.5, 0.75].map((q) => q * (count - 1));
      return places.flatMap((place) => [Math.floor(place), Math.ceil(place)]);
    },
    async (visit) => {
      const keys = new Uint32Array(BLOCK);
      for await (const chunk of job.chunks({ rows: true }))
        scorer.each(chunk, (scores, _, length, words) => {
          let used = 0;
          for (let i = 0; i < length; i++) {
            if (changedOnly && scores[i] === 0) continue;
            // Bits in the order of the numbers: negative ones turned over, positive ones above them.
            keys[used++] = words[i] ^ ((words[i] >> 31) | 0x80000000);
          }
          count += used;
          visit(0, keys, used);
        });
    },
  );
  if (found.length === 0) return Number.POSITIVE_INFINITY;
  const values = new Float32Array(
    Uint32Array.from(found, ({ key }) => (key & 0x80000000 ? key ^ 0x80000000 : ~key)).buffer,
  );
  if (job.mode === "mergekit") {
    const [low, , middle, , high] = values;
    return Math.fround(middle + Math.fround(1.5 * Math.fround(high - low)));
  }
  const [low, middle, high] = places.map(
    (place, i) => values[2 * i] + (place - Math.floor(place)) * (values[2 * i + 1] - values[2 * i]),
  );
  return middle + lambda * (high - low);
}

/** The scores of a chunk, in portions. */
class Scorer {
  private readonly scores = new Float32Array(BLOCK);
  private readonly words = new Uint32Array(this.scores.buffer);
  private readonly width: number;
  private readonly rows: Float64Array;
  /** Rows whose divergence is known. */
  private known = 0;

  constructor(
    private readonly job: TensorJob,
    private readonly reading: Reading,
  ) {
    this.width = rowLength(job);
    this.rows = new Float64Array(reading.score === "rows" ? elementCount(job) / this.width : 0);
  }

  each(
    chunk: Chunk,
    visit: (scores: Float32Array, from: number, length: number, words: Uint32Array) => void,
  ): void {
    const left = chunk.models[baseOf(this.job)];
    const right = chunk.models[tasksOf(this.job)[0]];
    const { score } = this.reading;
    const step = score === "rows" ? this.width : left.length;
    for (let start = 0; start < left.length; start += step) {
      const factor = score === "rows" ? this.divergence(chunk, left, right, start) : 1;
      for (let from = start; from < start + step; from += BLOCK) {
        const length = Math.min(BLOCK, start + step - from);
        this.fill(left, right, from, length, factor);
        visit(this.scores, from, length, this.words);
      }
    }
  }

  private fill(left: Float32Array, right: Float32Array, from: number, length: number, factor: number): void {
    const { scores } = this;
    if (this.reading.score === "signed")
      for (let i = 0; i < length; i++) scores[i] = left[from + i] - right[from + i];
    else
      for (let i = 0; i < length; i++)
        scores[i] = factor * Math.abs(Math.fround(right[from + i] - left[from + i]));
  }

  /** Of the row that starts at `from`; the first pass computes them in order. */
  private divergence({ at }: Chunk, left: Float32Array, right: Float32Array, from: number): number {
    const row = (at + from) / this.width;
    if (row === this.known) {
      const of = this.job.mode === "mergekit" ? mergekitDivergence : stableDivergence;
      this.rows[row] = of(right, left, from, from + this.width);
      this.known++;
    }
    return this.rows[row];
  }
}
