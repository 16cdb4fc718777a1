// Which tape is recording at the moment, for what must know it outside of an op call. It records nothing itself.
import { withObserver } from "../ops/op";
import type { Tape } from "./tape";

let active: Tape | undefined;

/** The tape whose `run` is under way, if any. */
export const activeTape = (): Tape | undefined => active;

/** Makes `tape` the active one while `body` runs. */
export function withActive<R>(tape: Tape | undefined, body: () => R): R {
  const previous = active;
  active = tape;
  try {
    return body();
  } finally {
    active = previous;
  }
}

/** Runs `body` without any tape or observer seeing what it does, except `observer` when given. */
export const untaped = <R>(observer: Parameters<typeof withObserver>[0], body: () => R): R =>
  withActive(undefined, () => withObserver(observer, body));
