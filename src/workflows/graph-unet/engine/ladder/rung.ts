// One rung of the validation ladder: a solved problem, figure by figure beside what it must be.

export interface RungRow {
  case: string;
  value: number;
  reference: number;
  /** |value - reference|, relative to the reference where that is not zero. */
  error: number;
  /** What the error may be; null: a step on the way, shown and not judged. */
  limit: number | null;
}

export interface Rung {
  id: string;
  title: string;
  /** Where the reference comes from. */
  source: string;
  run(): RungRow[];
}

export function row(name: string, value: number, reference: number, limit: number | null): RungRow {
  const difference = Math.abs(value - reference);
  return {
    case: name,
    value,
    reference,
    error: reference === 0 ? difference : difference / Math.abs(reference),
    limit,
  };
}

/** NaN does not hold. */
export const holds = ({ error, limit }: RungRow): boolean => limit === null || error <= limit;

/** The limit of values whose error falls as the square of the mesh size, from the last two of a halving series. */
export const extrapolate = (values: readonly number[]): number => {
  const [coarse, fine] = values.slice(-2);
  return fine + (fine - coarse) / 3;
};
