// The deformable plate: a trapezoid clamped at its foot, pressed from above by a disc. One record says what a run is.
// Sizes follow the data set of GGNS (arXiv:2302.11864) as far as it describes them; what is ours is marked.
import { Random } from "../../../../base/random";
import { Body } from "../fem/body";
import { disc } from "../fem/collider";
import { Contact } from "../fem/contact";
import type { LawName, PlaneState } from "../fem/laws";
import { bilinear, gridMesh, type Point } from "../fem/mesh";
import { Problem } from "../fem/problem";

export const YOUNG = 5000;
/** Frames of a run, the undeformed plate included. */
export const FRAMES = 50;
/** How far the disc moves down between two frames, where the plate does not snap on the way. */
export const STEP = 0.02;
/** Ours: the gap between plate and disc in the first frame. */
export const CLEARANCE = 0.03;
export const POISSON_RATIOS = [-0.9, 0, 0.49] as const;
/** Ours: nine trapezoids of height 2 and foot 2, by the width of the top and how far it is shifted. */
export const SHAPES = [1.2, 1.6, 2].flatMap((top) => [-0.2, 0, 0.2].map((shift) => ({ top, shift })));

export interface PlateCase {
  /** Width of the top edge and shift of its middle; the foot runs from -1 to 1, height is 2. */
  top: number;
  shift: number;
  poisson: number;
  /** Radius of the disc, and x of its centre. */
  radius: number;
  x: number;
  /** How far the disc moves down between two frames. */
  step: number;
}

export interface PlateSettings {
  /** Cells along an edge: 8 gives the 81 nodes of GGNS. */
  cells: number;
  law: LawName;
  state: PlaneState;
}

/** Seeded draw: radius by a triangular law from 15 to 60 % of half the edge, x uniform between the top's corners. */
export function drawPlate(
  fixed: Pick<PlateCase, "top" | "shift" | "poisson">,
  seed: number,
  stream: number,
): PlateCase {
  const random = new Random(seed, stream);
  const share = 0.15 + (0.45 * (random.uniform() + random.uniform())) / 2;
  const x = fixed.shift + fixed.top * (random.uniform() - 0.5);
  return { ...fixed, radius: share, x, step: STEP };
}

export const plateCorners = ({
  top,
  shift,
}: Pick<PlateCase, "top" | "shift">): readonly [Point, Point, Point, Point] => [
  [-1, -1],
  [1, -1],
  [shift + top / 2, 1],
  [shift - top / 2, 1],
];

/** Where the disc is in a frame. */
export const discAt = ({ x, radius, step }: PlateCase, frame: number): Point => [
  x,
  1 + radius + CLEARANCE - step * frame,
];

/** Range of the barrier in cell edges: 0.01 for 8 cells, which is 0.5 % of the plate's edge. */
const RANGE = 0.04;

/** The plate at rest, the disc where the first frame has it. */
export function plateProblem(plate: PlateCase, { cells, law, state }: PlateSettings): Problem {
  const mesh = gridMesh(cells, cells, bilinear(plateCorners(plate)));
  const range = (RANGE * 2) / cells;
  const contact = new Contact(mesh, disc(plate.radius), { range, stiffness: (0.3 / RANGE) * YOUNG });
  contact.position = discAt(plate, 0);
  const problem = new Problem(new Body(mesh, { law, state, young: YOUNG, poisson: plate.poisson }), contact);
  problem.isHeld.fill(1, 0, 2 * (cells + 1));
  return problem;
}
