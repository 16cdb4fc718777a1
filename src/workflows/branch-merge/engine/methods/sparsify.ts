// Which entries of a difference are kept, and by how much they grow: by magnitude, between two magnitudes, at random,
// at random by rank. One record for each rule; the merging itself is in task-vectors.ts.
import { TesseraError } from "../../../../base/errors";
import type { MethodParameter } from "../recipe/settings";
import { type Difference, eachDifference } from "./differences";
import { MaskWords } from "./mask-words";
import type { TensorJob } from "./method";
import { RowRanks } from "./row-ranks";
import { selectRanks } from "./select";
import { elementCount, number } from "./tensors";

/** Writes factor · what is kept of the part, 0 elsewhere. To be called with every part once, in order. */
export type Keep = (part: Difference, factor: number, into: Float64Array) => void;

export interface Sparsifier {
  parameters: Readonly<Record<string, MethodParameter>>;
  /** Parts are whole rows. */
  byRow: boolean;
  /** Its masks are drawn; in exact mode it divides by their probability itself where `rescale` is on. */
  random: boolean;
  /** A rule for each model; each call of one starts at the first part. */
  prepare(job: TensorJob, models: readonly number[]): Promise<(() => Keep)[]>;
}

export const density: MethodParameter = {
  kind: "number",
  default: 1,
  scope: "task",
  help: "Share of the entries that is kept",
};

const keepAll: Keep = ({ values, length }, factor, into) => {
  for (let i = 0; i < length; i++) into[i] = factor * values[i];
};
const keepNone: Keep = (part, _, into) => void into.fill(0, 0, part.length);

/** TIES: the largest magnitudes. */
export const byMagnitude: Sparsifier = {
  parameters: { density },
  byRow: false,
  random: false,
  prepare: (job, models) =>
    keepRanks(job, models, (share, count) => [
      0,
      share > 0 ? Math.min(count, Math.max(1, howMany(job, share, count))) : 0,
    ]),
};

/** Breadcrumbs: neither the largest magnitudes nor the smallest. */
export const betweenMagnitudes: Sparsifier = {
  parameters: {
    density,
    gamma: {
      kind: "number",
      default: 0.01,
      scope: "task",
      help: "Share of the entries, the largest, that is dropped",
    },
  },
  byRow: false,
  random: false,
  prepare: (job, models) =>
    keepRanks(job, models, (share, count, model) => {
      const top = Math.max(0, howMany(job, number(job.values[model], "gamma"), count));
      const kept = Math.max(0, howMany(job, share, count));
      // mergekit drops fewer of the largest where else too few would be left.
      const from = job.mode === "mergekit" ? Math.min(top, count - kept) : top;
      return [Math.min(from, count), Math.min(from + kept, count)];
    }),
};

/** mergekit cuts 0.29 · 100 to 28. */
function howMany(job: TensorJob, share: number, count: number): number {
  return Math.min(count, job.mode === "mergekit" ? Math.trunc(share * count) : Math.round(share * count));
}

/** Keeps the places [from, to) in the order of falling magnitude, of equal ones the lowest index first. */
async function keepRanks(
  job: TensorJob,
  models: readonly number[],
  placesOf: (density: number, count: number, model: number) => [from: number, to: number],
): Promise<(() => Keep)[]> {
  const count = elementCount(job);
  const places = models.map((model) =>
    placesOf(Math.min(1, number(job.values[model], "density")), count, model),
  );
  const open = models.flatMap((_, k) => {
    const [from, to] = places[k];
    return from < to && to - from < count ? [k] : [];
  });
  const ends =
    open.length === 0
      ? []
      : await selectRanks(
          open.length,
          (group) => {
            const [from, to] = places[open[group]];
            return [count - 1 - from, count - to];
          },
          (visit) =>
            eachDifference(
              job,
              open.map((k) => models[k]),
              false,
              (group, { keys, length }) => visit(group, keys, length),
            ),
        );
  return models.map((_, k) => {
    const [from, to] = places[k];
    if (from >= to) return () => keepNone;
    if (to - from === count) return () => keepAll;
    const [upper, lower] = ends[open.indexOf(k)];
    const above = (end: typeof upper): number => count - end.below - end.equal;
    return () => keepBetween(upper.key, from - above(upper), lower.key, to - above(lower));
  });
}

