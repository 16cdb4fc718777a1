// Bad steps are told by their number and tensor; noise is no explosion.
import { expect, test } from "vitest";
import { expectGood } from "./divergence";
import type { StepMetrics } from "./trainer";

const step = (number: number, loss: number, bad: string | null = null): StepMetrics => ({
  step: number - 1,
  loss,
  gradientNorm: 1,
  learningRate: 1e-3,
  bad,
});
const steps = (losses: readonly number[]): StepMetrics[] => losses.map((loss, i) => step(i + 1, loss));

test("the first step that is not finite is told with its tensor", () => {
  const bad = [step(7, 1), step(8, Number.NaN, "blocks.0.mlp.in.weight"), step(9, Number.NaN, "loss")];
  expect(() => expectGood(bad, [])).toThrow(
    "Training stopped: at step 8 the gradient of blocks.0.mlp.in.weight was not finite; lower",
  );
  expect(() => expectGood([step(3, Number.NaN, "loss")], [])).toThrow("at step 3 the loss was not finite");
  expect(() => expectGood([step(1, Number.NaN, "loss")], [])).toThrowError(
    expect.objectContaining({ code: "diverged", fields: { step: 1, tensor: "loss" } }),
  );
});

test("a loss of ten thousand times the usual one has exploded; a hundred times, or at the start, it has not", () => {
  const usual = Array.from({ length: 30 }, (_, i) => 1 + 0.5 * Math.sin(i));
  expect(() => expectGood(steps([...usual, 100, 0.01, ...usual]), [])).not.toThrow();
  expect(() => expectGood(steps([1e6, 1, 1e6]), [])).not.toThrow();
  expect(() => expectGood([step(31, 2e4)], usual)).toThrow(
    /at step 31 the loss was 2\.00e\+4, after \d\.\d\d in the steps before/,
  );
  expect(() => expectGood(steps([...usual, 2e4]), [])).toThrow("at step 31");
});
