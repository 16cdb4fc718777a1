// Brings bytes back from the device through a small ring of mappable buffers. It never waits inside a loop of work.
import { TesseraError } from "../base/errors";
import type { Allocation } from "./pool";

const MAP_READ_COPY = 0x1 | 0x8; // MAP_READ | COPY_DST
const MAP_MODE_READ = 1;
const CHUNK = 32 << 20;
const RING = 4;

export class ReadbackRing {
  private readonly idle: { buffer: GPUBuffer; size: number }[] = [];

  constructor(private readonly device: GPUDevice) {}

  /** Copies bytes [offset, offset + bytes) of an allocation. All recorded work must be submitted already. */
  async read(source: Allocation, offset: number, bytes: number): Promise<ArrayBuffer> {
    const out = new Uint8Array(bytes);
    const chunks: Promise<void>[] = [];
    for (let at = 0; at < bytes; at += CHUNK) {
      chunks.push(this.chunk(source, offset + at, Math.min(CHUNK, bytes - at), out.subarray(at)));
      if (chunks.length >= RING) await chunks.shift();
    }
    await Promise.all(chunks);
    return out.buffer;
  }

  private async chunk(source: Allocation, offset: number, bytes: number, out: Uint8Array): Promise<void> {
    const size = Math.max(256, 2 ** Math.ceil(Math.log2(bytes)));
    const at = this.idle.findIndex((entry) => entry.size === size);
    const entry =
      at >= 0
        ? this.idle.splice(at, 1)[0]
        : { buffer: this.device.createBuffer({ size, usage: MAP_READ_COPY, label: "readback" }), size };
    const encoder = this.device.createCommandEncoder();
    const padded = Math.ceil(bytes / 4) * 4;
    encoder.copyBufferToBuffer(source.buffer, source.offset + offset, entry.buffer, 0, padded);
    this.device.queue.submit([encoder.finish()]);
    try {
      await entry.buffer.mapAsync(MAP_MODE_READ, 0, padded);
    } catch (error) {
      throw new TesseraError("readback", `The device gave no result back: ${(error as Error).message}.`);
    }
    out.set(new Uint8Array(entry.buffer.getMappedRange(0, padded), 0, bytes));
    entry.buffer.unmap();
    if (this.idle.length < RING) this.idle.push(entry);
    else entry.buffer.destroy();
  }
}
