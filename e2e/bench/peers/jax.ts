// jax-js as a contestant: jitted functions on its WebGPU device.
import { defaultDevice, init, jit, lax, nn, numpy as np } from "@jax-js/jax";
import {
  type BenchCase,
  type Contestant,
  isKernel,
  type KernelOp,
  type TrainingOp,
} from "../page/contestant";
import { channelsLast, channelsSecond, headFirst, lengthFirst } from "../page/layout";

import { prepareTraining } from "./jax-training";

type Jax = np.Array;

function build(item: BenchCase<KernelOp>): { operands: Jax[]; apply: (...operands: Jax[]) => Jax } {
  const [a, b, c] = item.dims;
  switch (item.op) {
    case "matmul":
      return {
        operands: [np.array(item.inputs[0]).reshape([a, b]), np.array(item.inputs[1]).reshape([b, c])],
        apply: jit((x: Jax, y: Jax) => np.matmul(x, y)),
      };
    case "softmax":
      return { operands: [np.array(item.inputs[0]).reshape([a, b])], apply: jit((x: Jax) => nn.softmax(x)) };
    case "layernorm":
      return {
        operands: [
          np.array(item.inputs[0]).reshape([a, b]),
          np.array(item.inputs[1]),
          np.array(item.inputs[2]),
        ],
        apply: jit((x: Jax, weight: Jax, bias: Jax) => nn.standardize(x).mul(weight).add(bias)),
      };
    case "attention":
      return {
        operands: item.inputs.map((v) => np.array(lengthFirst(v, item.dims)).reshape([b, a, c])),
        apply: jit((q: Jax, k: Jax, v: Jax) => nn.dotProductAttention(q, k, v)),
      };
    case "conv":
      return {
        operands: [
          np.array(channelsSecond(item.inputs[0], [1, a, a, b])).reshape([1, b, a, a]),
          np.array(channelsSecond(item.inputs[1], [c, 3, 3, b])).reshape([c, b, 3, 3]),
        ],
        apply: jit((x: Jax, weight: Jax) => lax.conv(x, weight, [1, 1], "SAME")),
      };
  }
}

export async function contestant(): Promise<Contestant> {
  await init("webgpu");
  defaultDevice("webgpu");
  return {
    name: "jax-js",
    async prepare(item) {
      if (!isKernel(item)) return prepareTraining(item as BenchCase<TrainingOp>);
      const { operands, apply } = build(item);
      const compute = async (): Promise<Jax> => apply(...operands.map((x) => x.ref)).blockUntilReady();
      return {
        run: async () => (await compute()).dispose(),
        async result() {
          const flat = (await (await compute()).data()) as Float32Array;
          const [a, , c] = item.dims;
          if (item.op === "conv") return channelsLast(flat, [1, a, a, c]);
          return item.op === "attention" ? headFirst(flat, item.dims) : flat;
        },
        dispose() {
          for (const x of operands) x.dispose();
        },
      };
    },
  };
}
