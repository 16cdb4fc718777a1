// Initial weights by the names of the field, drawn on the CPU from the counter-based generator: the same seed and name
// give the same weights on every device.
import { Random } from "../base/random";
import { type Shape, sizeOf } from "../tensor/shape";

/** Where a tensor's first values come from. `fanIn` and `fanOut` count the connections of one unit. */
export type Init =
  | { kind: "zeros" }
  | { kind: "ones" }
  | { kind: "constant"; value: number }
  | { kind: "normal"; std: number }
  /** Normal, redrawn outside two standard deviations. */
  | { kind: "truncated-normal"; std: number }
  | { kind: "uniform"; bound: number }
  /** Uniform within 1/√fanIn: PyTorch's default for linear and convolution layers. */
  | { kind: "kaiming-uniform"; fanIn: number }
  /** Normal of standard deviation √(2 / fanIn), for ReLU-like activations (He et al. 2015). */
  | { kind: "kaiming-normal"; fanIn: number }
  /** Uniform within √(6 / (fanIn + fanOut)) (Glorot and Bengio 2010). */
  | { kind: "xavier-uniform"; fanIn: number; fanOut: number };

/** Values of one tensor. `stream` tells tensors of one seed apart. */
export function initialValues(
  init: Init,
  shape: Shape,
  seed: number,
  stream: number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(sizeOf(shape));
  const random = new Random(seed, stream);
  const draw = drawer(init, random);
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

function drawer(init: Init, random: Random): () => number {
  const within = (bound: number) => (): number => (2 * random.uniform() - 1) * bound;
  switch (init.kind) {
    case "zeros":
      return () => 0;
    case "ones":
      return () => 1;
    case "constant":
      return () => init.value;
    case "normal":
      return () => random.normal() * init.std;
    case "truncated-normal":
      return () => {
        let value = random.normal();
        while (Math.abs(value) > 2) value = random.normal();
        return value * init.std;
      };
    case "uniform":
      return within(init.bound);
    case "kaiming-uniform":
      return within(1 / Math.sqrt(init.fanIn));
    case "kaiming-normal":
      return () => random.normal() * Math.sqrt(2 / init.fanIn);
    case "xavier-uniform":
      return within(Math.sqrt(6 / (init.fanIn + init.fanOut)));
  }
}
