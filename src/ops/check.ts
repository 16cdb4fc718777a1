// The one suite for all ops, as plain functions: tests in Node, the browser lanes and the "Check my GPU" page run it.
import { TesseraError } from "../base/errors";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../base/half";
import { Random } from "../base/random";
import type { Gpu } from "../gpu/gpu";
import { scoped } from "../tensor/scope";
import { sizeOf } from "../tensor/shape";
import { type DType, decodeBits, type Tensor, type TensorSpec, upload } from "../tensor/tensor";
import { type Bound, type Op, type RefArray, type Sample, withObserver } from "./op";

export interface CheckCase {
  op: string;
  /**
   * `forward` runs every kernel variant that the op offers for the sample, `tuned` the one that the tuner picks;
   * `variants` tells that each variant of the record is offered for some sample.
   */
  check: "forward" | "variants" | "tuned" | "gradient" | "reject";
  case: string;
  run(gpu: Gpu): Promise<CheckResult>;
}
export interface CheckResult {
  passed: boolean;
  /** Largest |got - reference| over its allowance: at most 1 passes. NaN for message checks. */
  errorOverBound: number;
  message?: string;
}

const SEED = 20_260_101;
const GUARD_BYTE = 0x5a;
/** Variants that only devices with a feature have. */
const NEEDS: Readonly<Record<string, GPUFeatureName>> = { quad: "subgroups" };

/** Every check that a device with these features owes. The list depends on nothing else, so lanes can be compared. */
export function checkCases(ops: readonly Op<unknown>[], features: { f16: boolean }): CheckCase[] {
  return ops.flatMap((op) => casesOf(op, features.f16));
}

function casesOf(op: Op<unknown>, f16: boolean): CheckCase[] {
  const cases: CheckCase[] = [];
  const types: DType[] = op.bound.f16 && f16 ? ["f32", "f16"] : ["f32"];
  for (const sample of op.samples) {
    for (const type of types) {
      if (type === "f16" && sample.inputs.every((i) => i.dtype !== undefined)) continue;
      const run = (gpu: Gpu): Promise<CheckResult> => forward(gpu, op, sample, type);
      cases.push({ op: op.name, check: "forward", case: `${sample.name} ${type}`, run });
    }
    if (typeof op.vjp === "function" && !sample.noGradient) {
      cases.push({
        op: op.name,
        check: "gradient",
        case: sample.name,
        run: (gpu) => gradient(gpu, op, sample),
      });
    }
  }
  if (op.variants.length > 1) {
    cases.push({ op: op.name, check: "variants", case: "all offered", run: (gpu) => offered(gpu, op) });
    const sample = largest(op.samples);
    cases.push({ op: op.name, check: "tuned", case: sample.name, run: (gpu) => tuned(gpu, op, sample) });
  }
  for (const [index, reject] of op.rejects.entries()) {
    cases.push({ op: op.name, check: "reject", case: `${index + 1}`, run: async () => rejected(op, reject) });
  }
  return cases;
}

function largest<A>(samples: readonly Sample<A>[]): Sample<A> {
  const elements = (sample: Sample<A>): number => sample.inputs.reduce((sum, i) => sum + sizeOf(i.shape), 0);
  return samples.reduce((a, b) => (elements(b) > elements(a) ? b : a));
}

/** Float64 inputs of a sample, rounded to the element type so that the reference sees what the GPU sees. */
export function sampleInputs(sample: Sample<unknown>, type: DType): { spec: TensorSpec; ref: RefArray }[] {
  return sample.inputs.map((input, index) => {
    const random = new Random(SEED, index + 1);
    const dtype = input.dtype ?? type;
    const fill = input.fill ?? { kind: "normal" };
    const draw = (i: number): number => {
      switch (fill.kind) {
        case "normal":
          return random.normal() * (fill.scale ?? 1) + (fill.shift ?? 0);
        case "uniform":
          return fill.from + random.uniform() * (fill.to - fill.from);
        case "index":
          return random.below(fill.below);
        case "values":
          return fill.values[i % fill.values.length];
      }
    };
    const data = Float64Array.from({ length: sizeOf(input.shape) }, (_, i) => roundTo(draw(i), dtype));
    return { spec: { shape: input.shape, dtype }, ref: { shape: input.shape, data } };
  });
}

function roundTo(value: number, dtype: DType): number {
  if (dtype === "f16") return f16ToF32(f32ToF16(value));
  if (dtype === "bf16") return bf16ToF32(f32ToBf16(value));
  return dtype === "f32" ? Math.fround(value) : value;
}

