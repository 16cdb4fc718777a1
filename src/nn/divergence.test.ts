// Bad steps are told by their number and tensor; noise of batches is no explosion.
import { expect, test } from "vitest";
import { expectGood } from "./divergence";
import type { StepMetrics } from "./trainer";

const step = (number: number, loss: number, bad: string | null = null): StepMetrics => ({
  step: number - 1,
  loss,
  gradientNorm: 1,
  learningRate: 1e-3,
  bad,
  skipped: false,
});
const steps = (losses: readonly number[]): StepMetrics[] => losses.map((loss, i) => step(i + 1, loss));

test("the first step that is not finite is told with its tensor", () => {
  const bad = [step(7, 1), step(8, Number.NaN, "blocks.0.mlp.in.weight"), step(9, Number.NaN, "loss")];
  expect(() => expectGood(bad, 1)).toThrow(
    "Training stopped: at step 8 the gradient of blocks.0.mlp.in.weight was not finite; lower",
  );
  expect(() => expectGood([step(3, Number.NaN, "loss")], 1)).toThrow("at step 3 the loss was not finite");
  expect(() => expectGood([step(1, Number.NaN, "loss")], 1)).toThrowError(
    expect.objectContaining({ code: "diverged", fields: { step: 1, tensor: "loss" } }),
  );
});

test("a loss a thousand times that of the beginning has exploded; noise on a small loss has not", () => {
  expect(() => expectGood(steps([1e-6, 2, 1e-6, 1900]), 2)).not.toThrow();
  expect(() => expectGood(steps([1, 1, 2001, 1e6]), 2)).toThrow(
    "at step 3 the loss was 2.00e+3, and 2.00 at the beginning; lower",
  );
});
