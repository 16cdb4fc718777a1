// The page's side: typed calls to a worker that may die. It starts the worker when needed and never leaves a call open.
import * as comlink from "comlink";
import { fromRecord, TesseraError, throwIfCancelled, toRecord } from "../base/errors";
import { busy } from "../base/idle";
import type { Progress } from "../base/task";
import type { Message, Outcome, ParamsOf, ResultOf, ServiceShape, Wire } from "./wire";

/** What `connect` needs of a worker; a browser's `Worker` has it. Node's is adapted in the tests. */
export interface WorkerLike extends comlink.Endpoint {
  terminate(): void;
}

export type EventOf<Events extends object> = {
  [Name in keyof Events & string]: { name: Name; data: Events[Name] };
}[keyof Events & string];

export interface CallOptions<Events extends object = Record<string, unknown>> {
  signal?: AbortSignal;
  onProgress?(progress: Progress): void;
  onEvent?(event: EventOf<Events>): void;
  /** Buffers inside the parameters that are given away instead of copied. */
  transfer?: Transferable[];
}

export interface ConnectOptions<Events extends object>
  extends Omit<CallOptions<Events>, "signal" | "transfer"> {
  /** A worker that does not end a cancelled call within this time is terminated. */
  cancelWithinMs?: number;
}

export interface Client<S extends ServiceShape<S>, Events extends object = Record<string, unknown>> {
  /**
   * Calls a method of the service; starts the worker when there is none.
   * @throws TesseraError what the method threw, `cancelled`, or `worker-died`.
   */
  call<Name extends keyof S & string>(
    method: Name,
    params: ParamsOf<S, Name>,
    options?: CallOptions<Events>,
  ): Promise<ResultOf<S, Name>>;
  /** Resolves when the running call is held at its gate, or when there is none. */
  pause(): Promise<void>;
  resume(): void;
  /** Milliseconds until the worker answered. @throws TesseraError `worker-silent` after `timeoutMs`. */
  ping(timeoutMs?: number): Promise<number>;
  /** Ends the worker; pending calls reject with `worker-died`, and the next call starts a new one. */
  terminate(reason?: string): void;
}

interface Pending {
  reject(error: TesseraError): void;
  message(message: Message): void;
}
interface Link {
  worker: WorkerLike;
  remote: comlink.Remote<Wire>;
  pending: Map<number, Pending>;
  ended: Promise<void>;
  /** Rejects all that is pending and forgets the worker. Later calls of it do nothing. */
  end(reason: string): void;
}

/** comlink releases the far end when its proxy is collected: live links are held here until they end. */
const live = new Set<Link>();

/** Connects to a service. `start` makes the worker; it is called at the first call and after each death. */
export function connect<S extends ServiceShape<S>, Events extends object = Record<string, unknown>>(
  start: () => WorkerLike,
  options: ConnectOptions<Events> = {},
): Client<S, Events> {
  const { cancelWithinMs = 10_000 } = options;
  let current: Link | undefined;
  let nextCall = 1;

  const open = (): Link => {
    current ??= openLink(start(), () => {
      current = undefined;
    });
    return current;
  };

  const send = async (method: string, params: unknown, own: CallOptions<Events>): Promise<unknown> => {
    throwIfCancelled(own.signal);
    const link = open();
    const call = nextCall++;
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      let patience: ReturnType<typeof setTimeout> | undefined;
      const cancel = (): void => {
        void link.remote.cancel(call);
        const seconds = cancelWithinMs / 1000;
        patience = setTimeout(
          () => link.end(`it did not react to a cancel within ${seconds} s`),
          cancelWithinMs,
        );
      };
      const done = (): void => {
        clearTimeout(patience);
        own.signal?.removeEventListener("abort", cancel);
        link.pending.delete(call);
      };
      link.pending.set(call, {
        reject(error) {
          done();
          reject(error);
        },
        message: (message) => deliver(message, own, options),
      });
      own.signal?.addEventListener("abort", cancel);
      const sent = own.transfer ? comlink.transfer(params as object, own.transfer) : params;
      // Neither side of comlink knows our error class: what fails here is a message that could not be sent.
      link.remote
        .invoke(call, method, sent)
        .then(resolve, (error) => reject(fromRecord(toRecord(error))))
        .finally(done);
    });
    if (outcome.ok) return outcome.value;
    throw fromRecord(outcome.error);
  };

  return {
    async call(method, params, own = {}) {
      const end = busy();
      try {
        return (await send(method, params, own)) as ResultOf<S, typeof method>;
      } finally {
        end();
      }
    },
    async pause() {
      // A worker that dies meanwhile rejects its calls; whoever waits for the pause need not hear of it as well.
      if (current) await Promise.race([current.remote.pause(), current.ended]);
    },
    resume: () => void current?.remote.resume(),
    async ping(timeoutMs = 2000) {
      const { remote } = open();
      const started = performance.now();
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(
            new TesseraError("worker-silent", `The worker gave no answer for ${timeoutMs} ms.`, {
              timeoutMs,
            }),
          );
        }, timeoutMs);
        remote
          .ping()
          .then(resolve, reject)
          .finally(() => clearTimeout(timer));
      });
      return performance.now() - started;
    },
    terminate: (reason = "it was ended on request") => current?.end(reason),
  };
}

function openLink(worker: WorkerLike, forget: () => void): Link {
  const remote = comlink.wrap<Wire>(worker);
  const pending = new Map<number, Pending>();
  const onError = (event: Event | MessageEvent): void => {
    // Those who wait hear of it by their calls; only an error that nobody waits for is reported as uncaught.
    if (pending.size > 0) event.preventDefault();
    link.end(deathWords(event));
  };
  let tellEnd = (): void => {};
  const ended = new Promise<void>((resolve) => {
    tellEnd = resolve;
  });
  const link: Link = {
    worker,
    remote,
    pending,
    ended,
    end(reason) {
      if (!live.delete(link)) return;
      forget();
      for (const type of DEATHS) worker.removeEventListener(type, onError);
      worker.terminate();
      const error = new TesseraError(
        "worker-died",
        `The worker that did this has stopped: ${reason}. What it had saved is kept; start again to use a new one.`,
        { reason },
      );
      for (const call of [...pending.values()]) call.reject(error);
      tellEnd();
    },
  };
  live.add(link);
  for (const type of DEATHS) worker.addEventListener(type, onError);
  void remote.attach(comlink.proxy((message: Message) => pending.get(message.call)?.message(message)));
  return link;
}

/** `exit` exists in Node only. */
const DEATHS = ["error", "messageerror", "exit"] as const;

function deathWords(event: Event): string {
  if (event.type === "messageerror") return "a message could not be read";
  if (event.type === "exit") return "it ended by itself";
  return (event as ErrorEvent).message || "its script did not load or failed";
}

function deliver<Events extends object>(
  message: Message,
  own: CallOptions<Events>,
  all: CallOptions<Events>,
): void {
  for (const listener of [own, all]) {
    try {
      if ("progress" in message) listener.onProgress?.(message.progress);
      else listener.onEvent?.(message.event as EventOf<Events>);
    } catch (error) {
      // A fault of the listener must be seen, but must not look like a fault of the worker.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
