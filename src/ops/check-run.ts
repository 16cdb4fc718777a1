// How a check runs an op on the device and compares what comes back: poisoned and guarded buffers, leaks, stray errors.
import { TesseraError } from "../base/errors";
import type { Gpu } from "../gpu/gpu";
import { scoped } from "../tensor/scope";
import { type DType, decodeBits, type Tensor } from "../tensor/tensor";
import type { Bound, Op, RefArray, Sample } from "./op";

export interface CheckResult {
  passed: boolean;
  /** Largest |got - reference| over its allowance: at most 1 passes. NaN for message checks. */
  errorOverBound: number;
  message?: string;
}
/** The second half of a check: waits for the results and judges them. It never throws but for a lost device. */
export type Later = () => Promise<CheckResult>;

export interface Output {
  dtype: DType;
  values: ArrayLike<number>;
  guardIntact: boolean;
}

const GUARD_BYTE = 0x5a;

/**
 * Runs the first half of a check with poisoned, guarded buffers and an idle tuner. A stray GPU error or a leak fails
 * the check. Copies of results that `body` has started are on their way when this resolves, so its memory can go.
 */
export async function guarded(gpu: Gpu, body: () => Promise<Later>): Promise<Later> {
  const strayBefore = gpu.strayErrors.length;
  const liveBefore = gpu.pool.stats().liveBuffers;
  gpu.tuner.timesVariants = false;
  gpu.pool.poison = (allocation) => {
    const data = new Uint8Array(allocation.capacity).fill(GUARD_BYTE);
    gpu.queue.record({ kind: "write", target: allocation, offset: 0, data });
  };
  const attempt = async (work: () => Promise<CheckResult>): Promise<CheckResult> => {
    try {
      return await work();
    } catch (error) {
      return gaveUp(error);
    }
  };
  try {
    const later = await scoped(gpu, async () => {
      const judges = await body();
      await gpu.flush(); // ends after the copies of all reads that were asked for before it are submitted
      return judges;
    });
    const leaked = gpu.pool.stats().liveBuffers - liveBefore;
    if (leaked !== 0) return async () => failed(`${leaked} buffers leaked`);
    return async () => {
      const result = await attempt(later);
      const stray = gpu.strayErrors.slice(strayBefore);
      return stray.length > 0 ? failed(`stray GPU error: ${stray.join("; ")}`) : result;
    };
  } catch (error) {
    const result = gaveUp(error);
    return async () => result;
  } finally {
    gpu.pool.poison = undefined;
    gpu.tuner.timesVariants = true;
    gpu.tuner.forceNone();
  }
}

/** An error as a failed check, except for those that end the whole run. */
function gaveUp(error: unknown): CheckResult {
  if (error instanceof TesseraError && (error.code === "device-lost" || error.code === "cancelled"))
    throw error;
  return failed(error instanceof Error ? error.message : String(error));
}

/** Computes and submits; what it resolves to (in an object, to be awaited later) is the way of the results back. */
export async function start(
  gpu: Gpu,
  op: Op<unknown>,
  tensors: readonly Tensor[],
  sample: Sample<unknown>,
): Promise<{ outputs: Promise<Output[]> }> {
  const outputs = op(tensors, sample.attrs, gpu);
  await gpu.flush(); // the forced variant is asked for until here
  return { outputs: unhandled(Promise.all(outputs.map((output) => readGuarded(gpu, output)))) };
}

/** A promise that may fail before anybody looks at it. */
export function unhandled<V>(promise: Promise<V>): Promise<V> {
  promise.catch(() => {});
  return promise;
}

/** Values and guard band in one readback. */
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

export function judge(
  op: Op<unknown>,
  outputs: readonly Output[],
  expected: readonly RefArray[],
): CheckResult {
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

export const failed = (message: string): CheckResult => ({
  passed: false,
  errorOverBound: Number.POSITIVE_INFINITY,
  message,
});

export const maxAbs = (values: ArrayLike<number>): number => {
  let top = 0;
  for (let i = 0; i < values.length; i++) top = Math.max(top, Math.abs(values[i]));
  return top;
};

export function compare(
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
