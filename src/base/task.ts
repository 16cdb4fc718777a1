// What a long computation gets from whoever runs it: cancel, pause, progress, events. It knows no worker and no page.
import { throwIfCancelled } from "./errors";

export interface Progress {
  /** Done of total, in any unit. */
  done: number;
  total: number;
  /** A short present-tense phrase: "Searching block masses, layer 3 of 8". */
  what: string;
  /**
   * Seconds still to go, from whoever knows more than the share that is done: what was compiled first, what a stored state
   * had done already. null while that is not known; left out, the share done has to do.
   */
  secondsLeft?: number | null;
  /** Partial result, when there is one that is worth showing. */
  partial?: unknown;
}

/** The same in a worker, in Node and in tests, so that an engine never asks where it runs. */
export interface TaskContext<Events extends object = Record<string, unknown>> {
  signal: AbortSignal;
  /** May be called as often as is handy: only the latest report of a moment is shown. */
  report(progress: Progress): void;
  /** Every event arrives, in order, before the result does: metrics, log lines. */
  emit<Name extends keyof Events & string>(name: Name, data: Events[Name]): void;
  /** Await between slices of work: holds while paused. @throws TesseraError `cancelled` when the signal has fired. */
  gate(): Promise<void>;
}

/** A context that nobody watches: never paused, cancelled only through `signal`. Parts can be replaced. */
export function plainContext(parts: Partial<TaskContext> = {}): TaskContext {
  const signal = parts.signal ?? new AbortController().signal;
  return { report: () => {}, emit: () => {}, gate: async () => throwIfCancelled(signal), ...parts, signal };
}

/** Progress, pause and cancel of a context, for work whose own events are not for whoever listens there. */
export function withoutEvents<Events extends object>(context: TaskContext<Events>): TaskContext {
  return { ...context, emit: () => {} };
}
