// Training with f16 storage: a copy of the weights in f16 that products and activations are computed from, refreshed before
// each step, while the f32 weights stay what the optimiser updates. It scales no loss; see trainer.ts and begin_update.wgsl.
// Source: Micikevicius et al., "Mixed Precision Training", 2018.
import { TesseraError } from "../base/errors";
import { cast } from "../ops/cast";
import { copyInto } from "../tensor/copy";
import { scopedSync } from "../tensor/scope";
import { empty, type Tensor, zeros } from "../tensor/tensor";
import { type Parameters, windowsOn } from "./parameters";

/** The same names and places with every tensor in f16. */
export interface HalfParameters extends Parameters {
  readonly master: Parameters;
}

/**
 * Makes room for the f16 copy of `master`; it belongs to the current scope and has no values before `refreshHalf`.
 * @throws TesseraError `no-f16` when the device cannot store f16.
 */
export function halfParameters(master: Parameters): HalfParameters {
  const { gpu } = master;
  if (!gpu.has("shader-f16"))
    throw new TesseraError(
      "no-f16",
      "Mixed precision needs a device with f16 storage (shader-f16), and this one has none: train in f32.",
    );
  return { ...windowsOn(master, empty(gpu, master.flat.shape, "f16", "f16 weights")), master };
}

/** Records the copy of the weights as they are now, rounded to nearest even. */
export function refreshHalf({ master, flat }: HalfParameters): void {
  scopedSync(flat.gpu, () => copyInto(cast(master.flat, "f16"), flat));
}

/** Room for f16 gradients side by side, in the places of the f32 ones. The gaps are zero. */
export const halfGradients = ({ gpu, flat }: HalfParameters): Tensor => zeros(gpu, flat.shape, "f16");

/** Records the conversion of f16 gradients in `places` order to f32, into the start of `target`. */
export function widenGradients(
  half: HalfParameters,
  room: Tensor,
  given: readonly Tensor[],
  target: Tensor,
): void {
  const isOdd = (size: number): boolean => size % 2 === 1; // copies move words of two
  scopedSync(room.gpu, () => {
    for (const [i, { start, size }] of half.places.entries())
      if (!isOdd(size)) copyInto(given[i], room, { at: start });
    copyInto(cast(room, "f32"), target);
    for (const [i, { start, size }] of half.places.entries())
      if (isOdd(size)) copyInto(cast(given[i], "f32"), target, { at: start });
  });
}
