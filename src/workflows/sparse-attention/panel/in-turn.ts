// Writes to one stored run, one after the other. It decides nothing about what is written.
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
