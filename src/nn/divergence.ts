// Whether steps of a training went wrong: numbers that are not finite, or a loss that exploded. It reads what the device
// told of its steps and stops nothing itself.
import { TesseraError } from "../base/errors";
import type { StepMetrics } from "./trainer";

/** A loss this many times the median of those before it has exploded: noise of batches stays far below. */
const EXPLOSION = 1e4;
/** Losses that the median is taken of, and how many there must be for one. */
const WINDOW = 100;
const LEAST = 10;

/**
 * Passes when all steps are good; `before` are losses of the steps before them.
 * @throws TesseraError `diverged` with the first bad `step`, counted from 1, and the `tensor` in which it showed.
 */
export function expectGood(steps: readonly StepMetrics[], before: readonly number[]): void {
  const losses = before.slice(-WINDOW);
  for (const { step, loss, bad } of steps) {
    if (bad !== null)
      throw diverged(step, bad, `${bad === "loss" ? "the loss" : `the gradient of ${bad}`} was not finite`);
    const usual = losses.length < LEAST ? Number.POSITIVE_INFINITY : median(losses);
    if (loss > EXPLOSION * usual)
      throw diverged(
        step,
        "loss",
        `the loss was ${loss.toPrecision(3)}, after ${usual.toPrecision(3)} in the steps before`,
      );
    losses.push(loss);
    if (losses.length > WINDOW) losses.shift();
  }
}

const diverged = (step: number, tensor: string, what: string): TesseraError =>
  new TesseraError(
    "diverged",
    `Training stopped: at step ${step + 1} ${what}; lower the learning rate or the gradient norm limit.`,
    { step: step + 1, tensor },
  );

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
