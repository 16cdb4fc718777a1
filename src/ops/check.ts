// The one suite for all ops, as plain functions: tests in Node, the browser lanes and the "Check my GPU" page run it.
import { TesseraError } from "../base/errors";
import type { Gpu } from "../gpu/gpu";
import { scoped } from "../tensor/scope";
import { sizeOf } from "../tensor/shape";
import { type DType, type TensorSpec, upload } from "../tensor/tensor";
import { gradient } from "./check-gradient";
import { sampleInputs } from "./check-inputs";
import { type CheckResult, failed, guarded, judge, type Later, start } from "./check-run";
import type { Op, Sample } from "./op";

export interface CheckCase {
  op: string;
  /**
   * `forward` runs every kernel variant that the op offers for the sample, `tuned` the one that the tuner picks;
   * `variants` tells that each variant of the record is offered for some sample.
   */
  check: "forward" | "variants" | "tuned" | "gradient" | "reject";
  case: string;
  /**
   * Resolves when the device has all its work; what it resolves to waits for the results and judges them. Some browsers
   * take 100 ms for any result, so lanes start checks ahead.
   */
  start(gpu: Gpu): Promise<Later>;
}

/** Variants that only devices with a feature have. */
const NEEDS: Readonly<Record<string, GPUFeatureName>> = { quad: "subgroups" };

/** Every check that a device with these features owes. The list depends on nothing else, so lanes can be compared. */
export function checkCases(ops: readonly Op<unknown>[], features: { f16: boolean }): CheckCase[] {
  return ops.flatMap((op) => casesOf(op, features.f16));
}

function casesOf(op: Op<unknown>, f16: boolean): CheckCase[] {
  const cases: CheckCase[] = [];
  const add = (check: CheckCase["check"], name: string, start: CheckCase["start"]): void => {
    cases.push({ op: op.name, check, case: name, start });
  };
  const types: DType[] = op.bound.f16 && f16 ? ["f32", "f16"] : ["f32"];
  for (const sample of op.samples) {
    for (const type of types) {
      if (type === "f16" && sample.inputs.every((i) => i.dtype !== undefined)) continue;
      add("forward", `${sample.name} ${type}`, (gpu) => forward(gpu, op, sample, type));
    }
    if (typeof op.vjp === "function" && !sample.noGradient)
      add("gradient", sample.name, (gpu) => gradient(gpu, op, sample));
  }
  if (op.variants.length > 1) {
    const sample = largest(op.samples);
    add("variants", "all offered", (gpu) => offered(gpu, op));
    add("tuned", sample.name, (gpu) => tuned(gpu, op, sample));
  }
  for (const [index, reject] of op.rejects.entries())
    add("reject", `${index + 1}`, async () => async () => rejected(op, reject));
  return cases;
}

function largest<A>(samples: readonly Sample<A>[]): Sample<A> {
  const elements = (sample: Sample<A>): number => sample.inputs.reduce((sum, i) => sum + sizeOf(i.shape), 0);
  return samples.reduce((a, b) => (elements(b) > elements(a) ? b : a));
}

/** Every variant of the sample's main dispatch, one after the other on the same inputs, against the reference. */
function forward(gpu: Gpu, op: Op<unknown>, sample: Sample<unknown>, type: DType): Promise<Later> {
  const inputs = sampleInputs(sample, type);
  return guarded(gpu, async () => {
    const tensors = inputs.map(({ spec, ref }) => upload(gpu, ref.data, spec.shape, spec.dtype));
    gpu.tuner.offered.delete(op.name);
    const runs = [await start(gpu, op, tensors, sample)];
    const [first, ...others] = gpu.tuner.offered.get(op.name) ?? [""];
    for (const name of others) {
      gpu.tuner.force(op.name, name);
      runs.push(await start(gpu, op, tensors, sample));
    }
    return async () => {
      const expected = op.reference(
        inputs.map((i) => i.ref),
        sample.attrs,
      );
      let worst = 0;
      for (const [i, name] of [first, ...others].entries()) {
        const result = judge(op, await runs[i].outputs, expected);
        if (!result.passed) return { ...result, message: [name, result.message].filter(Boolean).join(": ") };
        worst = Math.max(worst, result.errorOverBound);
      }
      return { passed: true, errorOverBound: worst };
    };
  });
}

/** Which variants the samples were offered; one that none is offered would go unchecked. */
function offered(gpu: Gpu, op: Op<unknown>): Promise<Later> {
  return guarded(gpu, async () => {
    gpu.tuner.offered.delete(op.name);
    for (const sample of op.samples) {
      const inputs = sampleInputs(sample, "f32");
      await scoped(gpu, async () => {
        const tensors = inputs.map(({ spec, ref }) => upload(gpu, ref.data, spec.shape, spec.dtype));
        op(tensors, sample.attrs, gpu);
        await gpu.flush();
      });
    }
    const seen = gpu.tuner.offered.get(op.name) ?? new Set();
    const owed = op.variants.filter((name) => !(name in NEEDS) || gpu.has(NEEDS[name]));
    // Where one kernel is left there is nothing to choose, and the tuner is not asked.
    const missing = owed.length > 1 ? owed.filter((name) => !seen.has(name)) : [];
    return async () =>
      missing.length
        ? failed(`no sample is offered ${missing.join(", ")}`)
        : { passed: true, errorOverBound: Number.NaN };
  });
}

/** The sample with the tuner free to time and choose. */
function tuned(gpu: Gpu, op: Op<unknown>, sample: Sample<unknown>): Promise<Later> {
  const inputs = sampleInputs(sample, "f32");
  const refs = inputs.map((i) => i.ref);
  return guarded(gpu, async () => {
    gpu.tuner.timesVariants = true;
    const tensors = inputs.map(({ spec, ref }) => upload(gpu, ref.data, spec.shape, spec.dtype));
    const { outputs } = await start(gpu, op, tensors, sample);
    return async () => judge(op, await outputs, op.reference(refs, sample.attrs));
  });
}

function rejected(
  op: Op<unknown>,
  reject: { inputs: readonly TensorSpec[]; attrs: unknown; says: string },
): CheckResult {
  try {
    op.infer(reject.inputs, reject.attrs);
  } catch (error) {
    const message = error instanceof TesseraError ? error.message : `not a TesseraError: ${String(error)}`;
    return message === reject.says
      ? { passed: true, errorOverBound: Number.NaN }
      : failed(`said “${message}”, should say “${reject.says}”`);
  }
  return failed(`accepted; should say “${reject.says}”`);
}
