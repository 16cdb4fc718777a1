// Our own engine as a contestant: the shipped ops, nothing special.
import type { Gpu } from "../../../src/gpu/gpu";
import { attention } from "../../../src/ops/attention";
import { conv2d } from "../../../src/ops/conv2d";
import { layerNorm } from "../../../src/ops/layer-norm";
import { matmul } from "../../../src/ops/matmul";
import { softmax } from "../../../src/ops/softmax";
import { scoped } from "../../../src/tensor/scope";
import { type Tensor, upload } from "../../../src/tensor/tensor";
import { type BenchCase, type Contestant, isKernel, type KernelOp, type TrainingOp } from "./contestant";
import { prepareTraining } from "./tessera-training";

function build(gpu: Gpu, item: BenchCase<KernelOp>): () => Tensor {
  const [a, b, c] = item.dims;
  const shapes: Record<KernelOp, number[][]> = {
    matmul: [
      [a, b],
      [b, c],
    ],
    softmax: [[a, b]],
    layernorm: [[a, b], [b], [b]],
    attention: [
      [a, b, c],
      [a, b, c],
      [a, b, c],
    ],
    conv: [
      [1, a, a, b],
      [c, 3, 3, b],
    ],
  };
  const operands = item.inputs.map((values, i) => upload(gpu, values, shapes[item.op][i]));
  const [x, y, z] = operands;
  const apply = {
    matmul: () => matmul(x, y),
    softmax: () => softmax(x),
    layernorm: () => layerNorm(x, y, z),
    attention: () => attention(x, y, z).o,
    conv: () => conv2d(x, y, { padding: 1 }),
  }[item.op];
  return apply;
}

export function tesseraContestant(gpu: Gpu): Contestant {
  return {
    name: "tessera",
    async prepare(item) {
      if (!isKernel(item)) return prepareTraining(gpu, item as BenchCase<TrainingOp>);
      const apply = build(gpu, item);
      return {
        run: () =>
          scoped(gpu, async () => {
            apply();
            await gpu.queue.finish();
          }),
        result: () => scoped(gpu, () => apply().readFloats()),
        dispose() {}, // the scope of the row frees them
      };
    },
  };
}
