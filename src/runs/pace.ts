// When a long run hands out a state that it can go on from: by time, by steps, or at once when somebody asks. It keeps count
// only; the state is the caller's.

/** Share of the running time that may go into handing out states by time. */
const MOST_SHARE = 0.01;
/** The first interval as a share of the full one: what ends soon after its start should not lose everything. */
const FIRST_SHARE = 1 / 8;

export interface PaceOptions {
  /** Milliseconds between two states. The first ones come sooner; states that take long to hand out come later. */
  everyMs: number;
  /** Steps between two states, however long they take. No such limit when left out. */
  everySteps?: number;
  now?(): number;
}

export interface Pace {
  /** Somebody wants a state after the step that is running, because what comes next may never run. */
  ask(): void;
  /** Whether somebody waits for a state. */
  readonly isAsked: boolean;
  /** Whether a state is due, `steps` being all that were done. */
  isDue(steps: number): boolean;
  /** A state was handed out, and the run stood still for `ms`. */
  handedOut(ms: number): void;
}

export function createPace({ everyMs, everySteps, now = () => performance.now() }: PaceOptions): Pace {
  let isAsked = false;
  let last = now();
  let interval = everyMs * FIRST_SHARE;
  let cost = 0;
  return {
    ask() {
      isAsked = true;
    },
    get isAsked() {
      return isAsked;
    },
    isDue: (steps) =>
      isAsked ||
      (everySteps !== undefined && steps % everySteps === 0) ||
      now() - last >= Math.max(interval, cost / MOST_SHARE),
    handedOut(ms) {
      isAsked = false;
      last = now();
      interval = Math.min(everyMs, 2 * interval);
      cost = ms;
    },
  };
}
