// Arcee Fusion: the entries of the other model whose score stands out replace those of the base; every entry is from
// one of the two. Scores are computed in each of three passes again.
import type { MethodParameter } from "../recipe/settings";
import { type FusionReading, FusionScores } from "./fusion-scores";
import type { MergeMethod, TensorJob } from "./method";
import { selectRanks } from "./select";
import { flag, number } from "./tensors";

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

/** deviates: scores by rows, as the released code does; with per_row off, as the paper has it. */
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
  const scores = new FusionScores(job, readingOf(job));
  const threshold = await thresholdOf(job, scores);
  for await (const chunk of job.chunks({ rows: true })) {
    const out = new Float32Array(chunk.models[0].length);
    scores.take(chunk, threshold, out);
    yield out;
  }
}

function readingOf(job: TensorJob): FusionReading {
  if (job.mode === "mergekit") return { score: "rows", changedOnly: false };
  const tensor = flag(job.shared, "per_row") ? "rows" : "signed";
  return {
    score: flag(job.shared, "divergence") ? tensor : "size",
    changedOnly: flag(job.shared, "changed_only"),
  };
}

/** Median and quartiles by linear interpolation; mergekit takes the next lower score. Of all scores: no sample. */
async function thresholdOf(job: TensorJob, scores: FusionScores): Promise<number> {
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
      for await (const chunk of job.chunks({ rows: true }))
        scores.each(chunk, (length) => {
          const [keys, used] = scores.keys(length);
          count += used;
          visit(0, keys, used);
        });
    },
  );
  if (found.length === 0) return Number.POSITIVE_INFINITY;
  const values = found.map(({ key }) => scores.ofKey(key));
  if (job.mode === "mergekit") {
    const [low, , middle, , high] = values;
    return Math.fround(middle + Math.fround(1.5 * Math.fround(high - low)));
  }
  const [low, middle, high] = places.map(
    (place, i) => values[2 * i] + (place - Math.floor(place)) * (values[2 * i + 1] - values[2 * i]),
  );
  return middle + number(job.shared, "lambda") * (high - low);
}
