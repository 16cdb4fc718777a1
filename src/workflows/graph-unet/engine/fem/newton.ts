// Projected Newton with a line search that never leaves the admissible states. It minimises; it moves no obstacle.
import { meanEdgeLength } from "./mesh";
import type { Problem, Tangent } from "./problem";

export interface NewtonOptions {
  /** Largest free nodal force at the end, in units of Young's modulus times the mean edge. */
  tolerance: number;
  maxIterations: number;
}

export const NEWTON: NewtonOptions = { tolerance: 1e-9, maxIterations: 60 };

export interface NewtonResult {
  isConverged: boolean;
  iterations: number;
  /** Of these, with the projected matrix because the full one had a negative pivot. */
  projected: number;
  /** Largest free nodal force, in units of Young's modulus times the mean edge. */
  residual: number;
}

/** Sufficient decrease, and the shortest step that is tried. */
const ARMIJO = 1e-4;
const SHORTEST = 2 ** -40;
/** Of the smallest gap, what a step must leave: from a gap next to nothing the barrier recovers by doublings only. */
export const KEPT_GAP = 0.1;

/** Moves the free coordinates of `x` to a minimum of the potential, starting from an admissible state. */
export function minimise(problem: Problem, x: Float64Array, options: NewtonOptions = NEWTON): NewtonResult {
  const { stiffness, mesh, material } = problem.body;
  const edge = meanEdgeLength(mesh);
  const force = new Float64Array(x.length);
  const step = new Float64Array(x.length);
  const trial = new Float64Array(x.length);
  let tangent: Tangent = "full";
  let projected = 0;
  const area = problem.body.areas.reduce((sum, value) => sum + value, 0);
  let energy = problem.energy(x);
  for (let iterations = 0; ; iterations++) {
    problem.derivatives(x, force, tangent);
    const residual = largest(force) / (material.young * edge);
    if (residual <= options.tolerance) return { isConverged: true, iterations, projected, residual };
    if (iterations === options.maxIterations || !Number.isFinite(energy))
      return { isConverged: false, iterations, projected, residual };
    let isPositive = stiffness.factor(problem.isHeld);
    if (!isPositive && tangent === "full") {
      tangent = "projected";
      problem.derivatives(x, force, tangent);
      isPositive = stiffness.factor(problem.isHeld);
    }
    if (!isPositive) return { isConverged: false, iterations, projected, residual };
    if (tangent === "projected") projected++;
    stiffness.solve(force, step);
    let slope = 0;
    for (let i = 0; i < x.length; i++) slope -= force[i] * step[i];
    // No node passes half an edge at once: between two admissible states nothing then lies unseen.
    let length = Math.min(1, edge / 2 / largest(step));
    const isFull = length === 1;
    // What rounding of the positions alone does to the energy: smaller differences say nothing. Forces are at most
    // the root of Young's modulus, energy and area.
    const noise =
      8 * Number.EPSILON * (Math.abs(energy) + Math.sqrt(material.young * area * Math.abs(energy)));
    const gap = problem.leastGap(x);
    let next = Number.NaN;
    for (; length > SHORTEST; length /= 2) {
      for (let i = 0; i < x.length; i++) trial[i] = x[i] - length * step[i];
      next = problem.energy(trial);
      if (problem.leastGap(trial) < KEPT_GAP * gap) continue;
      if (next <= energy + ARMIJO * length * slope + noise) break;
    }
    if (length <= SHORTEST) return { isConverged: false, iterations, projected, residual };
    x.set(trial);
    energy = next;
    tangent = isFull && length === 1 ? "full" : tangent;
  }
}

export function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
