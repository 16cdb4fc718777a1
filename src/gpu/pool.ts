// Storage buffers with reuse and live counts. It allocates and recycles; who owns what is decided in tensor/.
import { assert, TesseraError } from "../base/errors";
import { formatBytes } from "../base/stats";

/**
 * One pooled buffer in use, or a window on one. `bytes` is what was asked (rounded up to 4), `capacity` what the whole
 * buffer holds.
 */
export interface Allocation {
  readonly buffer: GPUBuffer;
  /** First byte of a window; 0 for a whole buffer. */
  readonly offset: number;
  readonly bytes: number;
  readonly capacity: number;
  /** What a window looks at; the window is one of its owners. */
  readonly parent?: Allocation;
  references: number;
}

export interface PoolStats {
  liveBuffers: number;
  liveBytes: number;
  /** Live and free buffers together: what the device really holds. */
  allocatedBytes: number;
  /** Buffers that nobody owns but recordings still use. */
  pinnedBytes: number;
}

const STORAGE_COPY = 0x80 | 0x4 | 0x8; // STORAGE | COPY_SRC | COPY_DST
const GUARD_BYTES = 256;
/** Offset of a binding that every device allows. */
export const WINDOW_ALIGNMENT = 256;

export class BufferPool {
  private readonly free = new Map<number, GPUBuffer[]>();
  private pending: Promise<void>[] = [];
  /** Buffers whose allocation failed: never handed out again. */
  private readonly broken = new WeakSet<GPUBuffer>();
  /** Buffers that recordings use, with the number of recordings; they are not handed out again meanwhile. */
  private readonly pins = new Map<GPUBuffer, number>();
  private readonly live = new Set<GPUBuffer>();
  private pinnedBytes = 0;
  private liveBuffers = 0;
  private liveBytes = 0;
  private allocatedBytes = 0;
  /**
   * Checks set this to fill each handed-out buffer with a pattern. Every binding then also ends with a guard band,
   * and a kernel that reads what it never wrote, or writes past its tensor, is caught.
   */
  poison: ((allocation: Allocation) => void) | undefined;

  constructor(private readonly device: GPUDevice) {}

  stats(): PoolStats {
    const { liveBuffers, liveBytes, allocatedBytes, pinnedBytes } = this;
    return { liveBuffers, liveBytes, allocatedBytes, pinnedBytes };
  }

  /** Bytes of guard band behind the data of each binding. */
  get guardBytes(): number {
    return this.poison ? GUARD_BYTES : 0;
  }

  /** A buffer of at least `bytes`; its content is undefined. @throws TesseraError `buffer-too-large` beyond the limits. */
  acquire(bytes: number, label: string): Allocation {
    const asked = Math.max(16, Math.ceil(bytes / 4) * 4);
    const limit = Math.min(this.device.limits.maxStorageBufferBindingSize, this.device.limits.maxBufferSize);
    if (asked > limit) {
      throw new TesseraError(
        "buffer-too-large",
        `${label}: one tensor of ${formatBytes(asked)} was asked for, but this device binds at most ${formatBytes(limit)}. Use a smaller size or split it.`,
        { asked, limit, label },
      );
    }
    const capacity = Math.min(sizeClass(asked + this.guardBytes), Math.max(limit, asked + this.guardBytes));
    const buffer = this.free.get(capacity)?.pop() ?? this.create(capacity, label, asked);
    this.live.add(buffer);
    this.liveBuffers++;
    this.liveBytes += capacity;
    const allocation = { buffer, offset: 0, bytes: asked, capacity, references: 1 };
    this.poison?.(allocation);
    return allocation;
  }

  /** Bytes [offset, offset + bytes) of an allocation as one of its own; `offset` must be a multiple of 256. */
  window(allocation: Allocation, offset: number, bytes: number): Allocation {
    assert(
      offset % WINDOW_ALIGNMENT === 0,
      `a window starts at a multiple of ${WINDOW_ALIGNMENT} bytes, got ${offset}`,
    );
    const asked = Math.ceil(bytes / 4) * 4;
    assert(
      offset + asked <= allocation.bytes,
      `a window of ${asked} bytes at ${offset} is past the end, ${allocation.bytes}`,
    );
    const parent = this.retain(allocation.parent ?? allocation);
    const { buffer, capacity } = parent;
    return { buffer, offset: allocation.offset + offset, bytes: asked, capacity, parent, references: 1 };
  }

