// Moves a collider through quasi-static equilibria: predicts each from the last, solves it, and takes smaller moves
// where it is not reached.
import type { Point } from "./mesh";
import { KEPT_GAP, minimise, NEWTON, type NewtonOptions } from "./newton";
import type { Problem } from "./problem";

export interface MoveOptions extends NewtonOptions {
  /** How often a move may be halved before it counts as not solvable. */
  maxHalvings: number;
}

/** A plate that buckles falls a long way to its next equilibrium, and smaller moves do not shorten it. */
export const MOVE: MoveOptions = { ...NEWTON, maxIterations: 300, maxHalvings: 8 };

export interface MoveReport {
  /** False: an equilibrium on the way was not reached; the state is the last that was. */
  isSolved: boolean;
  iterations: number;
  projected: number;
  /** Equilibria on the way, the last included. */
  parts: number;
  /** Attempts that were given up for a smaller move. */
  refined: number;
  /** Of the last equilibrium, in units of Young's modulus times the mean edge. */
  residual: number;
}

/** Changes `x` and the contact's position. The state before must be an equilibrium. */
export function moveCollider(
  problem: Problem,
  x: Float64Array,
  target: Point,
  options: MoveOptions = MOVE,
): MoveReport {
  const contact = problem.contact!;
  const from = contact.position;
  const [dx, dy] = [target[0] - from[0], target[1] - from[1]];
  const report: MoveReport = {
    isSolved: false,
    iterations: 0,
    projected: 0,
    parts: 0,
    refined: 0,
    residual: 0,
  };
  const before = new Float64Array(x.length);
  let done = 0;
  let part = 1;
  while (done < 1) {
    part = Math.min(part, 1 - done);
    before.set(x);
    const at = contact.position;
    const share = predict(problem, x, part * dx, part * dy);
    const reached = done + part * share;
    if (reached === 1) contact.position = target;
    const result = share > 0 ? minimise(problem, x, options) : undefined;
    report.iterations += result?.iterations ?? 0;
    report.projected += result?.projected ?? 0;
    if (result?.isConverged) {
      done = reached;
      report.parts++;
      report.residual = result.residual;
      if (share === 1) part *= 2;
    } else {
      x.set(before);
      contact.position = at;
      report.refined++;
      part /= 2;
      if (part < 2 ** -options.maxHalvings) return report;
    }
  }
  return { ...report, isSolved: true };
}

/** Shortest share of a move that is tried. */
const LEAST_SHARE = 2 ** -12;

/**
 * Moves the collider by (dx, dy), or the largest share of that which leaves the state admissible, and the body as its
 * tangent says. @returns the share; 0 when none is admissible.
 */
function predict(problem: Problem, x: Float64Array, dx: number, dy: number): number {
  const contact = problem.contact!;
  const { stiffness } = problem.body;
  const shift = new Float64Array(x.length);
  contact.addPush(x, dx, dy, shift);
  if (shift.some((value) => value !== 0)) {
    const force = new Float64Array(x.length);
    problem.derivatives(x, force, "full");
    let isPositive = stiffness.factor(problem.isHeld);
    if (!isPositive) {
      problem.derivatives(x, force, "projected");
      isPositive = stiffness.factor(problem.isHeld);
    }
    for (let i = 0; i < x.length; i++) if (problem.isHeld[i]) shift[i] = 0;
    if (isPositive) stiffness.solve(shift, shift);
    else shift.fill(0);
  }
  const before = x.slice();
  const at = contact.position;
  const gap = KEPT_GAP * contact.leastGap(x);
  for (let share = 1; share >= LEAST_SHARE; share /= 2) {
    for (let i = 0; i < x.length; i++) x[i] = before[i] + share * shift[i];
    contact.position = [at[0] + share * dx, at[1] + share * dy];
    if (contact.leastGap(x) >= gap && problem.energy(x) < Number.POSITIVE_INFINITY) return share;
  }
  x.set(before);
  contact.position = at;
  return 0;
}
