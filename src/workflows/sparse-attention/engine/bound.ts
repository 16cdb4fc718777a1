// Output error of sparse against dense attention, and the bound 2(1 - recall)·max|v| that it must stay under.
// From sparse - dense = (1 - r)(o_kept - o_dropped), and each of the two is a mean of rows of v.

export interface OutputError {
  /** ‖sparse - dense‖ / ‖dense‖, Frobenius. */
  relative: number;
  /** Largest absolute difference. */
  max: number;
  /** Largest bound over rows. */
  bound: number;
  /** Largest error / bound over rows; rows whose bound is below the rounding of f32 are left out. */
  use: number;
}

/** Relative spacing below which a difference of two f32 outputs says nothing: 64 units in the last place. */
const ROUNDING = 64 * 2 ** -24;

/**
 * Compares outputs [rows, D] row by row; `recalls` per query row, `values` all of v (its largest magnitude is taken
 * over all keys).
 */
export function outputError(
  sparse: ArrayLike<number>,
  dense: ArrayLike<number>,
  recalls: ArrayLike<number>,
  largestValue: number,
): OutputError {
  const rows = recalls.length;
  const dim = rows ? dense.length / rows : 0;
  let difference = 0;
  let norm = 0;
  const result: OutputError = { relative: 0, max: 0, bound: 0, use: 0 };
  for (let i = 0; i < rows; i++) {
    let worst = 0;
    for (let at = i * dim; at < (i + 1) * dim; at++) {
      const e = sparse[at] - dense[at];
      difference += e * e;
      norm += dense[at] * dense[at];
      worst = Math.max(worst, Math.abs(e));
    }
    const bound = 2 * Math.max(0, 1 - recalls[i]) * largestValue;
    result.max = Math.max(result.max, worst);
    result.bound = Math.max(result.bound, bound);
    if (bound > ROUNDING * largestValue) result.use = Math.max(result.use, worst / bound);
  }
  result.relative = norm > 0 ? Math.sqrt(difference / norm) : 0;
  return result;
}

/** Largest magnitude in an array. */
export function largest(values: ArrayLike<number>): number {
  let top = 0;
  for (let i = 0; i < values.length; i++) top = Math.max(top, Math.abs(values[i]));
  return top;
}
