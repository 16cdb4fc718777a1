// Rungs of linear elasticity under bending, by refinement: Cook's membrane and the cantilever of Timoshenko.
import { Body } from "../fem/body";
import { bilinear, gridMesh, type PlaneMap } from "../fem/mesh";
import { minimise } from "../fem/newton";
import { Problem } from "../fem/problem";
import { extrapolate, type Rung, row } from "./rung";

/** Loads so small that the answer is that of linear elasticity to 5 figures, and no rounding shows. */
const SMALL = 1e-6;
const SOLVE = { tolerance: 1e-15, maxIterations: 10 };

/** A grid held at its left edge and pulled up at its right one by forces per length of that edge. */
function bent(
  cells: readonly [number, number],
  map: PlaneMap,
  poisson: number,
  pull: (y: number) => number,
  heldAt: (y: number) => readonly [number, number] = () => [0, 0],
): Float64Array {
  const [columns, rows] = cells;
  const mesh = gridMesh(columns, rows, map);
  const problem = new Problem(new Body(mesh, { law: "split", state: "plane-stress", young: 1, poisson }));
  const x = mesh.positions.slice();
  for (let j = 0; j <= rows; j++) {
    const left = 2 * j * (columns + 1);
    problem.isHeld.fill(1, left, left + 2);
    const [dx, dy] = heldAt(x[left + 1]);
    x[left] += dx;
    x[left + 1] += dy;
  }
  for (let j = 0; j < rows; j++) {
    const [low, high] = [2 * (j * (columns + 1) + columns) + 1, 2 * ((j + 1) * (columns + 1) + columns) + 1];
    const [a, b] = [mesh.positions[low], mesh.positions[high]];
    // Simpson's rule is exact for parabolic loads.
    const middle = 2 * pull((a + b) / 2);
    problem.loads[low] += ((b - a) / 6) * (pull(a) + middle);
    problem.loads[high] += ((b - a) / 6) * (middle + pull(b));
  }
  minimise(problem, x, SOLVE);
  return x.map((value, i) => value - mesh.positions[i]);
}

export const cooksMembrane: Rung = {
  id: "cook",
  title: "Cook's membrane: vertical displacement of the middle of the right edge, (48, 52)",
  source: "Cook 1974; converged value 23.96 for plane stress, E = 1, Poisson 1/3, unit shear",
  run() {
    const map = bilinear([
      [0, 0],
      [48, 44],
      [48, 60],
      [0, 44],
    ]);
    const sizes = [8, 16, 32, 64];
    const values = sizes.map((n) => {
      const u = bent([n, n], map, 1 / 3, () => SMALL / 16);
      return u[2 * ((n / 2) * (n + 1) + n) + 1] / SMALL;
    });
    return [
      ...sizes.map((n, i) => row(`${n} by ${n} cells`, values[i], 23.96, n === 64 ? 0.01 : null)),
      row("extrapolated", extrapolate(values), 23.96, 1e-3),
    ];
  },
};

export const cantilever: Rung = {
  id: "cantilever",
  title: "Cantilever of length 8 and height 2 under parabolic shear: displacement of the tip's middle",
  source: "Timoshenko and Goodier, Theory of Elasticity, article 21: exact, shear included",
  run() {
    const [length, height, poisson] = [8, 2, 0.3];
    const inertia = height ** 3 / 12;
    const unit = SMALL / (6 * inertia);
    const exact = (unit * (((4 + 5 * poisson) * height ** 2 * length) / 4 + 2 * length ** 3)) / SMALL;
    const sizes = [2, 4, 8, 16];
    const values = sizes.map((rows) => {
      const columns = 4 * rows;
      const u = bent(
        [columns, rows],
        (a, b) => [length * a, height * (b - 0.5)],
        poisson,
        (y) => (SMALL / (2 * inertia)) * (height ** 2 / 4 - y * y),
        (y) => [-unit * y * (2 + poisson) * (y * y - height ** 2 / 4), unit * 3 * poisson * y * y * length],
      );
      return u[2 * ((rows / 2) * (columns + 1) + columns) + 1] / SMALL;
    });
    return [
      ...sizes.map((rows, i) =>
        row(`${4 * rows} by ${rows} cells`, values[i], exact, rows === 16 ? 0.02 : null),
      ),
      row("extrapolated", extrapolate(values), exact, 1e-3),
    ];
  },
};
