// The worker's side: runs the methods of a service, one after the other, with cancel, pause, progress and events.
import * as comlink from "comlink";
import { TesseraError, toRecord } from "../base/errors";
import type { TaskContext } from "../base/task";
import { latest } from "./latest";
import { PauseGate } from "./pause";
import { serialQueue } from "./queue";
import { type Message, movedBuffers, type Outcome, type ServiceShape, type Wire } from "./wire";

export interface ServeOptions<S> {
  /** Methods that need no device and may run beside others, such as a status. All others wait for their turn. */
  concurrent?: readonly (keyof S & string)[];
  /** The worker's own scope when left out; tests give one end of a MessageChannel. */
  endpoint?: comlink.Endpoint;
}

type AnyMethod = (params: unknown, context: TaskContext) => Promise<unknown>;
type Sink = (message: Message) => Promise<void>;

/** Offers a service to the page. Call it once, at the end of a worker's entry file. */
export function serve<S extends ServiceShape<S>>(service: S, options: ServeOptions<S> = {}): void {
  const running = new Map<number, AbortController>();
  const pauses = new PauseGate();
  const enqueue = serialQueue();
  const concurrent = new Set<string>(options.concurrent);
  let sink: Sink = async () => {};

  const run = async (
    call: number,
    method: string,
    params: unknown,
    signal: AbortSignal,
  ): Promise<unknown> => {
    const found = Object.hasOwn(service, method)
      ? (service as unknown as Record<string, AnyMethod>)[method]
      : undefined;
    if (!found) throw new TesseraError("no-method", `The worker has no method ${method}.`, { method });
    let delivered: Promise<unknown> = Promise.resolve();
    const progress = latest<Message>((message) => sink(message));
    const context: TaskContext = {
      signal,
      report: (value) =>
        progress.push(comlink.transfer({ call, progress: value }, movedBuffers(value.partial))),
      emit: (name, data) => {
        delivered = sink(comlink.transfer({ call, event: { name, data } }, movedBuffers(data)));
      },
      gate: () => pauses.wait(signal),
    };
    try {
      return await found(params, context);
    } finally {
      // One port keeps its order: once the last message was taken, all were, and the result may follow.
      await Promise.all([progress.flush(), delivered]);
    }
  };

  const wire: Wire = {
    attach(next) {
      sink = next as Sink; // comlink makes the call asynchronous
    },
    async invoke(call, method, params) {
      const controller = new AbortController();
      running.set(call, controller);
      const job = (): Promise<unknown> => run(call, method, params, controller.signal);
      let outcome: Outcome;
      try {
        const value = await (concurrent.has(method) ? job() : enqueue(job, controller.signal));
        outcome = { ok: true, value };
      } catch (error) {
        outcome = { ok: false, error: toRecord(error) };
      }
      running.delete(call);
      if (running.size === 0) pauses.settle();
      return comlink.transfer(outcome, outcome.ok ? movedBuffers(outcome.value) : []);
    },
    cancel: (call) => running.get(call)?.abort(),
    pause() {
      const held = pauses.pause();
      if (running.size === 0) pauses.settle();
      return held;
    },
    resume: () => pauses.resume(),
    ping: () => {},
  };
  comlink.expose(wire, options.endpoint);
}
