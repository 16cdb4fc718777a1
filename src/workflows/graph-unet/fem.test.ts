// Parts of the finite-element solver on their own: meshes, elimination order, factorisation, distances, colliders.
import { describe, expect, test } from "vitest";
import { Random } from "../../base/random";
import { Body } from "./engine/fem/body";
import { Cholesky } from "./engine/fem/cholesky";
import { box, disc, isInside, polygon } from "./engine/fem/collider";
import { Contact } from "./engine/fem/contact";
import { SegmentDistance } from "./engine/fem/distance";
import { crossesItself } from "./engine/fem/fields";
import { moduliOf } from "./engine/fem/laws";
import {
  bilinear,
  boundaryEdges,
  gridMesh,
  type Mesh,
  meshEdges,
  nodeCount,
  refine,
} from "./engine/fem/mesh";
import { largest, minimise } from "./engine/fem/newton";
import { minimumDegree } from "./engine/fem/order";
import { moveCollider } from "./engine/fem/press";
import { Problem } from "./engine/fem/problem";

const square = (cells: number): Mesh =>
  gridMesh(
    cells,
    cells,
    bilinear([
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ]),
  );
const rubber = { law: "split", state: "plane-stress", young: 1, poisson: 0.3 } as const;

describe("meshes", () => {
  test("the plate of GGNS: 81 nodes, 128 triangles, 416 directed edges", () => {
    const mesh = square(8);
    expect([nodeCount(mesh), mesh.triangles.length / 3, meshEdges(mesh).length]).toEqual([81, 128, 416]);
  });

  test("refinement keeps area, orientation and boundary, and fits together", () => {
    const fine = refine(square(3));
    const body = new Body(fine, rubber);
    expect(fine.triangles.length / 3).toBe(4 * 18);
    expect(body.areas.reduce((a, b) => a + b)).toBeCloseTo(4, 12);
    expect(boundaryEdges(fine).length / 2).toBe(24);
    const euler = nodeCount(fine) - meshEdges(fine).length / 2 + fine.triangles.length / 3;
    expect(euler).toBe(1);
  });

  test("the boundary has the body on its left", () => {
    const mesh = square(4);
    let twice = 0;
    const edges = boundaryEdges(mesh);
    for (let e = 0; e < edges.length; e += 2) {
      const [a, b] = [2 * edges[e], 2 * edges[e + 1]];
      const { positions: p } = mesh;
      twice += p[a] * p[b + 1] - p[a + 1] * p[b];
    }
    expect(twice / 2).toBeCloseTo(4, 12);
  });

  test("a triangle that runs clockwise is refused by its number", () => {
    const mesh = square(2);
    mesh.triangles.set([mesh.triangles[4], mesh.triangles[3]], 3);
    expect(() => new Body(mesh, rubber)).toThrow("Triangle 1 has no area or runs clockwise");
  });

  test("a boundary that crosses itself is found", () => {
    const mesh = square(4);
    const x = mesh.positions.slice();
    expect(crossesItself(mesh, x)).toBe(false);
    x[2 * 24] = -1.2;
    expect(crossesItself(mesh, x)).toBe(true);
  });
});

describe("materials", () => {
  test.each([-1, 0.5, Number.NaN])("a Poisson ratio of %d is refused", (poisson) => {
    expect(() => moduliOf({ ...rubber, poisson })).toThrow("between -1 and 0.5");
  });
});

