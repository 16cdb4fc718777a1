// Records GPU work and submits it in slices of bounded time. It decides when work runs, never what it computes.
import { assert, TesseraError, throwIfCancelled } from "../base/errors";
import type { Compiled, PipelineCache } from "./pipelines";
import type { BufferPool } from "./pool";
import type { Profiler } from "./profile";
import {
  encodeClear,
  encodeCopy,
  gridOf,
  type Part,
  Recording,
  sliceUniforms,
  storageEntries,
} from "./recording";
import { MAX_UNIFORM_BYTES as UNIFORM_SLOT, writeUniforms } from "./reflect";
import type { Tuner } from "./tune";
import type { Clear, Copy, Dispatch, FlushOptions, QueueCounters, Recorded, Variant, Write } from "./work";

/** A dispatch's kernel, chosen and compiled. */
interface Resolved {
  variant: Variant;
  compiled: Compiled;
}

const UNIFORM_SLOTS = 256;
const UNIFORM_COPY = 0x40 | 0x8; // UNIFORM | COPY_DST
/** Assumed before anything was measured: slower than any adapter seen, so that the first slice is always short. */
const SLOWEST_MS_PER_OPERATION = 1 / 1e5;
/** Submits with fewer operations say more about overhead than about speed. */
const MEASURABLE_WORK = 1e6;

/**
 * Workgroups that any adapter runs at the same time: a software adapter has the CPU's cores, a GPU more of its own.
 * Slices hold a multiple of them: a single workgroup over a long row would leave every other core idle.
 */
const TOGETHER = Math.min(16, globalThis.navigator?.hardwareConcurrency ?? 2);
const wholeWaves = (groups: number): number => Math.max(1, Math.floor(groups / TOGETHER)) * TOGETHER;

export class WorkQueue {
  readonly counters: QueueCounters = { dispatches: 0, submits: 0, bytesWritten: 0, bytesRead: 0 };
  /** Longest planned submit. */
  sliceMs = 80;
  /** Set while somebody measures; see profile.ts. */
  profiler: Profiler | undefined;
  private recorded: Recorded[] = [];
  private tail: Promise<void> = Promise.resolve();
  private readonly rates = new Map<string, number>();
  private readonly uniformBuffer: GPUBuffer;
  private readonly uniformBytes = new ArrayBuffer(UNIFORM_SLOT * UNIFORM_SLOTS);
  private readonly uniformView = new DataView(this.uniformBytes);
  private slot = 0;
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  private plannedMs = 0;
  private plannedWork = 0;
  /** Milliseconds per operation over whole submits: the guess for kernels that were never timed alone. */
  private generalRate: number | undefined;
  private inFlight: Promise<number>[] = [];
  private lastDone = 0;

  constructor(
    private readonly device: GPUDevice,
    private readonly pool: BufferPool,
    private readonly pipelines: PipelineCache,
    private readonly tuner: Tuner,
    private readonly guard: <V>(work: Promise<V>) => Promise<V>,
  ) {
    this.uniformBuffer = device.createBuffer({
      size: UNIFORM_SLOT * UNIFORM_SLOTS,
      usage: UNIFORM_COPY,
      label: "uniforms",
    });
  }

  /** Adds work; nothing runs until `flush`. Recorded order is execution order. */
  record(item: Recorded): void {
    this.recorded.push(item);
  }

  /**
   * Compiles what is missing, tunes what is new, and submits all recorded work in slices. Resolves when the last
   * slice is submitted (not finished) unless a signal or progress callback is given, then when it is finished.
   * @throws TesseraError `cancelled` (the rest of the recorded work is dropped), `out-of-memory`, `shader`, `device-lost`.
   */
  flush(options: FlushOptions = {}): Promise<void> {
    return this.take((batch) => this.execute(batch, options));
  }

  /**
   * Compiles and tunes what is recorded and runs one workgroup of each dispatch, so that the same work can be timed
   * afterwards without the seconds that a driver spends at a first dispatch. What it writes is undefined.
   * @throws TesseraError as `flush`.
   */
  async prepare(options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.take(async (batch) => {
      await this.pool.confirm();
      for (const item of batch) {
        throwIfCancelled(options.signal);
        if (item.kind === "replay") await this.replay(item.recording, options);
        else if (item.kind !== "dispatch") this.transfer(item);
        else {
          const { variant, compiled } = await this.resolve(item);
          this.encode(compiled, item, variant, 0, Math.min(1, variant.groups));
        }
      }
      await this.submit();
    });
  }

  /**
   * Turns what is recorded into something that can be replayed; it is not run. Values written from the CPU become
   * constants of the recording, and its buffers stay reserved until it is disposed. Run the same work once before, so
   * that kernels are tuned on real data and their times are known.
   * @throws TesseraError as `flush`.
   */
  async capture(): Promise<Recording> {
    let made: Recording | undefined;
    await this.take(async (batch) => {
      await this.pool.confirm();
      const parts: Part[] = [];
      for (const item of batch) {
        assert(item.kind !== "replay", "a recording cannot hold another");
        if (item.kind !== "dispatch") parts.push(item);
        else parts.push(...this.slices(item, await this.resolve(item)));
      }
      made = new Recording(this.device, this.pool, parts);
    });
    return made!;
  }

