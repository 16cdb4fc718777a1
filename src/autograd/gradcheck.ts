// Checks the gradient of a whole function on the device against central differences of the function itself.
import { TesseraError } from "../base/errors";
import { Random } from "../base/random";
import { scoped } from "../tensor/scope";
import { sizeOf } from "../tensor/shape";
import { type Tensor, upload } from "../tensor/tensor";
import { Tape } from "./tape";

type Gpu = Tensor["gpu"];

export interface GradcheckInput {
  shape: readonly number[];
  data: ArrayLike<number>;
}
export interface GradcheckOptions {
  /** Step of the differences, times max(1, |x|). */
  step?: number;
  /** Coordinates checked of each input; all when it has no more. */
  coordinates?: number;
  seed?: number;
}
export interface GradcheckResult {
  passed: boolean;
  /** Largest |gradient - difference| over its allowance. */
  errorOverBound: number;
  /** The worst coordinate, for a message. */
  worst: string;
}

/** Rounding of an f32 evaluation of the loss, in units of its size: a few ULP of a sum of random sign. */
const EVALUATION_ROUNDING = 1e-6;
/** Part of the largest gradient entry that the fourth-order stencil and the sweep may be off by. */
const RELATIVE = 2e-3;

/**
 * Compares tape gradients of the scalar f32 function `f` with fourth-order central differences at some coordinates of
 * each input. The allowance is the rounding of f divided by the step, plus 0.2 % of the largest entry.
 * @throws TesseraError `shape` when an input's data does not fit its shape or the loss is no scalar.
 */
export async function gradcheck(
  gpu: Gpu,
  f: (inputs: readonly Tensor[]) => Tensor,
  inputs: readonly GradcheckInput[],
  { step = 2e-2, coordinates = 12, seed = 1 }: GradcheckOptions = {},
): Promise<GradcheckResult> {
  for (const { shape, data } of inputs) {
    if (data.length !== sizeOf(shape))
      throw new TesseraError(
        "shape",
        `gradcheck: [${shape.join(", ")}] needs ${sizeOf(shape)} values, got ${data.length}`,
      );
  }
  const uploadAll = (values: readonly ArrayLike<number>[]): Tensor[] =>
    inputs.map(({ shape }, i) => upload(gpu, values[i], shape));
  const base = inputs.map((input) => Float64Array.from(input.data));
  const evaluate = (values: readonly ArrayLike<number>[]): Promise<number> =>
    scoped(gpu, async () => (await f(uploadAll(values)).readFloats())[0]);

  const size = Math.abs(await evaluate(base));
  const gradients = await scoped(gpu, async () => {
    const tensors = uploadAll(base);
    const tape = new Tape(gpu);
    const loss = tape.run(() => f(tensors), tensors);
    const swept = tape.backward(loss, tensors);
    const read: Float32Array[] = [];
    for (const gradient of swept) read.push(await gradient.readFloats());
    return read;
  });

  const random = new Random(seed, 0);
  let result: GradcheckResult = { passed: true, errorOverBound: 0, worst: "nothing was compared" };
  for (const [i, gradient] of gradients.entries()) {
    const top = gradient.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const count = Math.min(coordinates, gradient.length);
    for (let c = 0; c < count; c++) {
      const k = gradient.length <= coordinates ? c : random.below(gradient.length);
      const h = step * Math.max(1, Math.abs(base[i][k]));
      const at = (delta: number): Promise<number> =>
        evaluate(base.map((values, j) => (j === i ? values.with(k, values[k] + delta) : values)));
      const difference =
        (8 * ((await at(h)) - (await at(-h))) - ((await at(2 * h)) - (await at(-2 * h)))) / (12 * h);
      const allowed = RELATIVE * top + (1.5 * EVALUATION_ROUNDING * size) / h;
      const ratio = Math.abs(gradient[k] - difference) / allowed;
      if (!(ratio <= result.errorOverBound)) {
        const worst = `input ${i}, element ${k}: gradient ${gradient[k]}, difference ${difference}, allowed ${allowed}`;
        result = { passed: result.passed && ratio <= 1, errorOverBound: ratio, worst };
      }
    }
  }
  return result;
}