describe("sparse factor", () => {
  test("solves a random positive matrix, and tells one that is not positive", () => {
    const size = 30;
    const random = new Random(5);
    const dense = Array.from({ length: size }, () => new Float64Array(size));
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < i; j++) if (random.uniform() < 0.15) dense[i][j] = dense[j][i] = random.normal();
      dense[i][i] = 12;
    }
    const starts = [0];
    const rows: number[] = [];
    const values: number[] = [];
    for (let j = 0; j < size; j++) {
      for (let i = 0; i <= j; i++) {
        if (dense[i][j] === 0) continue;
        rows.push(i);
        values.push(dense[i][j]);
      }
      starts.push(rows.length);
    }
    const cholesky = new Cholesky({ size, starts: Int32Array.from(starts), rows: Int32Array.from(rows) });
    expect(cholesky.factor(Float64Array.from(values))).toBe(true);
    const exact = Float64Array.from({ length: size }, () => random.normal());
    const x = Float64Array.from(dense, (line) => line.reduce((sum, value, j) => sum + value * exact[j], 0));
    cholesky.solve(x);
    expect(largest(x.map((value, i) => value - exact[i]))).toBeLessThan(1e-13);
    const last = values.length - 1;
    expect(cholesky.factor(Float64Array.from(values, (v, i) => (i === last ? -v : v)))).toBe(false);
  });

  test("the order is a permutation, and fills a grid little more than SuperLU's minimum degree", () => {
    const mesh = square(32);
    const order = minimumDegree(nodeCount(mesh), meshEdges(mesh));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: nodeCount(mesh) }, (_, i) => i));
    // SciPy 1.17.1, splu with MMD_AT_PLUS_A on the same pattern: 67,095 entries; in the grid's own order 133,777.
    expect(new Body(mesh, rubber).stiffness.fill).toBeLessThan(1.15 * 67_095);
  });
});

describe("distances", () => {
  test.each([
    [0.3, 0.7],
    [-0.8, 0.4],
    [2.1, -0.2],
    [0.4, -0.5],
  ])("a point at (%d, %d) beside, before and behind a segment", (px, py) => {
    const at = [px, py, -0.1, 0.2, 1.3, -0.1] as const;
    const distance = new SegmentDistance();
    distance.evaluate(...at, true);
    expect(distance.value).toBeCloseTo(distance.measure(...at), 14);
    const gradient = distance.gradient.slice();
    const hessian = distance.hessian.slice();
    const moved = (k: number, h: number) => at.map((v, i) => (i === k ? v + h : v)) as unknown as typeof at;
    for (let k = 0; k < 6; k++) {
      const [more, less] = [1e-6, -1e-6].map((h) => distance.measure(...moved(k, h)));
      expect((more - less) / 2e-6).toBeCloseTo(gradient[k], 8);
      const [after, before] = [1e-6, -1e-6].map((h) => {
        distance.evaluate(...moved(k, h), false);
        return distance.gradient.slice();
      });
      for (let l = 0; l < 6; l++) expect((after[l] - before[l]) / 2e-6).toBeCloseTo(hessian[6 * k + l], 7);
    }
  });

  test("inside and outside of a square", () => {
    const corners = [0, 0, 1, 0, 1, 1, 0, 1];
    const ends = (e: number): [number, number, number, number] => [
      ...(corners.slice(2 * e, 2 * e + 2) as [number, number]),
      corners[(2 * e + 2) % 8],
      corners[(2 * e + 3) % 8],
    ];
    expect(isInside(0.5, 0.2, 4, ends)).toBe(true);
    expect(isInside(1.5, 0.2, 4, ends)).toBe(false);
  });

  test("colliders that are none are refused", () => {
    expect(() => disc(0)).toThrow("positive radius");
    expect(() => box(1, 0.1, 0, 0.1)).toThrow("rounded by 0.1");
    expect(() =>
      polygon([
        [0, 0],
        [0, 1],
        [1, 0],
      ]),
    ).toThrow("counterclockwise");
  });
});

