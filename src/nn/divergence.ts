// Whether steps of a training went wrong: numbers that are not finite, or a loss that exploded. It reads what the device
// told of its steps and stops nothing itself.
import { TesseraError } from "../base/errors";
import type { StepMetrics } from "./trainer";

/** A loss this many times that of an untrained model has exploded. Against later losses, noise could look like it. */
const EXPLOSION = 1000;

/**
 * Passes when all steps are good. `untrained` is a loss from the beginning of the run, by which an explosion is told.
 * @throws TesseraError `diverged` with the first bad `step`, counted from 1, and the `tensor` in which it showed.
 */
export function expectGood(steps: readonly StepMetrics[], untrained: number): void {
  for (const { step, loss, bad } of steps) {
    if (bad !== null)
      throw diverged(step, bad, `${bad === "loss" ? "the loss" : `the gradient of ${bad}`} was not finite`);
    if (loss > EXPLOSION * untrained)
      throw diverged(
        step,
        "loss",
        `the loss was ${loss.toPrecision(3)}, and ${untrained.toPrecision(3)} at the beginning`,
      );
  }
}

const diverged = (step: number, tensor: string, what: string): TesseraError =>
  new TesseraError(
    "diverged",
    `Training stopped: at step ${step + 1} ${what}; lower the learning rate or the gradient norm limit.`,
    { step: step + 1, tensor },
  );
