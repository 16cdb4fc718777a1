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
import { prepareTraining } from "./tfjs-training";

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
  };
  const operands = item.inputs.map((values, i) => tf.tensor(values, shapes[item.op][i]));
  const [x, y, z] = operands;
  const apply = {
    matmul: () => tf.matMul(x, y),
    softmax: () => tf.softmax(x),
    layernorm: () => {
      const { mean, variance } = tf.moments(x, -1, true);
      return x.sub(mean).div(variance.add(1e-5).sqrt()).mul(y).add(z);
    },
    attention: () => tf.matMul(tf.softmax(tf.matMul(x, y, false, true).mul(1 / Math.sqrt(c))), z),
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
      return {
        async run() {
          // Reading one value is the public way to wait for the device.
          const out = tf.tidy(() => apply().flatten().slice(0, 1));
          await out.data();
          out.dispose();
        },
        async result() {
          const out = tf.tidy(apply);
          const values = (await out.data()) as Float32Array;
          out.dispose();
          return values;
        },
        dispose: () => tf.dispose(operands),
      };
    },
  };
}