/** Every variant of the sample's main dispatch, one after the other on the same inputs, against the reference. */
async function forward(
  gpu: Gpu,
  op: Op<unknown>,
  sample: Sample<unknown>,
  type: DType,
): Promise<CheckResult> {
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
    const expected = op.reference(
      inputs.map((i) => i.ref),
      sample.attrs,
    );
    const results = await Promise.all(runs.map((run) => run.outputs));
    let worst = 0;
    for (const [i, name] of [first, ...others].entries()) {
      const result = judge(op, results[i], expected);
      if (!result.passed) return { ...result, message: [name, result.message].filter(Boolean).join(": ") };
      worst = Math.max(worst, result.errorOverBound);
    }
    return { passed: true, errorOverBound: worst };
  });
}

/** Which variants the samples were offered; one that none is offered would go unchecked. */
async function offered(gpu: Gpu, op: Op<unknown>): Promise<CheckResult> {
  gpu.tuner.offered.delete(op.name);
  return guarded(gpu, async () => {
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
    return missing.length
      ? failed(`no sample is offered ${missing.join(", ")}`)
      : { passed: true, errorOverBound: Number.NaN };
  });
}

/** The sample with the tuner free to time and choose. */
async function tuned(gpu: Gpu, op: Op<unknown>, sample: Sample<unknown>): Promise<CheckResult> {
  const inputs = sampleInputs(sample, "f32");
  return guarded(gpu, async () => {
    gpu.tuner.timesVariants = true;
    const tensors = inputs.map(({ spec, ref }) => upload(gpu, ref.data, spec.shape, spec.dtype));
    const { outputs } = await start(gpu, op, tensors, sample);
    return judge(
      op,
      await outputs,
      op.reference(
        inputs.map((i) => i.ref),
        sample.attrs,
      ),
    );
  });
}

interface Output {
  dtype: DType;
  values: ArrayLike<number>;
  guardIntact: boolean;
}

/** Computes and submits; what it resolves to (in an object, to be awaited later) is the way of the results back. */
async function start(
  gpu: Gpu,
  op: Op<unknown>,
  tensors: readonly Tensor[],
  sample: Sample<unknown>,
): Promise<{ outputs: Promise<Output[]> }> {
  const outputs = op(tensors, sample.attrs, gpu);
  await gpu.flush(); // the forced variant is asked for until here
  return { outputs: Promise.all(outputs.map((output) => readGuarded(gpu, output))) };
}

function judge(op: Op<unknown>, outputs: readonly Output[], expected: readonly RefArray[]): CheckResult {
  if (outputs.length !== expected.length)
    return failed(`${outputs.length} outputs, the reference has ${expected.length}`);
  let worst: CheckResult = { passed: true, errorOverBound: 0 };
  for (const [i, { dtype, values, guardIntact }] of outputs.entries()) {
    const result = compare(values, expected[i].data, boundFor(op, dtype), `output ${i}`);
    if (!result.passed) return result;
    if (!guardIntact) return failed(`output ${i}: the kernel wrote past the end of the tensor`);
    if (result.errorOverBound > worst.errorOverBound) worst = result;
  }
  return worst;
}

function boundFor(op: Op<unknown>, dtype: DType): Bound {
  if (dtype === "f32") return op.bound.f32;
  if (dtype === "f16" && op.bound.f16) return op.bound.f16;
  return { rel: 0, scaled: 0, why: "integers, and bits that are moved or rounded by rule, are exact" };
}

/** Gradient of Σ w·f(x) for random w: the record's vjp on the GPU against central differences of the reference. */
async function gradient(gpu: Gpu, op: Op<unknown>, sample: Sample<unknown>): Promise<CheckResult> {
  const vjp = op.vjp;
  if (typeof vjp !== "function") return failed("the op has no gradient");
  const inputs = sampleInputs(sample, "f32");
  const refs = inputs.map((i) => i.ref);
  const base = op.reference(refs, sample.attrs);
  const outputSpecs = op.infer(
    inputs.map((i) => i.spec),
    sample.attrs,
  );
  const random = new Random(SEED, 99);
  const weights = base.map((out, i) =>
    outputSpecs[i].dtype === "f32"
      ? Float64Array.from(out.data, () => Math.fround(random.normal()))
      : undefined,
  );
  const loss = (at: RefArray[]): number =>
    op.reference(at, sample.attrs).reduce((sum, out, i) => {
      const w = weights[i];
      return w ? sum + out.data.reduce((s, v, k) => s + v * w[k], 0) : sum;
    }, 0);

  return guarded(gpu, async () => {
    const tensors = inputs.map(({ spec, ref }) => upload(gpu, ref.data, spec.shape, spec.dtype));
    const outputs = op(tensors, sample.attrs, gpu);
    const dys = weights.map((w, i) => (w ? upload(gpu, w, outputs[i].shape) : undefined));
    const gradients = withObserver(undefined, () =>
      vjp(dys, { inputs: tensors, outputs, attrs: sample.attrs }),
    );
    let worst = 0;
    const read = await Promise.all(gradients.map((g) => g?.readFloats()));
    for (const [i, got] of read.entries()) {
      if (!got) continue;
      if (got.length !== refs[i].data.length)
        return failed(
          `gradient of ${op.inputs[i]} has ${got.length} values, the input has ${refs[i].data.length}`,
        );
      const coordinates = pickCoordinates(got.length, random);
      const differences = coordinates.map((k) => centralDifference(loss, refs, i, k));
      const result = compare(
        coordinates.map((k) => got[k]),
        Float64Array.from(differences),
        op.bound.gradient ?? op.bound.f32,
        `gradient of ${op.inputs[i]}`,
        maxAbs(got),
      );
      if (!result.passed) return result;
      worst = Math.max(worst, result.errorOverBound);
    }
    return { passed: true, errorOverBound: worst };
  });
}

