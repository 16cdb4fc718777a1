// What the panel, the command line and the engine of the graph U-net workflow say to each other. Plain data only.
import { choice, int, type ParamValues } from "../../base/params";

/** Settings of a data set. */
export const params = {
  set: choice("plate", ["plate"], {
    label: "Data set",
    help: "plate: trapezoids clamped at their foot and pressed by a disc, as in GGNS",
    labels: { plate: "Deformable plate" },
  }),
  cells: int(8, {
    label: "Cells",
    min: 4,
    max: 64,
    help: "Cells along an edge of the plate; 8 gives the 81 nodes of GGNS",
  }),
  law: choice("split", ["split", "corotational"], {
    label: "Law",
    help: "split: hyperelastic, infinite energy at zero volume; corotational: Hooke's law in a turned frame",
    labels: { split: "Split energy", corotational: "Corotational linear" },
  }),
  state: choice("plane-stress", ["plane-stress", "plane-strain"], {
    label: "State",
    help: "plane-stress: a thin sheet; plane-strain: a slice of a long body",
    labels: { "plane-stress": "Plane stress", "plane-strain": "Plane strain" },
  }),
  snaps: choice("slower", ["slower", "keep"], {
    label: "Snaps",
    help: "slower: a run in which the plate snaps from under the disc goes only as deep as before, in as many frames; keep: the plate jumps within a frame",
    labels: { slower: "Stop before, move slower", keep: "Keep" },
  }),
  perCell: int(35, {
    label: "Runs per cell",
    min: 7,
    max: 700,
    step: 7,
    help: "Runs for each shape and Poisson ratio, split 5 to 1 to 1; 35 give 675, 135 and 135",
  }),
  seed: int(0, {
    label: "Seed",
    min: 0,
    max: 2 ** 31 - 1,
    help: "Seed of the discs: their size and where they come down",
  }),
};
export type SetParams = ParamValues<typeof params>;
