// The merge methods of the exact mode once more: whole arrays of float64, sorts, no passes, no tricks. Slow and obvious;
// for tests only. Magnitudes and scores are compared as float32, which defines what is equal; all else is float64.
import { philox } from "../../base/random";
import type { TensorJob } from "./engine/methods/method";

/** A job with the whole tensors in it. */
export type WholeJob = Omit<TensorJob, "chunks"> & { models: readonly Float32Array[] };
type Vector = readonly number[];

export const REFERENCES: Readonly<Record<string, (job: WholeJob) => Vector>> = {
  linear(job) {
    const weights = job.values.map((values) => values.weight as number);
    const sum = weighted(job.models.map(vector), weights);
    return job.shared.normalize ? sum.map((x) => x / total(weights)) : sum;
  },
  passthrough: ({ models, values }) => vector(models[0]).map((x) => x * ((values[0].scale as number) ?? 1)),
  nearswap(job) {
    const t = job.shared.t as number;
    const [other] = tasks(job);
    return baseOf(job).map((a, i) => {
      const gap = Math.abs(other[i] - a);
      const w = gap === 0 ? 1 : Math.min(1, Math.max(0, t / gap));
      return w * other[i] + (1 - w) * a;
    });
  },
  slerp: (job) => arc(baseOf(job), tasks(job)[0], job.shared.t as number),
  nuslerp(job) {
    const [u, v] = taskValues(job, "weight");
    const base = job.base === undefined ? undefined : baseOf(job);
    const [a, b] = tasks(job).map((x) => (base ? minus(x, base) : x));
    const t = v / (u + v);
    const width = job.shape.at(-1)!;
    const group = job.shared.nuslerp_flatten
      ? () => 0
      : job.shared.nuslerp_row_wise
        ? (i: number) => i % (a.length / job.shape[0])
        : (i: number) => Math.floor(i / width);
    const out = grouped(a.length, group, (at) => arc(pick(a, at), pick(b, at), t));
    return base ? plus(out, base) : out;
  },
  multislerp(job) {
    const base = job.base === undefined ? undefined : baseOf(job);
    const vectors = tasks(job).map((x) => (base ? minus(x, base) : x));
    let weights = taskValues(job, "weight");
    if (job.shared.normalize_weights) weights = weights.map((w) => w / total(weights));
    const mean = weighted(vectors.map(unit), weights);
    const scale = total(vectors.map((x, k) => weights[k] * norm(x)));
    const out = unit(mean).map((x) => x * scale);
    return base ? plus(out, base) : out;
  },
  karcher(job) {
    const vectors = job.models.map(vector);
    const units = vectors.map(unit);
    const share = 1 / vectors.length;
    let mean = unit(
      weighted(
        units,
        units.map(() => share),
      ),
    );
    for (let step = 0; step < (job.shared.max_iter as number); step++) {
      let tangent: Vector = mean.map(() => 0);
      for (const u of units) {
        const cos = dot(mean, u);
        const angle = Math.acos(cos);
        tangent = plus(
          tangent,
          minus(
            u,
            mean.map((x) => x * cos),
          ).map((x) => (x * share * angle) / Math.sin(angle)),
        );
      }
      const size = norm(tangent);
      if (size < (job.shared.tol as number)) break;
      mean = unit(mean.map((x, i) => Math.cos(size) * x + (Math.sin(size) * tangent[i]) / size));
    }
    return mean.map((x) => x * total(vectors.map(norm)) * share);
  },
  model_stock(job) {
    const base = baseOf(job);
    const moves = tasks(job).map((x) => minus(x, base));
    const count = moves.length;
    const width = job.shape.at(-1)!;
    const row = (i: number): number => (job.shared.filter_wise ? Math.floor(i / width) : 0);
    return plus(
      base,
      grouped(base.length, row, (at) => {
        const parts = moves.map((move) => pick(move, at));
        const cosines = parts.flatMap((x, a) => parts.slice(a + 1).map((y) => dot(unit(x), unit(y))));
        const cos = total(cosines) / cosines.length;
        const step = (count * cos) / (1 + (count - 1) * cos);
        return weighted(
          parts,
          parts.map(() => step / count),
        );
      }),
    );
  },
  task_arithmetic: (job) => summed(job, differences(job), false),
  ties: (job) => summed(job, largest(job), true),
  breadcrumbs: (job) => summed(job, middle(job), false),
  breadcrumbs_ties: (job) => summed(job, middle(job), true),
  dare_linear: (job) => summed(job, drawn(job, false), false),
  dare_ties: (job) => summed(job, drawn(job, false), true),
  della_linear: (job) => summed(job, drawn(job, true), false),
  della: (job) => summed(job, drawn(job, true), true),
  sce(job) {
    let moves = differences(job);
    const variance = moves[0].map((_, i) => {
      const mean = total(moves.map((move) => move[i])) / moves.length;
      return Math.fround(total(moves.map((move) => (move[i] - mean) ** 2)) / moves.length);
    });
    const differ = moves[0].map((_, i) => moves.some((move) => move[i] !== moves[0][i]));
    const share = job.shared.select_topk as number;
    if (share < 1) {
      const most = Math.trunc(differ.filter(Boolean).length * share);
      const chosen = new Set(falling(variance).slice(0, most));
      moves = moves.map((move) => move.map((x, i) => (chosen.has(i) ? x : 0)));
    }
    const squares = moves.map((move) => dot(move, move));
    const weights = squares.map((square) => square / total(squares));
    return baseOf(job).map((x, i) => {
      const sign = total(moves.map((move) => move[i])) >= 0 ? 1 : -1;
      const agree = moves.flatMap((move, k) => (Math.sign(move[i]) === sign ? [k] : []));
      if (agree.length === 0) return x;
      return x + total(agree.map((k) => weights[k] * moves[k][i])) / total(agree.map((k) => weights[k]));
    });
  },
  ram: (job) => reinforced(job, () => 1),
  ramplus_tl: (job) =>
    reinforced(job, (own, shared) => {
      const r = job.shared.r as number;
      return (
        1 + r * Math.min(job.shared.alpha as number, own === 0 ? Number.POSITIVE_INFINITY : shared / own)
      );
    }),
  arcee_fusion(job) {
    const left = baseOf(job);
    const right = tasks(job)[0];
    const width = job.shape.at(-1)!;
    const gaps = left.map((x, i) => Math.fround(right[i] - x));
    const rows = (x: Vector): Vector[] =>
      Array.from({ length: x.length / width }, (_, r) => softmax(x.slice(r * width, (r + 1) * width)));
    const [p, q] = [rows(right), rows(left)];
    const kl = p.map((row, r) => total(row.map((x, i) => x * Math.log(x / q[r][i]))));
    const signed = job.shared.divergence && !job.shared.per_row;
    const scores = gaps.map((gap, i) =>
      signed ? -gap : Math.fround(Math.abs(gap) * (job.shared.divergence ? kl[Math.floor(i / width)] : 1)),
    );
    const counted = job.shared.changed_only ? scores.filter((score) => score !== 0) : [...scores];
    const sorted = counted.sort((a, b) => a - b);
    const quantile = (share: number): number => {
      const at = share * (sorted.length - 1);
      const low = Math.floor(at);
      return low === at ? sorted[low] : (1 - (at - low)) * sorted[low] + (at - low) * sorted[low + 1];
    };
    const limit = quantile(0.5) + (job.shared.lambda as number) * (quantile(0.75) - quantile(0.25));
    return left.map((x, i) => (scores[i] > limit ? right[i] : x));
  },
};