/**
 * Of entries that equal `upper` the first `skip` are left out, of those that equal `lower` the first `take` kept. Which
 * entries are kept looks random to a processor: differences of signs decide, not branches.
 */
function keepBetween(upper: number, skip: number, lower: number, take: number): Keep {
  let metUpper = 0;
  let metLower = 0;
  return ({ values, keys, length }, factor, into) => {
    for (let i = 0; i < length; i++) {
      const key = keys[i];
      let kept = ((lower - key) & (key - upper)) >>> 31;
      if (key === lower || key === upper)
        kept = (key !== upper || metUpper++ >= skip) && (key !== lower || metLower++ < take) ? 1 : 0;
      into[i] = kept * factor * values[i];
    }
  };
}

/** DARE: each with the same probability. Exact mode divides by it, as published; mergekit matches sums. */
export const atRandom: Sparsifier = {
  parameters: { density },
  byRow: false,
  random: true,
  prepare: async (job, models) =>
    models.map((model, k) => {
      const chance = number(job.values[model], "density");
      if (chance >= 1) return () => keepAll;
      if (chance <= 0) return () => keepNone;
      const grow = job.mode === "exact" && job.shared.rescale === true ? 1 / chance : 1;
      const limit = chance * 2 ** 32;
      const mask = new MaskWords(job, k);
      return () => (part, factor, into) => {
        const words = mask.at(part.at, part.length);
        const { values, length } = part;
        const scale = factor * grow;
        for (let i = 0; i < length; i++) into[i] = +(words[i] < limit) * scale * values[i];
      };
    }),
};

/** DELLA: with a probability that rises with the magnitude's rank in its row, by 2ε from the least to the largest. */
export const byRowRank: Sparsifier = {
  parameters: {
    density,
    epsilon: {
      kind: "number",
      default: 0.15,
      scope: "task",
      help: "Half the difference in probability between the largest and the smallest entry of a row",
    },
  },
  byRow: true,
  random: true,
  prepare: async (job, models) =>
    models.map((model, k) => {
      const chance = number(job.values[model], "density");
      if (chance >= 1) return () => keepAll;
      if (chance <= 0) return () => keepNone;
      const spread = spreadOf(job, chance, number(job.values[model], "epsilon"));
      const rescale = job.mode === "exact" && job.shared.rescale === true;
      const mask = new MaskWords(job, k);
      const order = new RowRanks();
      return () => (part, factor, into) => {
        const words = mask.at(part.at, part.length);
        const ranks = order.of(part.keys, part.length);
        const step = part.length > 1 ? (2 * spread) / (part.length - 1) : 0;
        // A row of one has no rank to go by.
        const least = part.length > 1 ? chance - spread : chance;
        for (let i = 0; i < part.length; i++) {
          const probability = least + step * ranks[i];
          const grow = rescale ? factor / probability : factor;
          into[i] = words[i] < probability * 2 ** 32 ? grow * part.values[i] : 0;
        }
      };
    }),
};

/** mergekit refuses probabilities outside (0, 1); exact mode narrows them to what fits. */
function spreadOf(job: TensorJob, chance: number, epsilon: number): number {
  if (job.mode === "exact") return Math.min(Math.max(0, epsilon), chance, 1 - chance);
  if (chance + epsilon < 1 && chance - epsilon > 0) return epsilon;
  throw new TesseraError(
    "recipe",
    `density ± epsilon must lie within 0 and 1, got ${chance} ± ${epsilon}: ${job.name}`,
  );
}
