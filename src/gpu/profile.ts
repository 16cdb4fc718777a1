// Device-side times of dispatches by timestamp queries, where the adapter has them. Off unless somebody asks.
import type { Gpu } from "./gpu";

const CAPACITY = 1024; // dispatches; a query set holds at most 4096 timestamps
const QUERY_RESOLVE_COPY = 0x200 | 0x4; // QUERY_RESOLVE | COPY_SRC
const MAP_READ_COPY = 0x1 | 0x8;

export interface KernelTime {
  label: string;
  dispatches: number;
  ms: number;
}

/** Collects begin and end stamps of compute passes; the queue gives each dispatch a pass of its own meanwhile. */
export class Profiler {
  private readonly querySet: GPUQuerySet;
  private labels: string[] = [];

  constructor(private readonly device: GPUDevice) {
    this.querySet = device.createQuerySet({ type: "timestamp", count: CAPACITY * 2 });
  }

  /** Descriptor of the next pass, or undefined when the query set is full: later dispatches go unmeasured. */
  next(label: string): GPUComputePassDescriptor | undefined {
    const index = this.labels.length;
    if (index >= CAPACITY) return undefined;
    this.labels.push(label);
    return {
      timestampWrites: {
        querySet: this.querySet,
        beginningOfPassWriteIndex: index * 2,
        endOfPassWriteIndex: index * 2 + 1,
      },
    };
  }

  /** Reads all stamps and sums them by label. All work must be submitted. */
  async collect(): Promise<KernelTime[]> {
    const count = this.labels.length;
    const sums = new Map<string, KernelTime>();
    if (count > 0) {
      const stamps = await this.read(count);
      for (let i = 0; i < count; i++) {
        const label = this.labels[i];
        const entry = sums.get(label) ?? { label, dispatches: 0, ms: 0 };
        entry.dispatches++;
        entry.ms += Number(stamps[2 * i + 1] - stamps[2 * i]) / 1e6;
        sums.set(label, entry);
      }
    }
    this.querySet.destroy();
    return [...sums.values()];
  }

  private async read(count: number): Promise<BigUint64Array> {
    const bytes = count * 16;
    const resolved = this.device.createBuffer({
      size: bytes,
      usage: QUERY_RESOLVE_COPY,
      label: "timestamps",
    });
    const staging = this.device.createBuffer({ size: bytes, usage: MAP_READ_COPY, label: "timestamps" });
    const encoder = this.device.createCommandEncoder();
    encoder.resolveQuerySet(this.querySet, 0, count * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    resolved.destroy();
    return stamps;
  }
}

/**
 * Runs `record` and returns the time the device spent per dispatch label, in milliseconds, or undefined on adapters
 * without timestamps. Browsers round stamps to 0.1 ms: profile work of 10 ms and more.
 */
export async function profileWork(gpu: Gpu, record: () => void): Promise<KernelTime[] | undefined> {
  if (!gpu.has("timestamp-query")) return undefined;
  await gpu.queue.finish();
  const profiler = new Profiler(gpu.device);
  gpu.queue.profiler = profiler;
  try {
    record();
    await gpu.queue.finish();
    return await profiler.collect();
  } finally {
    gpu.queue.profiler = undefined;
  }
}
