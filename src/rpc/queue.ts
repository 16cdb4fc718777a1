// One job at a time, in order of arrival: commands of one session share a device and its memory scopes.
import { throwIfCancelled } from "../base/errors";

export type Enqueue = <R>(job: () => Promise<R>, signal?: AbortSignal) => Promise<R>;

/**
 * Makes a queue. A job that fails does not stop the next one; a job whose signal fires while it waits never runs and
 * rejects with `cancelled` at its turn.
 */
export function serialQueue(): Enqueue {
  let tail: Promise<unknown> = Promise.resolve();
  return (job, signal) => {
    const run = tail.then(() => {
      throwIfCancelled(signal);
      return job();
    });
    tail = run.catch(() => {});
    return run;
  };
}
