// Blocks of the joint sequence of a model: how many, which hold text, and how many each row keeps at a sparsity.
// Index arithmetic only.
import type { SparseSettings, VideoConfig } from "../../protocol-video";
import { keepCount, type Sink } from "../lists";
import type { HeadView } from "../strategies";
import { type RowSample, sampleBlocks, textSink } from "../tokens";
import { sequenceLength } from "./cost";
import { gridOf } from "./patches";

export interface Geometry {
  config: VideoConfig;
  order: SparseSettings["order"];
  /** Batch entries (two with guidance) times heads; entry-major, as attention has them. */
  heads: number;
  batch: number;
  length: number;
  /** Side of a block, and blocks along either side of the map. */
  side: number;
  blocks: number;
  sample: RowSample;
  sink: Sink;
}

export function makeGeometry(
  config: VideoConfig,
  { block, order, textSink: keepsText }: Pick<SparseSettings, "block" | "order" | "textSink">,
  batch: number,
): Geometry {
  const length = sequenceLength(config);
  const side = Number(block);
  const blocks = Math.ceil(length / side);
  const sample = sampleBlocks(length, side, blocks, 0);
  const sink = textSink(gridOf(config), sample, blocks, keepsText);
  return { config, order, heads: batch * config.heads, batch, length, side, blocks, sample, sink };
}

/** Key blocks that each row keeps, [heads · blocks], at a sparsity per head: text rows all, others video and text. */
export function rowCounts({ blocks, sink }: Geometry, sparsity: readonly number[]): number[] {
  const free = sink.keyFrom;
  return sparsity.flatMap((s) => {
    const keep = Math.min(keepCount(s, Math.max(1, free)), free) + blocks - free;
    return Array.from(sink.rowIsText, (isText) => (isText ? blocks : keep));
  });
}

/** Recall per head from sums over row blocks [heads, blocks, 2]: kept mass and all mass. Rows weigh by their tokens. */
export function recallsOf({ heads, blocks, sample, length }: Geometry, kept: ArrayLike<number>): number[] {
  return Array.from({ length: heads }, (_, h) => {
    let sum = 0;
    for (let r = 0; r < blocks; r++) {
      const at = 2 * (h * blocks + r);
      sum += (kept[at] / Math.max(kept[at + 1], 1e-30)) * sample.tokens[r];
    }
    return sum / length;
  });
}

/** One head as the selection rules on the CPU see it. */
export function headView(
  geometry: Geometry,
  arrays: { q: ArrayLike<number>; k: ArrayLike<number>; v: ArrayLike<number> },
  seed: number,
): HeadView {
  const { config, order, length, sample, sink } = geometry;
  const dim = config.dim / config.heads;
  return {
    arrays: { ...arrays, rows: length, keys: length, dim, scale: 1 / Math.sqrt(dim) },
    sample,
    grid: gridOf(config),
    order,
    sink,
    seed,
  };
}
