// Laws of hyperelastic materials in the plane, as functions of the two singular values of the deformation gradient.
// Both linearise to Hooke's law with the moduli of the chosen state, for every Poisson ratio in (-1, 0.5).
import { TesseraError } from "../../../../base/errors";

export type PlaneState = "plane-stress" | "plane-strain";
export type LawName = "split" | "corotational";

export interface Material {
  law: LawName;
  state: PlaneState;
  /** Young's modulus, in force per area. */
  young: number;
  poisson: number;
}

/** Shear modulus and the bulk modulus of the plane, both positive. */
export interface Moduli {
  shear: number;
  bulk: number;
}

/** Derivatives of an energy density by the singular values a and b of F, b negative where F mirrors. */
export interface LawValues {
  energy: number;
  /** First and second derivatives. */
  a: number;
  b: number;
  aa: number;
  ab: number;
  bb: number;
  /** (a-derivative + b-derivative) / (a + b), and the same with minus, without cancellation. */
  twist: number;
  flip: number;
}

/** Writes the values of the law at (a, b) into `out`. The energy is infinite where the law forbids the state. */
export type Law = (a: number, b: number, moduli: Moduli, out: LawValues) => void;

/** @throws TesseraError `params` for a Poisson ratio or a modulus that no stable material has. */
export function moduliOf({ young, poisson, state }: Material): Moduli {
  if (!(poisson > -1 && poisson < 0.5))
    throw new TesseraError("params", `The Poisson ratio must lie between -1 and 0.5, got ${poisson}`);
  if (!(young > 0)) throw new TesseraError("params", `Young's modulus must be positive, got ${young}`);
  const shear = young / (2 * (1 + poisson));
  if (state === "plane-stress") return { shear, bulk: young / (2 * (1 - poisson)) };
  return { shear, bulk: young / (2 * (1 + poisson) * (1 - 2 * poisson)) };
}

/**
 * shear/2 (|F|²/J - 2) + bulk/4 (J² - 1 - 2 ln J): change of shape and change of area apart, each with a positive
 * modulus. The first part does not see a uniform shrinkage, so the second is a barrier against J = 0.
 */
const split: Law = (a, b, { shear, bulk }, out) => {
  const j = a * b;
  if (!(j > 0)) {
    out.energy = Number.POSITIVE_INFINITY;
    return;
  }
  const [aInverse, bInverse] = [1 / a, 1 / b];
  const jInverse = aInverse * bInverse;
  const change = j - 1;
  out.energy =
    (shear / 2) * (a - b) * (a - b) * jInverse +
    (bulk / 4) * (change * (2 + change) - 2 * Math.log1p(change));
  out.a = (shear / 2) * (bInverse - b * aInverse * aInverse) + (bulk / 2) * (j * b - aInverse);
  out.b = (shear / 2) * (aInverse - a * bInverse * bInverse) + (bulk / 2) * (j * a - bInverse);
  out.aa = shear * b * aInverse ** 3 + (bulk / 2) * (b * b + aInverse * aInverse);
  out.bb = shear * a * bInverse ** 3 + (bulk / 2) * (a * a + bInverse * bInverse);
  out.ab = (-shear / 2) * (aInverse * aInverse + bInverse * bInverse) + bulk * j;
  out.twist =
    (shear / 2) * (jInverse - (a * a - j + b * b) * jInverse * jInverse) + (bulk / 2) * (j - jInverse);
  out.flip =
    (shear / 2) * (jInverse + (a * a + j + b * b) * jInverse * jInverse) + (bulk / 2) * (jInverse - j);
};

/** shear |F - R|² + (bulk - shear)/2 (tr(RᵀF) - 2)²: Hooke's law in the rotated frame. Finite for inverted elements. */
const corotational: Law = (a, b, { shear, bulk }, out) => {
  const lame = bulk - shear;
  const trace = a + b - 2;
  out.energy = shear * ((a - 1) ** 2 + (b - 1) ** 2) + (lame / 2) * trace * trace;
  out.a = 2 * shear * (a - 1) + lame * trace;
  out.b = 2 * shear * (b - 1) + lame * trace;
  out.aa = 2 * shear + lame;
  out.bb = out.aa;
  out.ab = lame;
  out.twist = (2 * bulk * trace) / (a + b);
  out.flip = 2 * shear;
};

export const LAWS: Readonly<Record<LawName, Law>> = { split, corotational };
