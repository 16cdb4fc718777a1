// Seeded inputs of an op's samples, for checks and timings.
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../base/half";
import { Random } from "../base/random";
import { sizeOf } from "../tensor/shape";
import type { DType, TensorSpec } from "../tensor/tensor";
import type { RefArray, Sample } from "./op";

export const CHECK_SEED = 20_260_101;

/** Float64 inputs of a sample, rounded to the element type so that the reference sees what the GPU sees. */
export function sampleInputs(sample: Sample<unknown>, type: DType): { spec: TensorSpec; ref: RefArray }[] {
  return sample.inputs.map((input, index) => {
    const random = new Random(CHECK_SEED, index + 1);
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
