// One run of the plate, frame by frame, with the figures of its gates. It writes nothing.
import { crossesItself, nodalMean, vonMises } from "../fem/fields";
import { MOVE, moveCollider } from "../fem/press";
import { discAt, FRAMES, type PlateCase, type PlateSettings, plateProblem } from "./plate";

/** What a run must hold in every frame. */
export const GATES = {
  /** Largest free nodal force, in units of Young's modulus times the mean edge. */
  residual: 1e-8,
  /** The smallest ratio of areas, and the smallest gap between plate and disc, must lie above. */
  volume: 0,
  gap: 0,
  /** Largest way of a node between two frames, in steps of the disc. Smooth runs stay below 8, snaps are above 20. */
  jump: 10,
} as const;

export type Gate = "unsolved" | "residual" | "volume" | "gap" | "crossing" | "snap";

export interface RunFigures {
  residual: number;
  /** Smallest ratio of a triangle's area to its area at rest. */
  volume: number;
  /** Smallest gap between plate and disc; negative would be penetration. */
  gap: number;
  /** Work of the disc by the trapezoid rule minus stored energy, of the work; large where the plate snapped. */
  work: number;
  /** Largest way of a node between two frames, in steps of the disc; large where the plate snapped. */
  jump: number;
  /** Newton iterations, equilibria solved, moves that were given up for smaller ones. */
  iterations: number;
  parts: number;
  refined: number;
}

export interface Run {
  plate: PlateCase;
  figures: RunFigures;
  /** Why the run cannot be used: the gate that is missed first, and the frame. */
  miss: { gate: Gate; frame: number } | null;
  /** Positions of the plate's nodes, [frames, nodes, 2]. */
  positions: Float64Array;
  /** Nodal von Mises stress, [frames, nodes]. */
  stress: Float64Array;
  /** Force on the disc, [frames, 2]. */
  force: Float64Array;
}

/** @param snaps false: a frame to which the plate snaps misses a gate, and the run ends there. */
export function simulate(plate: PlateCase, settings: PlateSettings, snaps = true): Run {
  const problem = plateProblem(plate, settings);
  const { body } = problem;
  const contact = problem.contact!;
  const x = body.mesh.positions.slice();
  const positions = new Float64Array(FRAMES * x.length);
  const stress = new Float64Array((FRAMES * x.length) / 2);
  const force = new Float64Array(2 * FRAMES);
  const figures: RunFigures = {
    ...{ residual: 0, volume: 1, gap: contact.barrier.range, work: 0, jump: 0 },
    ...{ iterations: 0, parts: 0, refined: 0 },
  };
  let miss: Run["miss"] = null;
  let work = 0;
  positions.set(x);
  for (let frame = 1; frame < FRAMES && !miss; frame++) {
    const move = moveCollider(problem, x, discAt(plate, frame), MOVE);
    figures.iterations += move.iterations;
    figures.parts += move.parts;
    figures.refined += move.refined;
    figures.residual = Math.max(figures.residual, move.residual);
    figures.volume = Math.min(figures.volume, body.leastVolume(x));
    figures.gap = Math.min(figures.gap, contact.leastGap(x));
    figures.jump = Math.max(
      figures.jump,
      furthest(x, positions.subarray((frame - 1) * x.length)) / plate.step,
    );
    if (!move.isSolved) miss = { gate: "unsolved", frame };
    else if (!(move.residual <= GATES.residual)) miss = { gate: "residual", frame };
    else if (!(figures.volume > GATES.volume)) miss = { gate: "volume", frame };
    else if (!(figures.gap > GATES.gap)) miss = { gate: "gap", frame };
    else if (crossesItself(body.mesh, x)) miss = { gate: "crossing", frame };
    else if (!(snaps || figures.jump <= GATES.jump)) miss = { gate: "snap", frame };
    positions.set(x, frame * x.length);
    stress.set(nodalMean(body, vonMises(body, x)), (frame * x.length) / 2);
    force.set(contact.force(x), 2 * frame);
    work += ((force[2 * frame + 1] + force[2 * frame - 1]) / 2) * plate.step;
  }
  figures.work = work > 0 ? (work - problem.energy(x)) / work : 0;
  return { plate, figures, miss, positions, stress, force };
}

/** Largest distance of a node from where it was. */
function furthest(x: Float64Array, before: Float64Array): number {
  let most = 0;
  for (let i = 0; i < x.length; i += 2)
    most = Math.max(most, Math.hypot(x[i] - before[i], x[i + 1] - before[i + 1]));
  return most;
}
