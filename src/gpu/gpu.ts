// One open device with its pool, pipelines, queue, tuner and readbacks. The only object the layers above hold.
import { TesseraError } from "../base/errors";
import { type AdapterSummary, type OpenOptions, requestDevice } from "./gate";
import { PipelineCache } from "./pipelines";
import { type Allocation, BufferPool } from "./pool";
import { WorkQueue } from "./queue";
import { ReadbackRing } from "./readback";
import { Tuner, type TuneStore } from "./tune";
import type { FlushOptions } from "./work";

export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterSummary;
  readonly pool: BufferPool;
  readonly pipelines: PipelineCache;
  readonly queue: WorkQueue;
  readonly tuner: Tuner;
  /** Validation errors that no scope caught. Any entry is a defect; tests assert that it stays empty. */
  readonly strayErrors: readonly string[];
  /** Resolves to the reason when the device is lost. */
  readonly lost: Promise<TesseraError>;
  readonly isLost: boolean;
  has(feature: GPUFeatureName): boolean;
  /** Invocations that the device runs in lockstep, at most; undefined where the browser does not say. */
  readonly subgroupSize: number | undefined;
  flush(options?: FlushOptions): Promise<void>;
  /** Flushes, then copies bytes back. */
  read(source: Allocation, offset: number, bytes: number): Promise<ArrayBuffer>;
  /** Ends the device; everything pending rejects with `device-lost`. */
  close(): void;
}

export interface OpenGpuOptions extends OpenOptions {
  tuneStore?: TuneStore;
}

/** Devices that this page or process lost, other than by closing them. */
let losses = 0;

/** Opens a device and builds the engine around it. @throws TesseraError see `requestDevice`. */
export async function openGpu(source: GPU | undefined, options: OpenGpuOptions = {}): Promise<Gpu> {
  const { device, adapter } = await requestDevice(source, { afterLoss: losses > 0, ...options });
  const strayErrors: string[] = [];
  device.addEventListener("uncapturederror", (event) => {
    strayErrors.push((event as GPUUncapturedErrorEvent).error.message);
  });
  let isLost = false;
  const lost = device.lost.then((info) => {
    isLost = true;
    if (info.reason !== "destroyed") losses++;
    const why = info.reason === "destroyed" ? "it was closed" : info.message || "the driver gave no reason";
    return new TesseraError(
      "device-lost",
      `The GPU was lost (${why}). Results so far are kept; start again to use a new device.`,
      {
        reason: info.reason ?? "unknown",
      },
    );
  });
  // Whatever waits on the device must also end when the device does. Not Promise.race: it would keep a reaction on
  // `lost` for every call ever made.
  const waiting = new Set<(error: TesseraError) => void>();
  void lost.then((error) => {
    for (const reject of waiting) reject(error);
  });
  const guard = async <V>(work: Promise<V>): Promise<V> => {
    let entry: (error: TesseraError) => void = () => {};
    const ended = new Promise<never>((_, reject) => {
      entry = reject;
    });
    waiting.add(entry);
    // Once the device is lost nobody looks at `work`, and its failure must not count as one that nobody caught.
    work.catch(() => {});
    try {
      return await Promise.race([isLost ? lost.then((error) => Promise.reject(error)) : work, ended]);
    } finally {
      waiting.delete(entry);
    }
  };

  const pool = new BufferPool(device);
  const pipelines = new PipelineCache(device);
  const tuner = new Tuner(
    `${adapter.name}|${adapter.architecture}|${adapter.features.join(",")}`,
    options.tuneStore,
  );
  const queue = new WorkQueue(device, pool, pipelines, tuner, guard);
  const readback = new ReadbackRing(device);
  return {
    device,
    adapter,
    pool,
    pipelines,
    queue,
    tuner,
    strayErrors,
    lost,
    get isLost() {
      return isLost;
    },
    has: (feature) => device.features.has(feature),
    subgroupSize: device.adapterInfo?.subgroupMaxSize || undefined,
    flush: (flushOptions) => queue.flush(flushOptions),
    async read(allocation, offset, bytes) {
      await queue.flush();
      queue.counters.bytesRead += bytes;
      return guard(readback.read(allocation, offset, bytes));
    },
    close: () => device.destroy(),
  };
}
