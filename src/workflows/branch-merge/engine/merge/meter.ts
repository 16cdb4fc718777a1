// Where the time of a merge goes: reading, computing, writing; and how much is in flight. It prints nothing.
import type { StageRates } from "../../protocol";

/** Bytes that passed, and how long the merge waited for them. */
class Flow {
  bytes = 0;
  waitMs = 0;

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
  readonly read = new Flow();
  readonly write = new Flow();
  private readonly started = performance.now();

  rates(): StageRates {
    const totalMs = performance.now() - this.started;
    const [waitReadMs, waitWriteMs] = [this.read.waitMs, this.write.waitMs];
    const computeMs = Math.max(0, totalMs - waitReadMs - waitWriteMs);
    const longest = Math.max(waitReadMs, waitWriteMs, computeMs);
    return {
      bytesRead: this.read.bytes,
      bytesWritten: this.write.bytes,
      waitReadMs,
      waitWriteMs,
      computeMs,
      totalMs,
      limit: longest === computeMs ? "compute" : longest === waitReadMs ? "read" : "write",
    };
  }
}
