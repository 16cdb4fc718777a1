// Holds calls at their gates while paused, and says when one is really held. It interrupts nothing by itself.
import { throwIfCancelled } from "../base/errors";

export class PauseGate {
  private isPaused = false;
  /** Calls that wait at the gate. */
  private readonly held = new Set<() => void>();
  /** Those who asked for the pause and want to know when it has taken effect. */
  private readonly askers = new Set<() => void>();

  /** Resolves when a call is held, at `settle` or at `resume`. */
  pause(): Promise<void> {
    this.isPaused = true;
    if (this.held.size) return Promise.resolve();
    return new Promise((resolve) => this.askers.add(resolve));
  }

  resume(): void {
    this.isPaused = false;
    release(this.held);
    this.settle();
  }

  /** Tells askers that nothing is running that could be held. */
  settle(): void {
    release(this.askers);
  }

  /** Holds while paused. @throws TesseraError `cancelled`, also out of a pause. */
  async wait(signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    if (!this.isPaused) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.held.delete(go);
        signal.removeEventListener("abort", go);
        resolve();
      };
      this.held.add(go);
      signal.addEventListener("abort", go);
      release(this.askers);
    });
    throwIfCancelled(signal);
  }
}

function release(callbacks: Set<() => void>): void {
  const all = [...callbacks];
  callbacks.clear();
  for (const callback of all) callback();
}
