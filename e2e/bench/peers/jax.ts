// jax-js as a contestant: jitted functions on its WebGPU device.
import { defaultDevice, init, jit, nn, numpy as np } from "@jax-js/jax";
import type { BenchCase, Contestant } from "../page/contestant";

type Jax = np.Array;

/** Its attention wants [length, heads, width]; the data is laid out so before timing starts. */
function lengthFirst(values: Float32Array, [heads, length, width]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  for (let h = 0; h < heads; h++) {
    for (let l = 0; l < length; l++) {
      out.set(
        values.subarray((h * length + l) * width, (h * length + l + 1) * width),
        (l * heads + h) * width,
      );
    }
  }
  return out;
}
function headFirst(values: Float32Array, [heads, length, width]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  for (let l = 0; l < length; l++) {
    for (let h = 0; h < heads; h++) {
      out.set(
        values.subarray((l * heads + h) * width, (l * heads + h + 1) * width),
        (h * length + l) * width,
      );
    }
  }
  return out;
}

function build(item: BenchCase): { operands: Jax[]; apply: (...operands: Jax[]) => Jax } {
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
  }
}

export async function contestant(): Promise<Contestant> {
  await init("webgpu");
  defaultDevice("webgpu");
  return {
    name: "jax-js",
    async prepare(item) {
      const { operands, apply } = build(item);
      const compute = async (): Promise<Jax> => apply(...operands.map((x) => x.ref)).blockUntilReady();
      return {
        run: async () => (await compute()).dispose(),
        async result() {
          const flat = (await (await compute()).data()) as Float32Array;
          return item.op === "attention" ? headFirst(flat, item.dims) : flat;
        },
        dispose() {
          for (const x of operands) x.dispose();
        },
      };
    },
  };
}