describe("pressing", () => {
  const press = (collider: ReturnType<typeof disc>, height: number, cells = 6) => {
    const mesh = square(cells);
    const body = new Body(mesh, { ...rubber, poisson: 0 });
    const contact = new Contact(mesh, collider, { range: 0.02, stiffness: 5 });
    contact.position = [0.07, height + 0.03];
    const problem = new Problem(body, contact);
    problem.isHeld.fill(1, 0, 2 * (cells + 1));
    const x = mesh.positions.slice();
    const report = moveCollider(problem, x, [0.07, height - 0.35]);
    return { problem, body, contact, x, report };
  };

  test.each([
    ["a disc", disc(0.3), 1.3],
    ["a sharp box between nodes", box(0.2, 0.4), 1.2],
    ["a box on its corner", box(0.4, 0.4, Math.PI / 4), 1 + 0.4 * Math.SQRT1_2],
    [
      "a rounded triangle",
      polygon(
        [
          [0, -0.2],
          [0.3, 0.2],
          [-0.3, 0.2],
        ],
        0.05,
      ),
      1.25,
    ],
  ])(
    "%s goes in without passing the surface, and its force is what holds the foot",
    (_, collider, height) => {
      const { problem, body, contact, x, report } = press(collider, height);
      expect(report).toMatchObject({ isSolved: true });
      expect(report.residual).toBeLessThan(1e-9);
      expect(body.leastVolume(x)).toBeGreaterThan(0.1);
      expect(contact.leastGap(x)).toBeGreaterThan(0);
      expect(contact.leastGap(x)).toBeLessThan(0.02);
      const inner = new Float64Array(x.length);
      body.derivatives(x, inner, "none");
      const foot = [0, 1].map((axis) => {
        let sum = 0;
        for (let i = axis; i < x.length; i += 2) if (problem.isHeld[i]) sum += inner[i];
        return sum;
      });
      const force = contact.force(x);
      expect(force[1]).toBeGreaterThan(0.05);
      expect(foot[0]).toBeCloseTo(force[0], 8);
      expect(foot[1]).toBeCloseTo(force[1], 8);
    },
  );

  test("a symmetric plate stays symmetric", () => {
    const cells = 6;
    const mesh = gridMesh(
      cells,
      cells,
      bilinear([
        [-1, -1],
        [1, -1],
        [1, 1],
        [-1, 1],
      ]),
      "alternating",
    );
    const contact = new Contact(mesh, disc(0.4), { range: 0.02, stiffness: 5 });
    contact.position = [0, 1.43];
    const problem = new Problem(new Body(mesh, rubber), contact);
    problem.isHeld.fill(1, 0, 2 * (cells + 1));
    const x = mesh.positions.slice();
    expect(moveCollider(problem, x, [0, 1.1]).isSolved).toBe(true);
    for (let j = 0; j <= cells; j++) {
      for (let i = 0; i <= cells; i++) {
        const [a, b] = [j * (cells + 1) + i, j * (cells + 1) + cells - i];
        expect(x[2 * a]).toBeCloseTo(-x[2 * b], 8);
        expect(x[2 * a + 1]).toBeCloseTo(x[2 * b + 1], 8);
      }
    }
  });

  test("a move that Newton cannot finish at once is taken in parts, and ends in the same place", () => {
    const whole = press(disc(0.3), 1.3);
    const mesh = square(6);
    const contact = new Contact(mesh, disc(0.3), { range: 0.02, stiffness: 5 });
    contact.position = [0.07, 1.33];
    const problem = new Problem(new Body(mesh, { ...rubber, poisson: 0 }), contact);
    problem.isHeld.fill(1, 0, 14);
    const x = mesh.positions.slice();
    const short = { tolerance: 1e-9, maxIterations: 5, maxHalvings: 12 };
    const report = moveCollider(problem, x, [0.07, 0.95], short);
    expect(report.isSolved).toBe(true);
    expect(report.refined).toBeGreaterThan(0);
    expect(report.parts).toBeGreaterThan(whole.report.parts);
    expect(largest(x.map((value, i) => value - whole.x[i]))).toBeLessThan(1e-7);
    const hopeless = { ...short, maxIterations: 0 };
    expect(moveCollider(problem, x, [0.07, 0.5], hopeless)).toMatchObject({ isSolved: false, parts: 0 });
    expect(contact.position[1]).toBeCloseTo(0.95, 12);
  });

  test("an inverted start is not taken for a solution", () => {
    const mesh = square(2);
    const problem = new Problem(new Body(mesh, rubber));
    const x = mesh.positions.slice();
    x[2 * 4] = 5;
    expect(minimise(problem, x).isConverged).toBe(false);
  });
});
