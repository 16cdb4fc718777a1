// One row that shows the reach of dense attention: L = 16,384 with every buffer together below 128 MiB, where one
// L x L score matrix of one head would take 1 GiB. Checked against float64 on rows spread over the sequence.
import { Random } from "../../src/base/random";
import type { Gpu } from "../../src/gpu/gpu";
import { attention } from "../../src/ops/attention";
import { scoped } from "../../src/tensor/scope";
import { upload } from "../../src/tensor/tensor";
import type { Row } from "./page/contestant";
import { relativeDifference, round4 } from "./page/timing";

const LENGTH = 16_384;
const DIM = 64;
const CHECKED_ROWS = 16;
const BINDING_LIMIT = 128 * 2 ** 20;

/** @throws Error when the memory or the numbers are not as promised. */
export async function longAttentionRow(gpu: Gpu, log: (line: string) => void): Promise<Row> {
  const [q, k, v] = [1, 2, 3].map((stream) => new Random(11, stream).normals(LENGTH * DIM));
  return scoped(gpu, async () => {
    const before = gpu.pool.stats().liveBytes;
    const tensors = [q, k, v].map((values) => upload(gpu, values, [1, LENGTH, DIM]));
    const { o } = attention(tensors[0], tensors[1], tensors[2]);
    const bytes = gpu.pool.stats().liveBytes - before;
    if (!(bytes < BINDING_LIMIT)) throw new Error(`attention at L=${LENGTH} holds ${bytes} bytes`);
    await gpu.queue.finish(); // compiles and tunes
    const started = performance.now();
    attention(tensors[0], tensors[1], tensors[2]);
    await gpu.queue.finish();
    const ms = performance.now() - started;
    const rows = Array.from({ length: CHECKED_ROWS }, (_, i) =>
      Math.floor(((i + 0.5) * LENGTH) / CHECKED_ROWS),
    );
    const values = await o.readFloats();
    const got = rows.flatMap((row) => [...values.subarray(row * DIM, (row + 1) * DIM)]);
    const difference = relativeDifference(
      rows.flatMap((row) => attentionRow(q, k, v, row)),
      got,
    );
    if (!(difference < 1e-5))
      throw new Error(`attention at L=${LENGTH} differs from float64 by ${difference}`);
    log(`attention L=${LENGTH}: ${round4(ms)} ms, ${bytes} bytes in all, difference ${difference}`);
    return {
      name: "attention",
      case: `L=${LENGTH} H=1 D=${DIM}, ${(bytes / 2 ** 20).toFixed(1)} MiB in all buffers`,
      ms: round4(ms),
      rate: round4((4 * LENGTH ** 2 * DIM) / ms / 1e6),
      unit: "GFLOP/s",
      peers: {},
      ratio: null,
      absent: {},
      difference,
    };
  });
}

/** Softmax attention of one query row in float64. */
function attentionRow(q: Float32Array, k: Float32Array, v: Float32Array, row: number): number[] {
  const scores = Array.from({ length: LENGTH }, (_, j) => {
    let sum = 0;
    for (let d = 0; d < DIM; d++) sum += q[row * DIM + d] * k[j * DIM + d];
    return sum / Math.sqrt(DIM);
  });
  const top = scores.reduce((a, b) => Math.max(a, b));
  const out = new Array<number>(DIM).fill(0);
  let total = 0;
  for (let j = 0; j < LENGTH; j++) {
    const weight = Math.exp(scores[j] - top);
    total += weight;
    for (let d = 0; d < DIM; d++) out[d] += weight * v[j * DIM + d];
  }
  return out.map((x) => x / total);
}
