// What crosses between page and worker. Types only, and the list of buffers that move instead of being copied.
import type { ErrorRecord } from "../base/errors";
import type { Progress } from "../base/task";

/** A service is a record of methods; an interface in a workflow's `protocol.ts` states them. */
export type ServiceShape<S> = {
  // `never` accepts a context with any table of events.
  [Name in keyof S]: (params: never, context: never) => Promise<unknown>;
};
export type ParamsOf<S, Name extends keyof S> = S[Name] extends (params: infer P, ...rest: never[]) => unknown
  ? P
  : never;
export type ResultOf<S, Name extends keyof S> = S[Name] extends (...args: never[]) => Promise<infer R>
  ? R
  : never;

/** Errors travel as data: comlink alone would keep only their message. */
export type Outcome = { ok: true; value: unknown } | { ok: false; error: ErrorRecord };
export type Message =
  | { call: number; progress: Progress }
  | { call: number; event: { name: string; data: unknown } };

/** What the worker exposes. Method order on one port is kept, so a cancel never overtakes its call. */
export interface Wire {
  attach(sink: (message: Message) => void): void;
  invoke(call: number, method: string, params: unknown): Promise<Outcome>;
  cancel(call: number): void;
  /** Resolves when a call waits at its gate, when none is running, or when resumed. */
  pause(): Promise<void>;
  resume(): void;
  ping(): void;
}

const moved = new WeakMap<object, readonly Transferable[]>();

/** Marks buffers that a result, an event or a partial result gives away instead of copying. Returns `value`. */
export function transfer<V extends object>(value: V, buffers: readonly Transferable[]): V {
  moved.set(value, buffers);
  return value;
}

/** Buffers that were marked for this value. */
export function movedBuffers(value: unknown): Transferable[] {
  return typeof value === "object" && value !== null ? [...(moved.get(value) ?? [])] : [];
}
