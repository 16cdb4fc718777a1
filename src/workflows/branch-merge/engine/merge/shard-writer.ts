// Writes one shard from its start to its end in large pieces, one piece while the next is filled. It knows no tensor.
import type { OutputFolder } from "../../../../formats/folder";
import type { Meter } from "./meter";

/** Small tensors are collected to pieces: every write is a call to another process in a browser. Bytes at the most. */
export const PIECE_BYTES = 8 << 20;

export class ShardWriter {
  private buffer: Uint8Array;
  private spare: Uint8Array;
  private filled = 0;
  private pending: Promise<void> = Promise.resolve();
  /** Bytes of the file whose writing has ended. */
  done: number;

  constructor(
    private readonly folder: OutputFolder,
    private readonly name: string,
    at: number,
    private readonly meter: Meter,
    pieceBytes: number,
  ) {
    this.done = at;
    this.buffer = new Uint8Array(pieceBytes);
    this.spare = new Uint8Array(pieceBytes);
  }

  async push(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const count = Math.min(this.buffer.length - this.filled, bytes.length - from);
      this.buffer.set(bytes.subarray(from, from + count), this.filled);
      this.filled += count;
      from += count;
      if (this.filled === this.buffer.length) await this.send();
    }
  }

  /** Resolves when all that was pushed is written. */
  async flush(): Promise<void> {
    if (this.filled > 0) await this.send();
    await this.meter.write.wait(this.pending);
  }

  private async send(): Promise<void> {
    await this.meter.write.wait(this.pending);
    const piece = this.buffer.subarray(0, this.filled);
    [this.buffer, this.spare] = [this.spare, this.buffer];
    this.filled = 0;
    const { done: at } = this;
    this.pending = this.folder.writeAt(this.name, at, piece).then(() => {
      this.done = at + piece.length;
      this.meter.write.bytes += piece.length;
    });
    this.pending.catch(() => {}); // told at the next push or flush
  }
}
