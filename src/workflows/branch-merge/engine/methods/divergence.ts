// The Kullback-Leibler divergence between the softmaxes of two rows, KL(softmax a ‖ softmax b): without cancellation,
// and as mergekit's float32 gives it. It selects nothing.

/** KL of elements [from, to) of two arrays. */
export type RowDivergence = (a: Float32Array, b: Float32Array, from: number, to: number) => number;

let weights = new Float64Array(0);

/**
 * With d = a − b, p = softmax(a), μ = Σ p d and x = d − μ: KL = log1p(Σ p (e^−x − 1 + x)). All terms are positive and
 * of second order, so that rows that differ by 1e-8 keep their digits; float32 as usually written loses all of them.
 */
export const stableDivergence: RowDivergence = (a, b, from, to) => {
  const length = to - from;
  if (weights.length < length) weights = new Float64Array(length);
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = from; i < to; i++) if (a[i] > largest) largest = a[i];
  let sum = 0;
  let mean = 0;
  for (let i = 0; i < length; i++) {
    const weight = Math.exp(a[from + i] - largest);
    weights[i] = weight;
    sum += weight;
    mean += weight * (a[from + i] - b[from + i]);
  }
  mean /= sum;
  let excess = 0;
  for (let i = 0; i < length; i++) {
    const x = a[from + i] - b[from + i] - mean;
    // The series leaves out x⁷ / 5040: below 1e-9 of the result.
    const second =
      Math.abs(x) < 0.02
        ? x * x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120 - x / 720))))
        : Math.expm1(-x) + x;
    excess += weights[i] * second;
  }
  return Math.log1p(excess / sum);
};

/** Added to both probabilities by mergekit. */
const EPSILON = Math.fround(1e-8);

/** mergekit's steps with float32 rounding after each, up to the order of its sums: noise where rows differ little. */
export const mergekitDivergence: RowDivergence = (a, b, from, to) => {
  const [largestA, sumA] = exponentials(a, from, to);
  const [largestB, sumB] = exponentials(b, from, to);
  let sum = 0;
  for (let i = from; i < to; i++) {
    const p = Math.fround(Math.fround(exponential(a[i], largestA) / sumA) + EPSILON);
    const q = Math.fround(Math.fround(exponential(b[i], largestB) / sumB) + EPSILON);
    sum += Math.fround(p * Math.fround(Math.log(Math.fround(p / q))));
  }
  return Math.fround(sum);
};

const exponential = (value: number, largest: number): number =>
  Math.fround(Math.exp(Math.fround(value - largest)));

function exponentials(values: Float32Array, from: number, to: number): [largest: number, sum: number] {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = from; i < to; i++) if (values[i] > largest) largest = values[i];
  let sum = 0;
  for (let i = from; i < to; i++) sum += exponential(values[i], largest);
  return [largest, Math.fround(sum)];
}
