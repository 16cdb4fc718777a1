// A stretch of recorded work that is prepared once and replayed: pipelines, bind groups and uniforms are made at capture,
// so that a replay only encodes. It decides nothing about order or slices; the queue does.
import { assert } from "../base/errors";
import type { Compiled } from "./pipelines";
import type { Allocation, BufferPool } from "./pool";
import { MAX_UNIFORM_BYTES as UNIFORM_SLOT, writeUniforms } from "./reflect";
import type { Clear, Copy, Dispatch, Variant, Write } from "./work";

/** One dispatch, or one slice of a long one, with its kernel chosen. */
export interface ReadyDispatch {
  kind: "dispatch";
  item: Dispatch;
  variant: Variant;
  compiled: Compiled;
  first: number;
  count: number;
  /** Milliseconds this is expected to take; 0 when unknown. */
  ms: number;
}
export type Part = ReadyDispatch | Write | Copy | Clear;

interface Encoded {
  ms: number;
  /** Undefined for copies and clears, which run outside a compute pass. */
  pass?: (pass: GPUComputePassEncoder) => void;
  plain?: (encoder: GPUCommandEncoder) => void;
}

const MAX_DIMENSION = 65_535;
const COPY_BOTH = 0x4 | 0x8; // COPY_SRC | COPY_DST
const UNIFORM_COPY = 0x40 | 0x8; // UNIFORM | COPY_DST

/** Storage entries of a bind group, in the kernel's order; each binding ends `guard` bytes after its tensor. */
export function storageEntries(item: Dispatch, variant: Variant, guard: number): GPUBindGroupEntry[] {
  return variant.kernel.reflection.storage.map((s, i) => ({
    binding: s.binding,
    resource: {
      buffer: item.bindings[i].buffer,
      offset: item.bindings[i].offset,
      size: item.bindings[i].bytes + guard,
    },
  }));
}

/** Uniforms of a slice: what the variant gives, and the fields that the dispatcher fills. */
export function sliceUniforms(
  variant: Variant,
  first: number,
  count: number,
): Record<string, number | readonly number[]> {
  const filled: Record<string, number | readonly number[]> = { ...variant.uniforms };
  const fields = variant.kernel.reflection.uniform?.fields;
  if (fields?.has("first_group")) filled.first_group = first;
  if (fields?.has("groups")) filled.groups = first + count;
  return filled;
}

/** Workgroup counts in two dimensions for a flat count; lib/grid turns them back. */
export function gridOf(count: number): [number, number] {
  const rows = Math.ceil(count / MAX_DIMENSION);
  return [Math.ceil(count / rows), rows];
}

/** Made by `WorkQueue.capture`. Holds every buffer that it touches until it is disposed. */
export class Recording {
  /** Dispatches of one replay; slices of a long one count each. */
  readonly dispatches: number;
  /** Different pipelines among them. */
  readonly pipelines: number;
  /** Bytes that all dispatches of a replay bind: what they move when each reads or writes its tensors once. */
  readonly bytes: number;
  readonly parts: readonly Encoded[];
  /** Measured over expected time of a whole replay. */
  correction = 1;
  private readonly expectedMs: number;
  private readonly buffers: GPUBuffer[] = [];
  private readonly pinned: readonly Allocation[];
  private isDisposed = false;

  constructor(
    private readonly device: GPUDevice,
    private readonly pool: BufferPool,
    parts: readonly Part[],
  ) {
    const ready = parts.filter((part) => part.kind === "dispatch");
    this.dispatches = ready.length;
    this.pipelines = new Set(ready.map((part) => part.compiled)).size;
    this.bytes = ready.reduce((sum, { item, variant, count }) => {
      const bound = item.bindings.reduce((all, { bytes }) => all + bytes, 0);
      return sum + (bound * count) / variant.groups;
    }, 0);
    this.expectedMs = ready.reduce((sum, part) => sum + part.ms, 0);
    this.pinned = parts.flatMap(touched);
    pool.pin(this.pinned);
    const uniforms = this.uniformBuffer(ready);
    const constants = this.constantBuffer(parts.filter((part) => part.kind === "write"));
    let slot = 0;
    let constant = 0;
    this.parts = parts.map((part): Encoded => {
      if (part.kind === "dispatch") return this.dispatch(part, uniforms, slot++);
      if (part.kind === "copy") return { ms: 0, plain: (encoder) => encodeCopy(encoder, part) };
      if (part.kind === "clear") return { ms: 0, plain: (encoder) => encodeClear(encoder, part) };
      const from = constant;
      constant += padded(part.data.byteLength);
      const bytes = padded(part.data.byteLength);
      return {
        ms: 0,
        plain: (encoder) =>
          encoder.copyBufferToBuffer(
            constants,
            from,
            part.target.buffer,
            part.target.offset + part.offset,
            bytes,
          ),
      };
    });
  }

