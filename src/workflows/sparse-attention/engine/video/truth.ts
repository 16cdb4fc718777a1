// What a sparse step missed: the same q, k and v through dense attention, the best mask of the same budget, the drift of
// the log-sum-exp, the error of the output. It costs more than the step and changes nothing in it.
import { type AttentionResult, attention } from "../../../../ops/attention";
import { sub } from "../../../../ops/binary";
import { mean, sum } from "../../../../ops/reduce";
import { exp, square } from "../../../../ops/unary";
import { scoped } from "../../../../tensor/scope";
import type { Tensor } from "../../../../tensor/tensor";
import type { LayerReport } from "../../protocol-video";
import { blockMass, readLists, selectBlocks } from "../kernels";
import { type Geometry, recallsOf } from "./geometry";
import type { HeadTensors } from "./layers";
import { type Mask, overlap, readMask } from "./masks";

/** Compares a sparse pass with dense attention of the same q, k and v [B, H, L, D]; `cached` is the LSE in use. */
export function diagnose(
  { q, k, v }: HeadTensors,
  sparse: AttentionResult,
  cached: Tensor,
  mask: Mask,
  geometry: Geometry,
): Promise<NonNullable<LayerReport["truth"]>> {
  return scoped(q.gpu, async () => {
    const dense = attention(q, k, v);
    const best = selectBlocks(
      blockMass(q, k, dense.lse, { block: geometry.side }),
      mask.plan,
      geometry.sink.keyFrom,
    );
    const recall = mean(exp(sub(sparse.lse, dense.lse)), { axes: [-1] });
    const drift = sub(dense.lse, cached);
    const [driftMean] = await mean(drift).readFloats();
    const [driftSquare] = await mean(square(drift)).readFloats();
    const [error] = await sum(square(sub(sparse.o, dense.o))).readFloats();
    const [norm] = await sum(square(dense.o)).readFloats();
    return {
      recall: Array.from(await recall.readFloats()),
      bestRecall: recallsOf(geometry, await best.kept.readFloats()),
      overlap: overlap(await readMask(mask), await readLists(mask.plan, best.list)),
      driftMean,
      driftDeviation: Math.sqrt(Math.max(0, driftSquare - driftMean ** 2)),
      outputError: Math.sqrt(error / Math.max(norm, 1e-30)),
    };
  });
}
