// The solver against values made without it: laws by automatic differentiation in PyTorch, pressed plates by SciPy.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CLEARANCE, plateProblem, STEP, YOUNG } from "./engine/data/plate";
import { LAWS, type LawName, moduliOf, type PlaneState } from "./engine/fem/laws";
import { largest } from "./engine/fem/newton";
import { moveCollider } from "./engine/fem/press";
import { StressPoint } from "./engine/fem/stress";

interface Golden {
  laws: {
    law: LawName;
    state: PlaneState;
    poisson: number;
    young: number;
    f: [number, number, number, number];
    energy: number;
    piola: number[];
    tangent: number[];
  }[];
  equilibria: {
    poisson: number;
    cells: number;
    top: number;
    shift: number;
    radius: number;
    x: number;
    depth: number;
    energy: number;
    positions: number[];
  }[];
}

const file = (name: string): string => readFileSync(new URL(`golden/${name}`, import.meta.url), "utf8");
const golden = JSON.parse(file("fem.json")) as Golden;

test("the file is the one its manifest names", () => {
  const { sha256 } = JSON.parse(file("manifest.json")) as { sha256: Record<string, string> };
  expect(createHash("sha256").update(file("fem.json")).digest("hex")).toBe(sha256["fem.json"]);
});

const worst = (got: Float64Array, expected: readonly number[]): number =>
  largest(got.map((value, i) => value - expected[i])) / largest(Float64Array.from(expected));

test.each(golden.laws)("$law, $state, Poisson $poisson: energy, stress and tangent", (one) => {
  const point = new StressPoint(LAWS[one.law], moduliOf(one));
  point.evaluate(...one.f, false);
  expect(Math.abs(point.energy / one.energy - 1)).toBeLessThan(1e-12);
  expect(Math.abs(point.density(...one.f) / one.energy - 1)).toBeLessThan(1e-12);
  expect(worst(point.piola, one.piola)).toBeLessThan(1e-12);
  expect(worst(point.tangent, one.tangent)).toBeLessThan(1e-11);
});

// SciPy's residuals are up to 1.3e-8 of Young's modulus; its positions are good to 7 digits or more.
test.each(golden.equilibria)("a plate of Poisson ratio $poisson under a disc", (one) => {
  const problem = plateProblem(
    { ...one, step: STEP },
    { cells: one.cells, law: "split", state: "plane-stress" },
  );
  // The golden barrier has this range on any mesh.
  expect(problem.contact!.barrier).toEqual({ range: 0.02, stiffness: (0.3 / 0.04) * YOUNG });
  const x = problem.body.mesh.positions.slice();
  const { isSolved } = moveCollider(problem, x, [one.x, 1 + one.radius + CLEARANCE - one.depth]);
  expect(isSolved).toBe(true);
  expect(largest(x.map((value, i) => value - one.positions[i]))).toBeLessThan(2e-7);
  expect(Math.abs(problem.energy(x) / one.energy - 1)).toBeLessThan(1e-10);
});
