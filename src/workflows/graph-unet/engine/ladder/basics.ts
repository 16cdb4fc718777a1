// Rungs that hold to rounding: patch test, derivatives by differences, rigid motion, a stretched bar.
import { Random } from "../../../../base/random";
import { Body } from "../fem/body";
import { box } from "../fem/collider";
import { Contact } from "../fem/contact";
import { type LawName, type Material, moduliOf, type PlaneState } from "../fem/laws";
import { bilinear, boundaryEdges, gridMesh, type Mesh } from "../fem/mesh";
import { largest, minimise } from "../fem/newton";
import { Problem } from "../fem/problem";
import { type Rung, type RungRow, row } from "./rung";

/** Newton to the rounding of float64. */
const EXACT = { tolerance: 1e-14, maxIterations: 60 };

const MATERIALS: readonly Material[] = (["split", "corotational"] as LawName[]).flatMap((law) =>
  (["plane-stress", "plane-strain"] as PlaneState[]).flatMap((state) =>
    [-0.9, 0.3, 0.49].map((poisson) => ({ law, state, young: 1, poisson })),
  ),
);
const named = ({ law, state, poisson }: Material): string => `${law}, ${state}, Poisson ${poisson}`;

/** A trapezoid whose inner nodes are moved at random. */
function irregularMesh(cells: number, amount = 0.25): Mesh {
  const mesh = gridMesh(
    cells,
    cells,
    bilinear([
      [0, 0],
      [1, 0],
      [0.9, 1.1],
      [0.2, 0.8],
    ]),
  );
  const boundary = new Set(boundaryEdges(mesh));
  const random = new Random(1);
  for (let n = 0; n < mesh.positions.length / 2; n++) {
    if (boundary.has(n)) continue;
    mesh.positions[2 * n] += (amount / cells) * (2 * random.uniform() - 1);
    mesh.positions[2 * n + 1] += (amount / cells) * (2 * random.uniform() - 1);
  }
  return mesh;
}

function mapped(x: Float64Array, [a, b, c, d]: readonly number[], [p, q]: readonly number[]): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 2) {
    out[i] = a * x[i] + b * x[i + 1] + p;
    out[i + 1] = c * x[i] + d * x[i + 1] + q;
  }
  return out;
}

const AFFINE = [1.15, 0.2, -0.1, 0.9];

export const patchTest: Rung = {
  id: "patch",
  title: "Patch test: the boundary follows an affine map, irregular inner nodes must follow it",
  source: "Irons and Razzaque 1972; exact for linear triangles",
  run: () =>
    MATERIALS.map((material) => {
      const mesh = irregularMesh(6);
      const problem = new Problem(new Body(mesh, material));
      const exact = mapped(mesh.positions, AFFINE, [0.3, -0.2]);
      const x = exact.slice();
      for (const node of boundaryEdges(mesh)) problem.isHeld.fill(1, 2 * node, 2 * node + 2);
      const random = new Random(2);
      for (let i = 0; i < x.length; i++) if (!problem.isHeld[i]) x[i] += 0.02 * (2 * random.uniform() - 1);
      minimise(problem, x, EXACT);
      return row(named(material), largest(x.map((value, i) => value - exact[i])), 0, 1e-10);
    }),
};

/** A body with a random deformation under a box, its corner and an edge so close that the barrier acts on both. */
function pressedState(material: Material): { problem: Problem; x: Float64Array; direction: Float64Array } {
  const mesh = irregularMesh(4);
  const contact = new Contact(mesh, box(0.5, 0.3, 0.3, 0.02), { range: 0.12, stiffness: 3 });
  const problem = new Problem(new Body(mesh, material), contact);
  const random = new Random(3);
  const x = mapped(mesh.positions, AFFINE, [-0.1, 0.05]).map((v) => v + 0.02 * (2 * random.uniform() - 1));
  let y = 1.5;
  do {
    y -= 0.01;
    contact.position = [0.75, y];
  } while (contact.leastGap(x) > 0.04);
  const direction = new Float64Array(x.length).map(() => random.normal());
  problem.loads.set(direction.map((v) => 0.01 * v));
  return { problem, x, direction };
}

/** Derivative at 0 by differences of fourth order. */
function slopeOf(at: (t: number) => number): number {
  const h = 1e-4;
  return (at(-2 * h) - 8 * at(-h) + 8 * at(h) - at(2 * h)) / (12 * h);
}

