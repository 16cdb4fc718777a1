// The Kullback-Leibler divergence between the softmaxes of two rows, KL(softmax a ‖ softmax b): without cancellation,
// and as mergekit's float32 gives it. It selects nothing.

/** KL of elements [from, to) of two arrays. */
export type RowDivergence = (a: Float32Array, b: Float32Array, from: number, to: number) => number;

/** Σ exp(a) of the row at hand, Σ exp(a) (a − b), Σ exp(a) · rest(a − b). */
let sum = 0;
let moment = 0;
let excess = 0;

/**
 * With d = a − b, p = softmax(a), μ = Σ p d and A = Σ p (e^−d − 1 + d): KL = A + ln(1 + y) − y where y = A − μ. All terms
 * are of second order, so that rows that differ by 1e-8 keep their digits; float32 as usually written loses all of them.
 */
export const stableDivergence: RowDivergence = (a, b, from, to) => {
  addUp(a, b, from, to, 0, 0);
  // Weights of models lie near 0; rows whose exponentials leave float64 are taken relative to their largest entry.
  const isFar = !(sum > 1e-200 && sum < 1e200);
  const scale = isFar ? largest(a, from, to) : 0;
  if (isFar) addUp(a, b, from, to, scale, 0);
  const mean = moment / sum;
  // A shift of the whole row changes no softmax; where it is most of the difference it is taken off first.
  if (mean * mean > excess / sum) {
    addUp(a, b, from, to, scale, mean);
    return Math.log1p(excess / sum);
  }
  const y = excess / sum - mean;
  return excess / sum + logRest(y);
};

/** The sums for exp(a − scale), and for d less `shift`. */
function addUp(
  a: Float32Array,
  b: Float32Array,
  from: number,
  to: number,
  scale: number,
  shift: number,
): void {
  let all = 0;
  let first = 0;
  let second = 0;
  for (let i = from; i < to; i++) {
    const weight = exp(a[i] - scale);
    const x = a[i] - b[i] - shift;
    const square = x * x;
    // e^−x − 1 + x without x⁷ / 5040: below 1e-11 of it.
    const rest =
      Math.abs(x) < 0.02
        ? square * (1 / 2 - x * (1 / 6) + square * (1 / 24 - x * (1 / 120) + square * (1 / 720)))
        : Math.expm1(-x) + x;
    all += weight;
    first += weight * x;
    second += weight * rest;
  }
  sum = all;
  moment = first;
  excess = second;
}

/** ln(1 + y) − y. */
function logRest(y: number): number {
  if (!(Math.abs(y) < 1e-3)) return Math.log1p(y) - y;
  return -y * y * (1 / 2 - y * (1 / 3 - y * (1 / 4 - y / 5)));
}

/**
 * Taylor's series to x⁹ near 0, where it is off by 3e-13 at most, in an order that a processor can overlap: half the time
 * of Math.exp.
 */
function exp(x: number): number {
  if (!(Math.abs(x) < 0.25)) return Math.exp(x);
  const x2 = x * x;
  const x4 = x2 * x2;
  const high = 1 / 24 + x * (1 / 120) + x2 * (1 / 720 + x * (1 / 5040)) + x4 * (1 / 40320 + x * (1 / 362880));
  return 1 + x + x2 * (1 / 2 + x * (1 / 6)) + x4 * high;
}

/** The same for the logarithm of 1 + x: to x⁸, off by 6e-14 of itself at most below 0.02. */
function log1p(x: number): number {
  if (!(Math.abs(x) < 0.02)) return Math.log(1 + x);
  const x2 = x * x;
  const x4 = x2 * x2;
  return (
    x + x2 * (x * (1 / 3) - 1 / 2) + x4 * (x * (1 / 5) - 1 / 4 + x2 * (x * (1 / 7) - 1 / 6) - x4 * (1 / 8))
  );
}

function largest(values: Float32Array, from: number, to: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = from; i < to; i++) if (values[i] > most) most = values[i];
  return most;
}

/** Added to both probabilities by mergekit. */
const EPSILON = Math.fround(1e-8);

/** Exponentials of both rows, one after the other. */
let exps = new Float64Array(0);

/** mergekit's steps with float32 rounding after each, up to the order of its sums: noise where rows differ little. */
export const mergekitDivergence: RowDivergence = (a, b, from, to) => {
  const length = to - from;
  if (exps.length < 2 * length) exps = new Float64Array(2 * length);
  const sumA = exponentials(a, from, to, 0);
  const sumB = exponentials(b, from, to, length);
  const e = exps;
  let total = 0;
  for (let i = 0; i < length; i++) {
    const p = Math.fround(Math.fround(e[i] / sumA) + EPSILON);
    const q = Math.fround(Math.fround(e[length + i] / sumB) + EPSILON);
    total += Math.fround(p * Math.fround(log1p(Math.fround(p / q) - 1)));
  }
  return Math.fround(total);
};

/** Writes them to `exps` from `at`; gives their sum. */
function exponentials(values: Float32Array, from: number, to: number, at: number): number {
  const most = largest(values, from, to);
  const e = exps;
  let total = 0;
  for (let i = from; i < to; i++) {
    const value = Math.fround(exp(Math.fround(values[i] - most)));
    e[at + i - from] = value;
    total += value;
  }
  return Math.fround(total);
}