const vector = (values: Float32Array): Vector => [...values];
const total = (values: Vector): number => values.reduce((sum, x) => sum + x, 0);
const dot = (a: Vector, b: Vector): number => total(a.map((x, i) => x * b[i]));
const norm = (a: Vector): number => Math.sqrt(dot(a, a));
const unit = (a: Vector): Vector => a.map((x) => x / norm(a));
const plus = (a: Vector, b: Vector): Vector => a.map((x, i) => x + b[i]);
const minus = (a: Vector, b: Vector): Vector => a.map((x, i) => x - b[i]);
const pick = (a: Vector, at: Vector): Vector => at.map((i) => a[i]);
const weighted = (vectors: readonly Vector[], weights: Vector): Vector =>
  vectors[0].map((_, i) => total(vectors.map((x, k) => weights[k] * x[i])));
const baseOf = (job: WholeJob): Vector => vector(job.models[job.base!]);
const tasks = (job: WholeJob): Vector[] => job.models.filter((_, k) => k !== job.base).map(vector);
const taskValues = (job: WholeJob, name: string): number[] =>
  job.values.filter((_, k) => k !== job.base).map((values) => values[name] as number);
const differences = (job: WholeJob): Vector[] => tasks(job).map((x) => minus(x, baseOf(job)));

const size = (x: number): number => Math.abs(Math.fround(x));

/** Indices by falling size, equal ones in their order. */
function falling(values: Vector): number[] {
  const sizes = values.map(size);
  return sizes.map((_, i) => i).sort((a, b) => sizes[b] - sizes[a] || a - b);
}