  /** Takes the measured time of a replay into account when the next one is cut into submits. */
  learn(ms: number): void {
    if (this.expectedMs > 0) this.correction = (this.correction + ms / this.expectedMs) / 2;
  }

  get disposed(): boolean {
    return this.isDisposed;
  }

  /** Gives the buffers back. Replays that are recorded but not flushed are a defect. */
  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    for (const buffer of this.buffers) buffer.destroy();
    this.pool.unpin(this.pinned);
  }

  private dispatch(part: ReadyDispatch, uniforms: GPUBuffer, slot: number): Encoded {
    const { item, variant, compiled, count, ms } = part;
    const entries = storageEntries(item, variant, this.pool.guardBytes);
    const { uniform } = variant.kernel.reflection;
    if (uniform)
      entries.push({
        binding: uniform.binding,
        resource: { buffer: uniforms, offset: slot * UNIFORM_SLOT, size: uniform.bytes },
      });
    const group = this.device.createBindGroup({ layout: compiled.layout, entries });
    const [x, y] = gridOf(count);
    return {
      ms,
      pass: (pass) => {
        pass.setPipeline(compiled.pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(x, y);
      },
    };
  }

  private uniformBuffer(ready: readonly ReadyDispatch[]): GPUBuffer {
    const bytes = new ArrayBuffer(Math.max(1, ready.length) * UNIFORM_SLOT);
    const view = new DataView(bytes);
    for (const [slot, { variant, first, count }] of ready.entries()) {
      const { uniform } = variant.kernel.reflection;
      if (uniform)
        writeUniforms(
          uniform,
          sliceUniforms(variant, first, count),
          view,
          slot * UNIFORM_SLOT,
          variant.kernel.file,
        );
    }
    return this.filled(new Uint8Array(bytes), UNIFORM_COPY, "recorded uniforms");
  }

  private constantBuffer(writes: readonly Write[]): GPUBuffer {
    const bytes = new Uint8Array(
      Math.max(
        4,
        writes.reduce((sum, w) => sum + padded(w.data.byteLength), 0),
      ),
    );
    let at = 0;
    for (const { data } of writes) {
      bytes.set(data, at);
      at += padded(data.byteLength);
    }
    return this.filled(bytes, COPY_BOTH, "recorded constants");
  }

  private filled(bytes: Uint8Array<ArrayBuffer>, usage: number, label: string): GPUBuffer {
    const buffer = this.device.createBuffer({ size: bytes.length, usage, label });
    this.device.queue.writeBuffer(buffer, 0, bytes);
    this.buffers.push(buffer);
    return buffer;
  }
}

const padded = (bytes: number): number => Math.ceil(bytes / 4) * 4;

export function encodeCopy(encoder: GPUCommandEncoder, item: Copy): void {
  const { source, sourceOffset, target, targetOffset, bytes } = item;
  const [from, to] = [source.offset + sourceOffset, target.offset + targetOffset];
  encoder.copyBufferToBuffer(source.buffer, from, target.buffer, to, bytes);
}

export function encodeClear(encoder: GPUCommandEncoder, { target }: Clear): void {
  encoder.clearBuffer(target.buffer, target.offset, target.bytes);
}

function touched(part: Part): readonly Allocation[] {
  if (part.kind === "dispatch") return part.item.bindings;
  if (part.kind === "copy") return [part.source, part.target];
  assert(
    part.kind === "write" || part.kind === "clear",
    "a recording holds dispatches, writes, copies and clears",
  );
  return [part.target];
}
