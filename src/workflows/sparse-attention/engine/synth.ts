// Makes queries, keys and values with the structure that video transformers show: locality in a frame, stripes across
// frames, sinks, text columns, and heads from sharp to diffuse. SYNTHETIC: nothing here was taken from a model.
//
// How: the score of two positions is a sum of cos(w·(p - p')) over a few frequencies w, so that q·k peaks where the
// positions agree along the axes that the head listens to; further dims carry a sink, text columns and noise.
import { Random } from "../../../base/random";
import type { Grid } from "../protocol";
import type { SynthSettings } from "../protocol-params";
import { coordinates, videoTokens } from "./tokens";

/** What a head listens to: widths of the peak in frames, rows and columns as shares of the extent (1 = deaf). */
interface HeadKind {
  name: string;
  frame: number;
  row: number;
  column: number;
}

const KINDS: readonly HeadKind[] = [
  { name: "frame locality", frame: 0.08, row: 1.5, column: 1.5 },
  { name: "stripes across frames", frame: 3, row: 0.12, column: 0.12 },
  { name: "local in all three", frame: 0.15, row: 0.2, column: 0.2 },
  { name: "rows of all frames", frame: 3, row: 0.08, column: 3 },
];

/** Logit of the peak: from sharp heads to diffuse ones. */
const SHARPEST = 16;
const FLATTEST = 5;
const TABLE = 1 << 14;

/** Values of one head, [L, D] each. */
export interface HeadValues {
  q: Float32Array<ArrayBuffer>;
  k: Float32Array<ArrayBuffer>;
  v: Float32Array<ArrayBuffer>;
}

/** The grid that fills `length` best: sides near the cube root, the least left over; what is left over is text. */
export function synthGrid(length: number, text: number): Grid {
  const video = Math.max(1, length - text);
  const side = Math.cbrt(video);
  const from = Math.max(1, Math.floor(side / 1.5));
  const to = Math.ceil(side * 1.5);
  let best = { frames: 1, height: 1, width: 1, cost: Number.POSITIVE_INFINITY };
  for (let height = from; height <= to; height++) {
    for (let width = height; width <= to; width++) {
      const frames = Math.floor(video / (height * width));
      if (frames < 1) continue;
      const cost = video - frames * height * width + (Math.abs(frames - side) + width - height) / (8 * side);
      if (cost < best.cost) best = { frames, height, width, cost };
    }
  }
  const { frames, height, width } = best;
  return { frames, height, width, text: length - frames * height * width, known: true, from: "metadata" };
}

/** Kind and sharpness of a head, as a line for a person. */
export function describeHead(head: number, heads: number): string {
  return `${KINDS[head % KINDS.length].name}, peak ${peak(head, heads).toFixed(1)}`;
}

const peak = (head: number, heads: number): number =>
  heads === 1 ? SHARPEST : SHARPEST * (FLATTEST / SHARPEST) ** (head / (heads - 1));

const tables = new Map<number, Float32Array>();

/** Noise is looked up in a table of normals at a random place per token: one word per token instead of 3D normals. */
function normalTable(seed: number): Float32Array {
  let table = tables.get(seed);
  if (!table) {
    table = new Random(seed, 1).normals(TABLE);
    tables.clear();
    tables.set(seed, table);
  }
  return table;
}

/** Makes one head of one step and layer. The same settings give the same numbers, whatever else is made. */
export function synthesiseHead(
  settings: SynthSettings,
  grid: Grid,
  place: { layer: number; step: number; head: number },
): HeadValues {
  const { layer, step, head } = place;
  const { heads, length, dim, synthSeed: seed, steps } = settings;
  const size = length * dim;
  const out: HeadValues = {
    q: new Float32Array(size),
    k: new Float32Array(size),
    v: new Float32Array(size),
  };
  const table = normalTable(seed);
  // Structure depends on layer and head only; noise on the step as well: early steps (small numbers) have more of it.
  const structure = new Random(seed, 1000 + layer * 64 + head);
  const noise = new Random(seed, 100_000 + (step * 16 + layer) * 64 + head);
  const noisiness = steps === 1 ? 0.5 : 1 - (0.7 * step) / (steps - 1);
  const kind = KINDS[head % KINDS.length];
  const pairs = Math.floor((dim - 4) / 2);
  const axes = [kind.frame * grid.frames, kind.row * grid.height, kind.column * grid.width];
  const frequencies = Array.from({ length: pairs }, () =>
    axes.map((width) => structure.normal() / Math.max(width, 0.5)),
  );
  const top = peak(head, heads);
  // q and k each carry the square root of the peak, times D^(1/4) against the scale 1/sqrt(D).
  const amplitude = Math.sqrt((top * Math.sqrt(dim)) / pairs);
  const side = Math.sqrt(Math.sqrt(dim));
  const sinkPull = side * Math.sqrt(top * 0.5) * (head % 2 ? 1 : 0.4);
  const textPull = side * Math.sqrt(top * (0.35 + 0.3 * structure.uniform()));
  const video = videoTokens(grid);
  for (let i = 0; i < length; i++) {
    const at = i * dim;
    const isText = i >= video;
    const position = isText ? [0, 0, 0] : coordinates(grid, i);
    const shift = noise.word();
    for (let n = 0; n < pairs; n++) {
      const [wf, wy, wx] = frequencies[n];
      const angle = wf * position[0] + wy * position[1] + wx * position[2];
      const c = isText ? 0 : amplitude * Math.cos(angle);
      const s = isText ? 0 : amplitude * Math.sin(angle);
      out.q[at + 2 * n] = c;
      out.q[at + 2 * n + 1] = s;
      out.k[at + 2 * n] = c;
      out.k[at + 2 * n + 1] = s;
    }
    // Dim D-1 is the sink: every query listens, the first token of the video answers. Dim D-2 is the text.
    out.q[at + dim - 1] = sinkPull;
    out.k[at + dim - 1] = i === 0 ? sinkPull * 1.5 : 0;
    out.q[at + dim - 2] = textPull;
    out.k[at + dim - 2] = isText ? textPull * (0.6 + 0.4 * ((shift >>> 4) & 1)) : 0;
    for (let d = 0; d < dim; d++) {
      out.q[at + d] += noisiness * table[(shift + d * 3) & (TABLE - 1)];
      out.k[at + d] += noisiness * table[((shift >>> 8) + d * 5) & (TABLE - 1)];
      // Values vary smoothly over the clip, with noise of their own.
      out.v[at + d] =
        0.5 * Math.sin(0.7 * d + 0.9 * position[0] + 0.2 * position[1]) +
        0.6 * table[((shift >>> 16) + d * 7) & (TABLE - 1)];
    }
  }
  return out;
}

/** Tensor names of a step and layer, as the default patterns find them again. */
export function synthName(
  settings: SynthSettings,
  layer: number,
  step: number,
): (role: "q" | "k" | "v") => string {
  const parts = [
    settings.steps > 1 ? `step${step}.` : "",
    settings.layers > 1 || settings.steps > 1 ? `layer${layer}.` : "",
  ];
  return (role) => `${parts.join("")}${role}`;
}
