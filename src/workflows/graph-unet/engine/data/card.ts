// The card of a data set: what it is, how it was made, and the figures of every gate. It also says how far a set that
// was broken off has come.
import type { SetParams } from "../../protocol";
import { FRAMES, POISSON_RATIOS, SHAPES, STEP, YOUNG } from "./plate";
import { GATES, type RunFigures } from "./simulate";

export const CARD = "card.json";

export type Split = "train" | "validation" | "test";

/** A file of the set. */
export interface RunRecord {
  file: string;
  split: Split;
  size: number;
  sha256: string;
  top: number;
  shift: number;
  poisson: number;
  radius: number;
  x: number;
  /** How far the disc moves down in a frame. */
  step: number;
  figures: RunFigures;
  /** Draws before this one that missed a gate, in order: gate and frame. */
  dropped: string[];
}

export interface Card {
  title: string;
  isComplete: boolean;
  settings: SetParams;
  licence: string;
  origin: string;
  reconstructed: string[];
  frames: number;
  step: number;
  young: number;
  poissonRatios: readonly number[];
  shapes: readonly { top: number; shift: number }[];
  counts: { [split in Split]: number };
  gates: { gate: string; limit: string; worst: number; missed: number }[];
  /** Draws that were replaced by the next one of their stream. */
  dropped: number;
  /** Runs that end before the plate snaps, with a smaller step of the disc; and runs in which it does snap. */
  slowed: number;
  snapped: number;
  /** Largest part of the disc's work that is not stored, among runs that do not snap: the trapezoid rule's error. */
  work: number;
  iterations: number;
  equilibria: number;
  refined: number;
  /** Hash of the files' hashes in order; null while the set is not complete. */
  sha256: string | null;
  runs: RunRecord[];
}

const RECONSTRUCTED = [
  "The nine trapezoids: GGNS shows nine and does not give their sizes; here three widths of the top by three shifts.",
  "The disc's size: 15 to 60 % of the plate's edge is read as its diameter, the law as symmetric.",
  "The material law: GGNS used SOFA, whose triangle is corotational linear; the default here is hyperelastic.",
  "The first frame's gap of 0.03, contact without friction, and a gap of at most 0.01 (8 cells) kept by the barrier.",
];

export function makeCard(settings: SetParams, runs: RunRecord[], total: number, sha256: string | null): Card {
  const count = (split: Split): number => runs.filter((run) => run.split === split).length;
  const sum = (key: "iterations" | "parts" | "refined"): number =>
    runs.reduce((all, { figures }) => all + figures[key], 0);
  const missed = (gate: string): number =>
    runs.flatMap(({ dropped }) => dropped).filter((why) => why.startsWith(gate)).length;
  const smooth = runs.filter(({ figures }) => figures.jump <= GATES.jump);
  const extreme = (
    key: "residual" | "volume" | "gap" | "jump",
    pick: (...values: number[]) => number,
  ): number => (runs.length ? pick(...runs.map(({ figures }) => figures[key])) : 0);
  return {
    title: "Deformable plate",
    isComplete: runs.length === total,
    settings,
    licence: "CC0: made by Tessera's own solver from a seed",
    origin: "After the 2D Deformable Plate of GGNS (arXiv:2302.11864); none of its data is here",
    reconstructed: RECONSTRUCTED,
    ...{ frames: FRAMES, step: STEP, young: YOUNG, poissonRatios: POISSON_RATIOS, shapes: SHAPES },
    counts: { train: count("train"), validation: count("validation"), test: count("test") },
    gates: [
      {
        gate: "residual",
        limit: `at most ${GATES.residual}`,
        worst: extreme("residual", Math.max),
        missed: missed("residual"),
      },
      { gate: "volume", limit: "above 0", worst: extreme("volume", Math.min), missed: missed("volume") },
      { gate: "gap", limit: "above 0", worst: extreme("gap", Math.min), missed: missed("gap") },
      {
        gate: "snap",
        limit: settings.snaps === "keep" ? "not judged" : `at most ${GATES.jump}`,
        worst: extreme("jump", Math.max),
        missed: missed("snap"),
      },
      { gate: "crossing", limit: "none", worst: 0, missed: missed("crossing") },
      { gate: "unsolved", limit: "none", worst: 0, missed: missed("unsolved") },
    ],
    dropped: runs.reduce((all, { dropped }) => all + dropped.length, 0),
    slowed: runs.filter(({ step }) => step < STEP).length,
    snapped: runs.filter(({ figures }) => figures.jump > GATES.jump).length,
    work: Math.max(0, ...smooth.map(({ figures }) => Math.abs(figures.work))),
    ...{ iterations: sum("iterations"), equilibria: sum("parts"), refined: sum("refined") },
    sha256,
    runs,
  };
}

/** The card for a reader; the runs stay in the JSON. */
export function cardText(card: Card): string {
  const { settings, counts, gates } = card;
  return `# ${card.title}

${card.origin}. ${card.licence}.

- Runs: ${counts.train} for training, ${counts.validation} for validation, ${counts.test} for tests; ${card.frames} frames each, the disc ${card.step} lower in each (less where a run is slowed).
- Material: ${settings.law}, ${settings.state}, Young's modulus ${card.young}, Poisson ratios ${card.poissonRatios.join(", ")}.
- Mesh: ${settings.cells} by ${settings.cells} cells, ${(settings.cells + 1) ** 2} nodes, and 57 nodes of the disc.
- Seed ${settings.seed}; SHA-256 of all files ${card.sha256 ?? "(not complete)"}.

| Gate, in every frame | Limit | Worst | Draws that missed it |
| --- | --- | --- | --- |
${gates.map(({ gate, limit, worst, missed }) => `| ${gate} | ${limit} | ${worst.toPrecision(3)} | ${missed} |`).join("\n")}

A draw that misses a gate is dropped and the next of its stream taken: ${card.dropped} were. ${card.equilibria} equilibria in ${card.iterations} Newton iterations; ${card.refined} moves were solved again in smaller parts. ${card.slowed} runs end before the plate snaps from under the disc, which then moves less in each frame; in ${card.snapped} it snaps. Where it does not, the disc's work and the stored energy differ by at most ${(100 * card.work).toPrecision(2)} %.

Residual: largest free nodal force over Young's modulus times the mean edge. Volume: smallest ratio of a triangle's area to its area at rest. Gap: smallest distance between plate and disc. Snap: largest way of a node between two frames, in steps of the disc. Crossing: the boundary crosses itself.

Reconstructed, not stated by GGNS:

${card.reconstructed.map((line) => `- ${line}`).join("\n")}

Arrays of each file: world_pos [frames, nodes, 2], mesh_pos, node_type (0 free, 1 disc, 3 clamped), cells, stress (nodal von Mises), force (on the disc), poisson_ratio, young_modulus, disc_radius, disc_step. Positions are solved in float64 and stored in float32.
`;
}