export const differences: Rung = {
  id: "derivatives",
  title: "Forces and stiffness, contact included, against differences of energy and forces",
  source: "Central differences of fourth order",
  run: () =>
    MATERIALS.flatMap((material) => {
      const { problem, x, direction } = pressedState(material);
      const moved = (t: number): Float64Array => x.map((value, i) => value + t * direction[i]);
      const force = new Float64Array(x.length);
      const forceAt = (t: number): Float64Array => {
        const out = new Float64Array(x.length);
        problem.derivatives(moved(t), out, "none");
        return out;
      };
      problem.derivatives(x, force, "full");
      const along = force.reduce((sum, value, i) => sum + value * direction[i], 0);
      const product = problem.body.stiffness.multiply(direction);
      const wrong = product.map((value, i) => value - slopeOf((t) => forceAt(t)[i]));
      return [
        row(
          `force, ${named(material)}`,
          along,
          slopeOf((t) => problem.energy(moved(t))),
          1e-8,
        ),
        row(`stiffness, ${named(material)}`, largest(wrong) / largest(product), 0, 1e-8),
      ];
    }),
};

export const rigidMotion: Rung = {
  id: "rigid",
  title: "A turn by 2 radians and a shift store no energy, and turn the forces of a deformed body",
  source: "Objectivity",
  run: () =>
    MATERIALS.flatMap((material) => {
      const body = new Body(irregularMesh(4), material);
      const [c, s] = [Math.cos(2), Math.sin(2)];
      const turn = [c, -s, s, c];
      const rest = body.mesh.positions;
      const random = new Random(4);
      const deformed = mapped(rest, AFFINE, [0, 0]).map((v) => v + 0.02 * (2 * random.uniform() - 1));
      const forces = (x: Float64Array): Float64Array => {
        const out = new Float64Array(x.length);
        body.derivatives(x, out, "none");
        return out;
      };
      const turned = mapped(forces(deformed), turn, [0, 0]);
      const after = forces(mapped(deformed, turn, [3, -1]));
      return [
        row(`energy at rest, ${named(material)}`, body.energy(mapped(rest, turn, [3, -1])), 0, 1e-12),
        row(
          `forces, ${named(material)}`,
          largest(after.map((v, i) => v - turned[i])) / largest(turned),
          0,
          1e-12,
        ),
      ];
    }),
};

/**
 * Stretch across and along a bar whose sides are free, and its axial stress per undeformed area. For the split law the
 * ratio of areas J is given; the stress across vanishes where b⁴ + c b² - J² = 0, c = bulk/shear J (J² - 1).
 */
function uniaxial(material: Material, given: number): { along: number; across: number; stress: number } {
  const moduli = moduliOf(material);
  const { shear, bulk } = moduli;
  if (material.law === "corotational") {
    const across = 1 - ((bulk - shear) / (bulk + shear)) * (given - 1);
    return { along: given, across, stress: ((4 * shear * bulk) / (bulk + shear)) * (given - 1) };
  }
  const c = (bulk / shear) * given * (given ** 2 - 1);
  const across = Math.sqrt((-c + Math.sqrt(c * c + 4 * given ** 2)) / 2);
  const along = given / across;
  const stress = (shear / 2) * (1 / across - across / along ** 2) + (bulk / 2) * (given * across - 1 / along);
  return { along, across, stress };
}

/** Stretched in y; a law at (large, small) has its axis where the larger stretch is, which does not matter here. */
export const stretchedBar: Rung = {
  id: "uniaxial",
  title: "A bar pulled and pressed along its axis with free sides: width and force",
  source: "Closed form: the root of the lateral stress",
  run: () =>
    MATERIALS.flatMap((material) =>
      [1.2, 0.8].flatMap((given): RungRow[] => {
        const { along, across, stress } = uniaxial(material, given);
        const cells = 4;
        const mesh = gridMesh(cells, cells, (u, v) => [u, v], "alternating");
        const body = new Body(mesh, material);
        const problem = new Problem(body);
        const x = mesh.positions.slice();
        for (let i = 0; i <= cells; i++) {
          const top = 2 * (cells * (cells + 1) + i) + 1;
          problem.isHeld[2 * i + 1] = problem.isHeld[top] = 1;
        }
        problem.isHeld[0] = 1;
        for (let i = 1; i < x.length; i += 2) x[i] *= along;
        minimise(problem, x, EXACT);
        const force = new Float64Array(x.length);
        body.derivatives(x, force, "none");
        let pull = 0;
        for (let i = 0; i <= cells; i++) pull += force[2 * (cells * (cells + 1) + i) + 1];
        const name = `${named(material)}, stretch ${along.toFixed(3)}`;
        return [
          row(`width, ${name}`, x[2 * cells], across, 1e-10),
          row(`force, ${name}`, pull, stress, 1e-10),
        ];
      }),
    ),
};
