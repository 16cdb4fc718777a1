// Writes to one stored run, one after the other, by one tab at a time. It decides nothing about what is written.
import { toRecord } from "../../../base/errors";
import { busy } from "../../../base/idle";
import type { RunStore } from "../../../runs/store";

/**
 * Runs a job on the store and the run's id behind the jobs before it, also when one of those failed. Each counts as work,
 * so that nobody leaves between two writes. The result rejects with what the job, `open` or `id` rejects with.
 */
export function writesInTurn(
  open: () => Promise<RunStore>,
  id: Promise<string>,
): (job: (store: RunStore, id: string) => Promise<unknown>) => Promise<void> {
  id.catch(() => {}); // told by the first use
  let turn: Promise<unknown> = Promise.resolve();
  return (job) => {
    const end = busy();
    const done = turn.then(async () => void (await job(await open(), await id)));
    turn = done.catch(() => {});
    return done.finally(end);
  };
}

/** Whether another tab works on the run, which must then not be written to from here. */
export const isHeldElsewhere = (error: unknown): boolean => toRecord(error).code === "run-held";

/**
 * Waits until a stored run is taken up again, before work on it begins. A fault of the storage goes to `tell`, and the work
 * goes on without being stored. @throws TesseraError `run-held` when another tab works on the run.
 */
export async function takenUp(
  resumed: Promise<void> | undefined,
  tell: (error: unknown) => void,
): Promise<void> {
  try {
    await resumed;
  } catch (error) {
    if (isHeldElsewhere(error)) throw error;
    tell(error);
  }
}
