// The engine: bytes to tensor, tensor to kernel, kernel to counts. It knows neither the page nor Node.
import histogramText from "../../../../shaders/hello/histogram.wgsl?raw";
import { TesseraError } from "../../../base/errors";
import { Random } from "../../../base/random";
import type { TaskContext } from "../../../base/task";
import type { ByteSource } from "../../../formats/source";
import { describeAdapter } from "../../../gpu/gate";
import type { Gpu } from "../../../gpu/gpu";
import { kernel } from "../../../gpu/pipelines";
import { scoped } from "../../../tensor/scope";
import { upload, zeros } from "../../../tensor/tensor";
import type { Histogram } from "../protocol";

const source = { file: "hello/histogram.wgsl", text: histogramText };
const LANES = 64;

/** Counts `values` in `bins` equal bins from the smallest to the largest. @throws TesseraError `hello-values`. */
export async function histogram(
  gpu: Gpu,
  values: Float32Array,
  bins: number,
  context: TaskContext,
): Promise<Histogram> {
  const { low, high } = rangeOf(values);
  const scale = Math.fround(high > low ? bins / (high - low) : 0);

  await context.gate();
  context.report({ done: 0, total: 2, what: "Counting on the GPU" });
  const started = performance.now();
  const counts = await scoped(gpu, async () => {
    const x = upload(gpu, values, [values.length]);
    const out = zeros(gpu, [bins], "u32");
    gpu.queue.record({
      kind: "dispatch",
      label: "hello-histogram",
      variants: [
        {
          name: "atomic",
          kernel: kernel(source),
          groups: Math.ceil(values.length / LANES),
          uniforms: { n: values.length, bins, low, scale },
        },
      ],
      bindings: [x.allocation, out.allocation],
      work: values.length * 8,
      shapeClass: "",
    });
    await gpu.flush({ signal: context.signal });
    return (await out.read()) as Uint32Array;
  });
  const gpuMs = performance.now() - started;

  await context.gate();
  context.report({ done: 1, total: 2, what: "Counting on the CPU, to compare" });
  const again = performance.now();
  const reference = countOnCpu(values, bins, low, scale);
  const cpuMs = performance.now() - again;
  const differingBins = counts.filter((count, bin) => count !== reference[bin]).length;
  const { name, software } = gpu.adapter;
  return {
    counts,
    values: values.length,
    low,
    high,
    differingBins,
    adapter: { name, description: describeAdapter(gpu.adapter), software },
    timings: { gpuMs, cpuMs },
  };
}

/** The same sums in the plainest form; f32 steps as the kernel takes them. */
export function countOnCpu(values: Float32Array, bins: number, low: number, scale: number): Uint32Array {
  const counts = new Uint32Array(bins);
  for (const value of values) {
    const at = Math.fround(Math.fround(value - low) * scale);
    counts[Math.min(Math.floor(Math.max(at, 0)), bins - 1)]++;
  }
  return counts;
}

/** Reads raw little-endian f32 values. @throws TesseraError `hello-values` when the size does not fit. */
export async function readValues(file: ByteSource): Promise<Float32Array> {
  if (file.size === 0 || file.size % 4 !== 0) {
    throw new TesseraError(
      "hello-values",
      `Raw f32 values take 4 bytes each, got ${file.size} bytes: ${file.name}`,
      { bytes: file.size },
    );
  }
  return new Float32Array((await file.read(0, file.size)).buffer);
}

/** Standard normal values, the same on every machine. Synthetic. */
export function exampleValues(count = 100_000): Float32Array {
  const random = new Random(1, 1);
  return Float32Array.from({ length: count }, () => random.normal());
}

function rangeOf(values: Float32Array): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const [i, value] of values.entries()) {
    if (!Number.isFinite(value)) {
      throw new TesseraError("hello-values", `Value ${i} is ${value}; a histogram needs finite values.`, {
        index: i,
      });
    }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}
