// TensorFlow.js (WebGPU back end) as a contestant. It has no fused attention: the composite is what a user writes.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops";
import "@tensorflow/tfjs-backend-webgpu";
import {
  type BenchCase,
  type Contestant,
  isKernel,
  type KernelOp,
  type TrainingOp,
} from "../page/contestant";
import { reorder } from "../page/layout";
import { prepareTraining, repeatable } from "./tfjs-training";

/** Its windows are [3, 3, in, out]; pictures have the channels last, as ours. */
function inputsOf({ op, inputs, dims: [, channels, out] }: BenchCase<KernelOp>): readonly Float32Array[] {
  return op === "conv" ? [inputs[0], reorder(inputs[1], [out, 3, 3, channels], [1, 2, 3, 0])] : inputs;
}

function build(item: BenchCase<KernelOp>): { operands: tf.Tensor[]; apply: () => tf.Tensor } {
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
      [3, 3, b, c],
    ],
  };
  const operands = inputsOf(item).map((values, i) => tf.tensor(values, shapes[item.op][i]));
  const [x, y, z] = operands;
  const apply = {
    matmul: () => tf.matMul(x, y),
    softmax: () => tf.softmax(x),
    layernorm: () => {
      const { mean, variance } = tf.moments(x, -1, true);
      return x.sub(mean).div(variance.add(1e-5).sqrt()).mul(y).add(z);
    },
    attention: () => tf.matMul(tf.softmax(tf.matMul(x, y, false, true).mul(1 / Math.sqrt(c))), z),
    conv: () => tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, "same"),
  }[item.op];
  return { operands, apply };
}

export async function contestant(): Promise<Contestant> {
  if (!(await tf.setBackend("webgpu"))) throw new Error("the webgpu back end did not start");
  await tf.ready();
  return {
    name: "TensorFlow.js",
    async prepare(item) {
      if (!isKernel(item)) return prepareTraining(item as BenchCase<TrainingOp>);
      const { operands, apply } = build(item);
      return repeatable(operands, apply);
    },
  };
}