  /** A dispatch cut into slices by what is known of its kernel's speed. */
  private slices(item: Dispatch, { variant, compiled }: Resolved): Part[] {
    const rate = this.rates.get(variant.kernel.key) ?? this.generalRate ?? 0;
    const total = item.work * rate;
    const sliceable = variant.kernel.reflection.uniform?.fields.has("first_group") ?? false;
    const most = Math.ceil(variant.groups / TOGETHER);
    const pieces = sliceable ? Math.min(most, Math.max(1, Math.ceil(total / this.sliceMs))) : 1;
    return Array.from({ length: pieces }, (_, i): Part => {
      const first = Math.floor((i * variant.groups) / pieces);
      const count = Math.floor(((i + 1) * variant.groups) / pieces) - first;
      return { kind: "dispatch", item, variant, compiled, first, count, ms: total / pieces };
    });
  }

  /** Hands what is recorded to `work` once everything before it is submitted. */
  private take(work: (batch: readonly Recorded[]) => Promise<void>): Promise<void> {
    const batch = this.recorded;
    this.recorded = [];
    const run = this.tail.then(() => this.guard(work(batch)));
    this.tail = run.catch(() => {});
    return run;
  }

  /** Flushes and waits for the device to finish. */
  async finish(options: FlushOptions = {}): Promise<void> {
    await this.flush(options);
    await this.guard(this.device.queue.onSubmittedWorkDone());
  }

  private async execute(batch: readonly Recorded[], options: FlushOptions): Promise<void> {
    await this.pool.confirm();
    const watched = options.signal !== undefined || options.progress !== undefined;
    const total = batch.reduce((sum, item) => sum + (item.kind === "dispatch" ? item.work : 0), 0) || 1;
    let done = 0;
    try {
      for (const item of batch) {
        throwIfCancelled(options.signal);
        if (item.kind === "replay") await this.replay(item.recording, options);
        else if (item.kind !== "dispatch") this.transfer(item);
        else {
          await this.dispatch(item, options, (share) =>
            options.progress?.((done + share * item.work) / total),
          );
          done += item.work;
        }
      }
      void this.submit();
      if (watched) {
        await Promise.all(this.inFlight);
        options.progress?.(1);
      }
    } catch (error) {
      void this.submit();
      throw error;
    }
  }

  private async dispatch(
    item: Dispatch,
    options: FlushOptions,
    progress: (share: number) => void,
  ): Promise<void> {
    const { variant, compiled } = await this.resolve(item);
    const perGroup = item.work / Math.max(1, variant.groups);
    const rateKey = variant.kernel.key;
    const layout = variant.kernel.reflection.uniform;
    const sliceable = layout?.fields.has("first_group") ?? false;
    const guess = Math.min(SLOWEST_MS_PER_OPERATION, (this.generalRate ?? SLOWEST_MS_PER_OPERATION) * 4);
    const planned = item.work * (this.rates.get(rateKey) ?? guess);
    if (planned <= this.sliceMs || !sliceable) {
      if (this.plannedMs + planned > this.sliceMs) await this.submitBounded();
      this.encode(compiled, item, variant, 0, variant.groups);
      this.plannedMs += planned;
      this.plannedWork += item.work;
      return;
    }
    await this.submitBounded();
    let first = 0;
    while (first < variant.groups) {
      throwIfCancelled(options.signal);
      const rate = this.rates.get(rateKey);
      const budget = rate === undefined ? this.sliceMs / 4 : this.sliceMs;
      const fit = Math.floor(budget / (perGroup * (rate ?? guess)));
      const count = Math.min(variant.groups - first, wholeWaves(fit));
      this.encode(compiled, item, variant, first, count);
      const learned = this.submit().then((ms) => this.learn(rateKey, ms / (count * perGroup)));
      learned.catch(() => {}); // a lost device is reported by whoever waits
      if (rate === undefined) await learned;
      else await this.bound();
      first += count;
      progress(first / variant.groups);
    }
  }

  /** The variant that will run, compiled. */
  private async resolve(item: Dispatch): Promise<Resolved> {
    const variant = item.variants.length === 1 ? item.variants[0] : await this.choose(item);
    const compiled = this.pipelines.peek(variant.kernel) ?? (await this.pipelines.get(variant.kernel));
    return { variant, compiled };
  }

  private learn(key: string, rate: number): void {
    const old = this.rates.get(key);
    this.rates.set(key, old === undefined ? rate : old * 0.5 + rate * 0.5);
  }