  /** Adds an owner. */
  retain(allocation: Allocation): Allocation {
    assert(allocation.references > 0, "a freed buffer was retained");
    allocation.references++;
    return allocation;
  }

  /** Drops an owner; the last one returns the buffer for reuse. Safe while recorded work still uses it: order is kept. */
  release(allocation: Allocation): void {
    assert(allocation.references > 0, "a buffer was freed twice");
    if (--allocation.references > 0) return;
    if (allocation.parent) {
      this.release(allocation.parent);
      return;
    }
    this.liveBuffers--;
    this.liveBytes -= allocation.capacity;
    this.live.delete(allocation.buffer);
    if (this.pins.has(allocation.buffer)) this.pinnedBytes += allocation.capacity;
    else this.recycle(allocation);
  }

  /** Keeps the buffers from being handed out, also those that are free now, until each pin is taken back. */
  pin(allocations: Iterable<Allocation>): void {
    for (const allocation of distinct(allocations)) {
      const { buffer, capacity } = allocation;
      const count = this.pins.get(buffer) ?? 0;
      this.pins.set(buffer, count + 1);
      if (count > 0 || this.live.has(buffer)) continue;
      const list = this.free.get(capacity);
      const at = list?.indexOf(buffer) ?? -1;
      assert(at >= 0, "a pinned buffer is neither live nor free");
      list?.splice(at, 1);
      this.pinnedBytes += capacity;
    }
  }

  /** Takes the pins of the same allocations back. */
  unpin(allocations: Iterable<Allocation>): void {
    for (const allocation of distinct(allocations)) {
      const count = this.pins.get(allocation.buffer) ?? 0;
      assert(count > 0, "a buffer was unpinned twice");
      if (count > 1) this.pins.set(allocation.buffer, count - 1);
      else {
        this.pins.delete(allocation.buffer);
        if (this.live.has(allocation.buffer)) continue;
        this.pinnedBytes -= allocation.capacity;
        this.recycle(allocation);
      }
    }
  }

  private recycle({ buffer, capacity }: Allocation): void {
    if (this.broken.has(buffer)) return;
    const list = this.free.get(capacity) ?? [];
    list.push(buffer);
    this.free.set(capacity, list);
  }

  /** Destroys all free buffers. Call only when no recorded work is outstanding. */
  trim(): void {
    for (const [capacity, buffers] of this.free) {
      for (const buffer of buffers) buffer.destroy();
      this.allocatedBytes -= capacity * buffers.length;
    }
    this.free.clear();
  }

  /** Waits until the device has confirmed every allocation. @throws TesseraError `out-of-memory`. */
  async confirm(): Promise<void> {
    const pending = this.pending;
    this.pending = [];
    await Promise.all(pending);
  }

  private create(capacity: number, label: string, asked: number): GPUBuffer {
    this.device.pushErrorScope("out-of-memory");
    const buffer = this.device.createBuffer({ size: capacity, usage: STORAGE_COPY, label });
    this.allocatedBytes += capacity;
    const check = this.device.popErrorScope().then((error) => {
      if (!error) return;
      this.allocatedBytes -= capacity;
      this.broken.add(buffer);
      throw new TesseraError(
        "out-of-memory",
        `${label}: the device has no room for another ${formatBytes(asked)}; Tessera holds ${formatBytes(this.allocatedBytes)} of it. Choose a smaller size, or close other tabs that use the GPU.`,
        { asked, allocated: this.allocatedBytes, label },
      );
    });
    check.catch(() => {});
    this.pending.push(check);
    return buffer;
  }
}

/** One allocation per buffer. */
function distinct(allocations: Iterable<Allocation>): Iterable<Allocation> {
  return new Map([...allocations].map((allocation) => [allocation.buffer, allocation])).values();
}

/** Rounds up to one of eight steps per power of two, so that near sizes share buffers and waste stays below 1/8. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.max(8, Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
