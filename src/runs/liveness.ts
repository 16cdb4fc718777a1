// Tells whether someone is still working on a run, so that one left by a closed tab is seen as interrupted.
import { TesseraError } from "../base/errors";
import type { Folder } from "./folder";

export interface Liveness {
  /**
   * Marks a run as being worked on until the result is called, or until this tab or process ends.
   * @throws TesseraError `run-held` when someone else works on it.
   */
  hold(id: string): Promise<() => void>;
  isHeld(id: string): Promise<boolean>;
}

const held = (id: string): TesseraError =>
  new TesseraError(
    "run-held",
    "This run is going on in another tab or program. Follow it there, or stop it there and go on here.",
    { id },
  );

const lockName = (id: string): string => `tessera-run-${id}`;

/** Web Locks: the browser itself lets go when the tab or worker ends. */
export function lockLiveness(locks: LockManager): Liveness {
  return {
    hold: (id) =>
      new Promise((resolve, reject) => {
        locks
          .request(lockName(id), { ifAvailable: true }, (lock) => {
            if (lock) return new Promise<void>((release) => resolve(() => release()));
            reject(held(id));
          })
          .catch(reject);
      }),
    isHeld: async (id) => (await locks.query()).held?.some((lock) => lock.name === lockName(id)) ?? false,
  };
}

const BEAT_MS = 5000;
const SILENT_MS = 20_000;

/** Where there are no locks (Node, old browsers): a time stamp that is renewed; silence of 20 s means interrupted. */
export function beatLiveness(folder: Folder, now: () => number = Date.now): Liveness {
  const path = (id: string): string => `${id}/beat`;
  const isHeld = async (id: string): Promise<boolean> => {
    const bytes = await folder.read(path(id));
    return bytes !== undefined && now() - Number(new TextDecoder().decode(bytes)) < SILENT_MS;
  };
  return {
    isHeld,
    async hold(id) {
      if (await isHeld(id)) throw held(id);
      const beat = (): Promise<void> =>
        folder.write(path(id), new TextEncoder().encode(String(now()))).catch(() => {});
      await beat();
      const timer: unknown = setInterval(() => void beat(), BEAT_MS);
      // In Node the beat alone must not keep the process alive.
      (timer as { unref?(): void }).unref?.();
      return () => {
        clearInterval(timer as number);
        void folder.remove(path(id));
      };
    },
  };
}

/** Locks where the platform has them, else time stamps in the folder. */
export function platformLiveness(folder: Folder): Liveness {
  return typeof navigator !== "undefined" && navigator.locks
    ? lockLiveness(navigator.locks)
    : beatLiveness(folder);
}