  private async choose(item: Dispatch): Promise<Variant> {
    return this.tuner.choose(item, async (variant, share) => {
      // Timed on the real operands: the output is overwritten by the winner afterwards.
      const compiled = await this.pipelines.get(variant.kernel);
      void this.submit();
      await this.device.queue.onSubmittedWorkDone();
      const wanted = Math.ceil(variant.groups * share);
      const groups = share === 0 ? 1 : Math.min(variant.groups, wholeWaves(wanted));
      const started = performance.now();
      this.encode(compiled, item, variant, 0, groups);
      void this.submit();
      await this.device.queue.onSubmittedWorkDone();
      return (performance.now() - started) * (variant.groups / groups);
    });
  }

  private encode(compiled: Compiled, item: Dispatch, variant: Variant, first: number, count: number): void {
    if (count === 0) return;
    if (this.slot === UNIFORM_SLOTS) void this.submit();
    const { reflection, file } = variant.kernel;
    if (item.bindings.length !== reflection.storage.length) {
      throw new TesseraError(
        "bindings",
        `${item.label}: the kernel has ${reflection.storage.length} storage bindings, ${item.bindings.length} were given: shaders/${file}`,
      );
    }
    const entries = storageEntries(item, variant, this.pool.guardBytes);
    if (reflection.uniform) {
      const at = this.slot * UNIFORM_SLOT;
      writeUniforms(reflection.uniform, sliceUniforms(variant, first, count), this.uniformView, at, file);
      const resource = { buffer: this.uniformBuffer, offset: at, size: reflection.uniform.bytes };
      entries.push({ binding: reflection.uniform.binding, resource });
      this.slot++;
    }
    if (this.profiler) this.endPass();
    const pass = this.openPass(item.label);
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, this.device.createBindGroup({ layout: compiled.layout, entries }));
    pass.dispatchWorkgroups(...gridOf(count));
    this.counters.dispatches++;
  }

  private openPass(label: string): GPUComputePassEncoder {
    this.encoder ??= this.device.createCommandEncoder();
    this.pass ??= this.encoder.beginComputePass(this.profiler?.next(label));
    return this.pass;
  }

  private async replay(recording: Recording, options: FlushOptions): Promise<void> {
    assert(!recording.disposed, "a disposed recording was replayed");
    const submits = [this.submit()];
    for (const part of recording.parts) {
      throwIfCancelled(options.signal);
      const planned = part.ms * recording.correction;
      if (this.plannedMs > 0 && this.plannedMs + planned > this.sliceMs) {
        submits.push(this.submit());
        await this.bound();
      }
      this.plannedMs += planned;
      if (part.pass) part.pass(this.openPass("replay"));
      else {
        this.endPass();
        this.encoder ??= this.device.createCommandEncoder();
        part.plain?.(this.encoder);
      }
    }
    this.counters.dispatches += recording.dispatches;
    submits.push(this.submit());
    void Promise.all(submits.slice(1))
      .then((times) => recording.learn(times.reduce((sum, ms) => sum + ms, 0)))
      .catch(() => {}); // a lost device is reported by whoever waits
    await this.bound();
  }

  private transfer(item: Write | Copy | Clear): void {
    if (item.kind === "write") {
      this.write(item);
      return;
    }
    this.endPass();
    this.encoder ??= this.device.createCommandEncoder();
    if (item.kind === "copy") encodeCopy(this.encoder, item);
    else encodeClear(this.encoder, item);
  }

  private write(item: Write): void {
    void this.submit(); // writeBuffer takes its place in the queue now, so earlier work must be there already
    const { target, offset, data } = item;
    this.device.queue.writeBuffer(target.buffer, target.offset + offset, data as Uint8Array<ArrayBuffer>);
    this.counters.bytesWritten += item.data.byteLength;
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = undefined;
  }

  /** Submits what is encoded; resolves to the milliseconds the device spent on it. */
  private submit(): Promise<number> {
    this.endPass();
    const work = this.plannedWork;
    this.plannedMs = 0;
    this.plannedWork = 0;
    if (!this.encoder) return Promise.resolve(0);
    if (this.slot)
      this.device.queue.writeBuffer(this.uniformBuffer, 0, this.uniformBytes, 0, this.slot * UNIFORM_SLOT);
    this.slot = 0;
    const submitted = performance.now();
    this.device.queue.submit([this.encoder.finish()]);
    this.encoder = undefined;
    this.counters.submits++;
    const done = this.device.queue.onSubmittedWorkDone().then(() => {
      const now = performance.now();
      const ms = now - Math.max(submitted, this.lastDone);
      this.lastDone = now;
      this.inFlight.splice(this.inFlight.indexOf(done), 1);
      if (work > MEASURABLE_WORK) this.generalRate = (ms / work + (this.generalRate ?? ms / work)) / 2;
      return ms;
    });
    done.catch(() => {}); // a lost device is reported by whoever waits
    this.inFlight.push(done);
    return done;
  }

  private async submitBounded(): Promise<void> {
    void this.submit();
    await this.bound();
  }

  /** At most two submits in flight: the page stays alive and a cancel takes effect soon. */
  private async bound(): Promise<void> {
    while (this.inFlight.length > 1) await this.inFlight[0];
  }
}