/** All coordinates of small inputs, 24 random ones of large inputs. */
function pickCoordinates(length: number, random: Random): number[] {
  if (length <= 48) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: 24 }, () => random.below(length));
}

function centralDifference(
  loss: (at: RefArray[]) => number,
  refs: readonly RefArray[],
  input: number,
  k: number,
): number {
  const at = (delta: number): number => {
    const data = refs[input].data.slice();
    data[k] += delta;
    return loss(refs.map((r, i) => (i === input ? { shape: r.shape, data } : r)));
  };
  // Fourth-order stencil: the truncation error falls below the rounding of float64.
  const h = 1e-3 * Math.max(1, Math.abs(refs[input].data[k]));
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
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

/** Runs a check with poisoned, guarded buffers and an idle tuner; a stray GPU error or a leak fails it. */
async function guarded(gpu: Gpu, body: () => Promise<CheckResult>): Promise<CheckResult> {
  const strayBefore = gpu.strayErrors.length;
  const liveBefore = gpu.pool.stats().liveBuffers;
  gpu.tuner.timesVariants = false;
  gpu.pool.poison = (allocation) => {
    const data = new Uint8Array(allocation.capacity).fill(GUARD_BYTE);
    gpu.queue.record({ kind: "write", target: allocation, offset: 0, data });
  };
  try {
    const result = await scoped(gpu, body);
    if (gpu.strayErrors.length > strayBefore)
      return failed(`stray GPU error: ${gpu.strayErrors.slice(strayBefore).join("; ")}`);
    const leaked = gpu.pool.stats().liveBuffers - liveBefore;
    if (leaked !== 0) return failed(`${leaked} buffers leaked`);
    return result;
  } catch (error) {
    if (error instanceof TesseraError && (error.code === "device-lost" || error.code === "cancelled"))
      throw error;
    return failed(error instanceof Error ? error.message : String(error));
  } finally {
    gpu.pool.poison = undefined;
    gpu.tuner.timesVariants = true;
    gpu.tuner.forceNone();
  }
}

/** Values and guard band in one readback: some browsers take 100 ms for each. */
async function readGuarded(gpu: Gpu, output: Tensor): Promise<Output> {
  const { allocation, bytes, dtype } = output;
  const raw = await gpu.read(allocation, 0, allocation.bytes + gpu.pool.guardBytes);
  // Odd f16 counts share their last word with the guard; kernels that write whole words may touch it.
  const guard = new Uint8Array(raw, Math.ceil(bytes / 4) * 4);
  return {
    dtype,
    values: decodeBits(raw.slice(0, bytes), dtype),
    guardIntact: guard.every((b) => b === GUARD_BYTE),
  };
}

const failed = (message: string): CheckResult => ({
  passed: false,
  errorOverBound: Number.POSITIVE_INFINITY,
  message,
});

const maxAbs = (values: ArrayLike<number>): number => {
  let top = 0;
  for (let i = 0; i < values.length; i++) top = Math.max(top, Math.abs(values[i]));
  return top;
};

function compare(
  got: ArrayLike<number>,
  expected: Float64Array,
  bound: Bound,
  what: string,
  scale = maxAbs(expected),
): CheckResult {
  if (got.length !== expected.length)
    return failed(`${what}: ${got.length} values, the reference has ${expected.length}`);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    if (got[i] === expected[i] || (Number.isNaN(got[i]) && Number.isNaN(expected[i]))) continue;
    const error = Math.abs(got[i] - expected[i]);
    const allowed = bound.rel * Math.abs(expected[i]) + bound.scaled * scale + (bound.abs ?? 0);
    const ratio = error / allowed;
    if (!(ratio <= 1)) {
      return failed(
        `${what}[${i}] is ${got[i]}, the reference says ${expected[i]}: ${ratio.toPrecision(3)} times the bound`,
      );
    }
    worst = Math.max(worst, ratio);
  }
  return { passed: true, errorOverBound: worst };
}
