// Both ends of a service in one process, over a MessageChannel. For tests only: no page and no worker uses it.
import { type Client, type ConnectOptions, connect, type WorkerLike } from "./client";
import { type ServeOptions, serve } from "./service";
import type { ServiceShape } from "./wire";

export interface LocalClient<S extends ServiceShape<S>> {
  client: Client<S>;
  /** How many "workers" were started. */
  starts(): number;
  /** Makes the present worker report an error, as a crash would. */
  crash(message: string): void;
}

/** Serves `make()` anew for each start, so that a test sees which state a dead worker takes with it. */
export function connectLocally<S extends ServiceShape<S>>(
  make: () => S,
  options: ConnectOptions<Record<string, unknown>> & ServeOptions<S> = {},
): LocalClient<S> {
  let starts = 0;
  let port: MessagePort;
  const client = connect<S>(() => {
    starts++;
    const channel = new MessageChannel();
    port = channel.port1;
    serve(make(), { ...options, endpoint: channel.port2 });
    const terminate = (): void => {
      channel.port1.close();
      channel.port2.close();
    };
    return Object.assign(port, { terminate }) as WorkerLike;
  }, options);
  const crash = (message: string): void => {
    port.dispatchEvent(Object.assign(new Event("error"), { message }));
  };
  return { client, starts: () => starts, crash };
}
