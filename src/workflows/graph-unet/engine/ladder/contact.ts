// Rungs with contact: Hertz, the balance of work and energy, refinement of steps and of the mesh.
import { discAt, FRAMES, type PlateCase, plateProblem, STEP } from "../data/plate";
import { Body } from "../fem/body";
import { disc } from "../fem/collider";
import { Contact } from "../fem/contact";
import { gridMesh } from "../fem/mesh";
import { largest } from "../fem/newton";
import { moveCollider } from "../fem/press";
import { Problem } from "../fem/problem";
import { type Rung, type RungRow, row } from "./rung";

/** A disc pressed into a block with a mesh that is fine at the contact. @returns force, half width and peak pressure. */
function hertz(columns: number): { force: number; halfWidth: number; peak: number } {
  const [size, radius, depth] = [2, 4, 0.0011];
  const grade = (s: number): number => (size * Math.sinh(4.6 * s)) / Math.sinh(4.6);
  const mesh = gridMesh(
    columns,
    (columns * 5) / 8,
    (u, v) => [grade(2 * u - 1), -grade(1 - v)],
    "alternating",
  );
  const body = new Body(mesh, { law: "split", state: "plane-strain", young: 1, poisson: 0.3 });
  const contact = new Contact(mesh, disc(radius), { range: 3e-5, stiffness: 2 });
  const problem = new Problem(body, contact);
  problem.isHeld.fill(1, 0, 2 * (columns + 1));
  contact.position = [0, radius + 6e-5];
  const x = mesh.positions.slice();
  const { isSolved } = moveCollider(problem, x, [0, radius - depth]);
  const force = isSolved ? contact.force(x)[1] : Number.NaN;
  const nodal = new Float64Array(x.length);
  contact.derivatives(x, nodal, body.stiffness, "none");
  // Hertz: pressure² = peak² (1 - x²/halfWidth²), a straight line in x²; fitted where the pressure is not at its edge.
  const top = (nodes: number): number => 2 * (((columns * 5) / 8) * (columns + 1) + nodes);
  const points: [number, number][] = [];
  for (let i = 1; i < columns; i++) {
    const width = (x[top(i + 1)] - x[top(i - 1)]) / 2;
    points.push([x[top(i)] ** 2, (nodal[top(i) + 1] / width) ** 2]);
  }
  const most = Math.max(...points.map(([, p]) => p));
  const fitted = points.filter(([, p]) => p > 0.15 * most);
  const mean = (f: (point: [number, number]) => number): number =>
    fitted.reduce((sum, p) => sum + f(p), 0) / fitted.length;
  const [mx, my] = [mean((p) => p[0]), mean((p) => p[1])];
  const slope = mean((p) => (p[0] - mx) * (p[1] - my)) / mean((p) => (p[0] - mx) ** 2);
  const start = my - slope * mx;
  return { force, halfWidth: Math.sqrt(-start / slope), peak: Math.sqrt(start) };
}

export const hertzContact: Rung = {
  id: "hertz",
  title:
    "Disc of radius 4 on a block, plane strain: half width and peak of the contact pressure at its force",
  source:
    "Johnson, Contact Mechanics, section 4.2: half width² = 4 F R / (π E*), peak = 2 F / (π half width)",
  run: () =>
    [24, 48].flatMap((columns) => {
      const { force, halfWidth, peak } = hertz(columns);
      const reference = Math.sqrt((4 * force * 4 * (1 - 0.3 ** 2)) / Math.PI);
      const limit = columns === 48 ? 0.02 : null;
      return [
        row(`half width, ${columns} columns`, halfWidth, reference, limit),
        row(`peak pressure, ${columns} columns`, peak, (2 * force) / (Math.PI * reference), limit),
      ];
    }),
};

const SETTINGS = { cells: 8, law: "split", state: "plane-stress" } as const;
const plate = (poisson: number): PlateCase => ({
  top: 1.6,
  shift: 0.2,
  poisson,
  radius: 0.6,
  x: 0.1,
  step: STEP,
});
const DEPTH = (FRAMES - 1) * STEP;
/** Where a fine plate still has one equilibrium: deeper, its sides buckle and the mesh decides how. */
const SMOOTH_DEPTH = 0.5;

interface Pressed {
  x: Float64Array;
  /** Work done by the collider, trapezoid rule over the steps, and the energy that is stored. */
  work: number;
  energy: number;
  force: number;
}

/** Figures are no numbers where a move was not solved. */
function press(plate: PlateCase, steps: number, cells: number = SETTINGS.cells, depth = DEPTH): Pressed {
  const problem = plateProblem(plate, { ...SETTINGS, cells });
  const contact = problem.contact!;
  const x = problem.body.mesh.positions.slice();
  const [px, top] = discAt(plate, 0);
  let work = 0;
  let before = 0;
  for (let step = 1; step <= steps; step++) {
    const { isSolved } = moveCollider(problem, x, [px, top - (depth * step) / steps]);
    const force = isSolved ? contact.force(x)[1] : Number.NaN;
    work += ((force + before) / 2) * (depth / steps);
    before = force;
  }
  return { x, work, energy: Number.isNaN(work) ? work : problem.energy(x), force: before };
}

export const energyBalance: Rung = {
  id: "energy",
  title: "Work of the disc against the energy stored in plate and barrier, by number of steps",
  source: "Conservation; the error of the trapezoid rule falls as the square of the step",
  run: () =>
    [-0.9, 0, 0.49].flatMap((poisson): RungRow[] => {
      const steps = [24, 48, 96];
      const runs = steps.map((count) => press(plate(poisson), count));
      const errors = runs.map(({ work, energy }) => Math.abs(work - energy));
      return [
        ...runs.map(({ work, energy }, i) =>
          row(`Poisson ${poisson}, ${steps[i]} steps`, work, energy, i === 2 ? 1e-4 : null),
        ),
        row(`Poisson ${poisson}, order of the error`, Math.log2(errors[1] / errors[2]), 2, 0.15),
      ];
    }),
};

export const stepRefinement: Rung = {
  id: "steps",
  title: "Where the nodes end does not depend on the number of steps: largest distance from 98 steps",
  source: "The potential has no memory",
  run: () =>
    [-0.9, 0, 0.49].flatMap((poisson): RungRow[] => {
      const many = press(plate(poisson), 98);
      return [12, 49].map((steps) => {
        const few = press(plate(poisson), steps);
        return row(
          `Poisson ${poisson}, ${steps} steps`,
          largest(few.x.map((v, i) => v - many.x[i])),
          0,
          1e-6,
        );
      });
    }),
};

export const meshRefinement: Rung = {
  id: "mesh",
  title: "Energy of the pressed plate by mesh, the last against the limit of the series",
  source: "Extrapolated with the rate measured over the three meshes",
  run() {
    const sizes = [6, 12, 24];
    const values = sizes.map((cells) => press(plate(0), 4, cells, SMOOTH_DEPTH).energy);
    const [a, b, c] = values;
    const limit = c - (c - b) ** 2 / (c - b - (b - a));
    return sizes.map((cells, i) =>
      row(`${cells} by ${cells} cells`, values[i], limit, cells === 24 ? 0.02 : null),
    );
  },
};