function grouped(count: number, groupOf: (i: number) => number, merge: (at: Vector) => Vector): Vector {
  const groups = new Map<number, number[]>();
  for (let i = 0; i < count; i++) groups.set(groupOf(i), [...(groups.get(groupOf(i)) ?? []), i]);
  const out = new Array<number>(count);
  for (const at of groups.values()) for (const [j, x] of merge(at).entries()) out[at[j]] = x;
  return out;
}

function arc(a: Vector, b: Vector, t: number): Vector {
  const angle = Math.acos(dot(unit(a), unit(b)));
  const [u, v] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  return a.map((x, i) => u * x + v * b[i]);
}

function softmax(row: Vector): Vector {
  const exps = row.map(Math.exp);
  return exps.map((x) => x / total(exps));
}

function largest(job: WholeJob): Vector[] {
  const density = taskValues(job, "density");
  return differences(job).map((move, k) =>
    keepOnly(job, move, falling(move).slice(0, Math.max(1, Math.round(density[k] * move.length)))),
  );
}

/** The entries at some indices, made larger where `rescale` is on so that the sum of magnitudes stays. */
function keepOnly(job: WholeJob, move: Vector, at: readonly number[]): Vector {
  const kept = new Set(at);
  const out = move.map((x, i) => (kept.has(i) ? x : 0));
  const sum = (values: Vector): number => total(values.map(Math.abs));
  return job.shared.rescale ? out.map((x) => (x * sum(move)) / sum(out)) : out;
}

function middle(job: WholeJob): Vector[] {
  const [density, gamma] = [taskValues(job, "density"), taskValues(job, "gamma")];
  return differences(job).map((move, k) => {
    const top = Math.round(gamma[k] * move.length);
    return keepOnly(job, move, falling(move).slice(top, top + Math.round(density[k] * move.length)));
  });
}

/** Words of Philox by seed, name, model and element; probabilities of DARE, or of DELLA by rank. */
function drawn(job: WholeJob, byRank: boolean): Vector[] {
  const [density, epsilon] = [taskValues(job, "density"), taskValues(job, "epsilon")];
  const width = job.shape.at(-1)!;
  let name = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(job.name)) name = Math.imul(name ^ byte, 0x01000193);
  return differences(job).map((move, k) =>
    move.map((x, i) => {
      const start = i - (i % width);
      const smaller = move
        .slice(start, start + width)
        .filter((y, j) => size(y) < size(x) || (size(y) === size(x) && start + j < i));
      const rank = smaller.length;
      const spread = byRank ? Math.min(epsilon[k], density[k], 1 - density[k]) : 0;
      const chance = density[k] - spread + (2 * spread * rank) / (width - 1);
      const word = philox([i >>> 2, 0, k, 0], [job.seed, name >>> 0])[i % 4];
      return word < chance * 2 ** 32 ? x / (job.shared.rescale ? chance : 1) : 0;
    }),
  );
}

/** θ0 + λ Σ w δ, with a vote on signs or without. */
function summed(job: WholeJob, kept: readonly Vector[], vote: boolean): Vector {
  const weights = taskValues(job, "weight");
  const moves = kept.map((move, k) => move.map((x) => x * weights[k]));
  return baseOf(job).map((x, i) => {
    const sign = total(moves.map((move) => move[i])) >= 0 ? 1 : -1;
    const agree = moves.flatMap((move, k) => (!vote || Math.sign(move[i]) === sign ? [k] : []));
    if (agree.length === 0) return x;
    const divisor = total(agree.map((k) => (vote ? Math.abs(weights[k]) : weights[k])));
    const sum = total(agree.map((k) => moves[k][i]));
    return x + ((job.shared.lambda as number) * sum) / (job.shared.normalize ? divisor : 1);
  });
}

function reinforced(job: WholeJob, ownFactor: (own: number, shared: number) => number): Vector {
  const moves = differences(job);
  const changed = moves.map((move) => move.map((x) => Math.abs(x) > (job.shared.epsilon as number)));
  const counts = moves[0].map((_, i) => changed.filter((one) => one[i]).length);
  const factors = changed.map((one) =>
    ownFactor(
      one.filter((is, i) => is && counts[i] === 1).length,
      one.filter((is, i) => is && counts[i] > 1).length,
    ),
  );
  return baseOf(job).map((x, i) => {
    const parts = moves.map((move, k) =>
      changed[k][i] ? (counts[i] === 1 ? factors[k] * move[i] : move[i] / counts[i]) : 0,
    );
    return x + total(parts);
  });
}
