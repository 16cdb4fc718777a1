// The gradient check: an op's vjp on the device against central differences of its float64 reference.
import { Random } from "../base/random";
import type { Gpu } from "../gpu/gpu";
import { upload } from "../tensor/tensor";
import { CHECK_SEED, sampleInputs } from "./check-inputs";
import { type CheckResult, compare, failed, guarded, type Later, maxAbs, unhandled } from "./check-run";
import { type Op, type RefArray, type Sample, withObserver } from "./op";

/** Gradient of Σ w·f(x) for random w: the record's vjp on the GPU against central differences of the reference. */
export async function gradient(gpu: Gpu, op: Op<unknown>, sample: Sample<unknown>): Promise<Later> {
  const vjp = op.vjp;
  if (typeof vjp !== "function") return async () => failed("the op has no gradient");
  const inputs = sampleInputs(sample, "f32");
  const refs = inputs.map((i) => i.ref);
  const base = op.reference(refs, sample.attrs);
  const outputSpecs = op.infer(
    inputs.map((i) => i.spec),
    sample.attrs,
  );
  const random = new Random(CHECK_SEED, 99);
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
    const reads = unhandled(Promise.all(gradients.map((g) => g?.readFloats())));
    return async () => judge(await reads);
  });

  function judge(read: readonly (Float32Array | undefined)[]): CheckResult {
    let worst = 0;
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
  }
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
