// Where the time of a merge goes: reading, computing, writing; and how much is in flight. It prints nothing.
import type { StageRates } from "../../protocol";

/** A span in which at least one of several overlapping operations runs. */
class Span {
  bytes = 0;
  ms = 0;
  waitMs = 0;
  private active = 0;
  private since = 0;

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.active++ === 0) this.since = performance.now();
    try {
      return await work();
    } finally {
      if (--this.active === 0) this.ms += performance.now() - this.since;
    }
  }

  async wait<T>(promise: Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await promise;
    } finally {
      this.waitMs += performance.now() - started;
    }
  }
}

export class Meter {
  readonly read = new Span();
  readonly write = new Span();
  private readonly started = performance.now();

  rates(): StageRates {
    const totalMs = performance.now() - this.started;
    const [waitReadMs, waitWriteMs] = [this.read.waitMs, this.write.waitMs];
    const computeMs = Math.max(0, totalMs - waitReadMs - waitWriteMs);
    const longest = Math.max(waitReadMs, waitWriteMs, computeMs);
    return {
      bytesRead: this.read.bytes,
      bytesWritten: this.write.bytes,
      readMs: this.read.ms,
      writeMs: this.write.ms,
      waitReadMs,
      waitWriteMs,
      computeMs,
      totalMs,
      limit: longest === computeMs ? "compute" : longest === waitReadMs ? "read" : "write",
    };
  }
}
