// How long a run has been going and how long it will still take. Pure: time is handed in.
import type { Progress } from "../base/task";

export interface RunClock {
  /** Milliseconds of running before the current stretch. */
  before: number;
  /** When the current stretch began, or undefined while not running. */
  since?: number;
}

export type RunState =
  | "idle"
  | "running"
  | "pausing"
  | "paused"
  | "cancelling"
  | "cancelled"
  | "done"
  | "failed";

/** Whether work is going on (pausing and cancelling still compute). */
export function isActive(state: RunState): boolean {
  return state === "running" || state === "pausing" || state === "cancelling";
}

/** Whether a run has begun and not ended. */
export function isOpen(state: RunState): boolean {
  return isActive(state) || state === "paused";
}

/** The clock after a change of state at time `now`; a run that starts from a closed state starts at zero. */
export function tickClock(clock: RunClock, from: RunState, to: RunState, now: number): RunClock {
  if (isActive(to)) {
    if (isActive(from)) return clock;
    return { before: from === "paused" ? clock.before : 0, since: now };
  }
  if (clock.since === undefined) return to === "idle" ? { before: 0 } : clock;
  return { before: clock.before + now - clock.since };
}

/** Milliseconds of running time at `now`. */
export function elapsed(clock: RunClock, now: number): number {
  return clock.before + (clock.since === undefined ? 0 : now - clock.since);
}

/** What a run says of itself. */
export type Told = Pick<Progress, "done" | "total" | "secondsLeft">;

/**
 * Milliseconds still to go: what the run itself says, else at the average pace so far. undefined while that would be a
 * guess: less than 2 % done or less than half a second of running.
 */
export function timeLeft({ done, total, secondsLeft }: Told, elapsedMs: number): number | undefined {
  if (secondsLeft !== undefined) return secondsLeft === null ? undefined : 1000 * secondsLeft;
  const share = total > 0 ? done / total : 0;
  if (share < 0.02 || elapsedMs < 500) return undefined;
  return Math.max(0, (elapsedMs * (1 - share)) / share);
}

/** "45 s", "3 min 20 s": whole seconds, for clocks that change while one reads. */
export function clockText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
