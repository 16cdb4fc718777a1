// Calls over a MessageChannel: results, errors, cancel, pause, order of events, death, and one real thread that exits.
import { Worker } from "node:worker_threads";
import nodeEndpoint from "comlink/dist/esm/node-adapter";
import { expect, test } from "vitest";
import { TesseraError } from "../base/errors";
import { pendingWork } from "../base/idle";
import type { Progress, TaskContext } from "../base/task";
import { connect, type WorkerLike } from "./client";
import { connectLocally } from "./testing";
import { transfer } from "./wire";

interface Toy {
  add(params: { a: number; b: number }): Promise<number>;
  fail(params: { size: number }): Promise<never>;
  steps(params: { count: number }, context: TaskContext): Promise<number>;
  untilCancelled(params: null, context: TaskContext): Promise<never>;
  deaf(params: null): Promise<never>;
  hoard(params: { bytes: number }): Promise<number>;
  give(params: { length: number }): Promise<Float32Array>;
  given(params: null): Promise<number>;
  unsendable(params: null): Promise<unknown>;
  status(params: null): Promise<string>;
}

function toy(): Toy {
  let last = new Float32Array();
  return {
    add: async ({ a, b }) => a + b,
    async fail({ size }) {
      throw new TesseraError("out-of-memory", `no room for ${size}`, { size });
    },
    async steps({ count }, context) {
      for (let i = 0; i < count; i++) {
        await context.gate();
        context.report({ done: i + 1, total: count, what: "Stepping" });
        context.emit("loss", i);
        if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve)); // as a GPU wait would
      }
      return count;
    },
    untilCancelled: (_, { signal, report }) => {
      report({ done: 0, total: 1, what: "Waiting" });
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () =>
          reject(new TesseraError("cancelled", "Cancelled by the user.")),
        );
      });
    },
    deaf: () => new Promise(() => {}),
    hoard: async ({ bytes }) => new ArrayBuffer(bytes).byteLength,
    async give({ length }) {
      last = new Float32Array(length).fill(3);
      return transfer(last, [last.buffer]);
    },
    given: async () => last.length,
    unsendable: async () => () => 1,
    status: async () => "here",
  };
}

test("memory that the engine refuses is told as that", async () => {
  const { client } = connectLocally(toy);
  await expect(client.call("hoard", { bytes: 2 ** 50 })).rejects.toMatchObject({
    code: "out-of-memory",
    message: expect.stringContaining("There is not enough memory for this"),
  });
  client.terminate();
});

test("parameters go, results come back, and nothing stays pending", async () => {
  const { client } = connectLocally(toy);
  const call = client.call("add", { a: 2, b: 40 });
  expect(pendingWork()).toBe(1);
  expect(await call).toBe(42);
  expect(pendingWork()).toBe(0);
  client.terminate();
});

test("errors keep their code, message and fields", async () => {
  const { client } = connectLocally(toy);
  const error = await client.call("fail", { size: 7 }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(TesseraError);
  expect(error).toMatchObject({ code: "out-of-memory", message: "no room for 7", fields: { size: 7 } });
  await expect(client.call("nothing" as "add", { a: 1, b: 1 })).rejects.toMatchObject({ code: "no-method" });
  await expect(client.call("unsendable", null)).rejects.toMatchObject({ code: "internal" });
  expect(pendingWork()).toBe(0);
  client.terminate();
});

test("every event arrives in order and before the result; of progress only some, but always the last", async () => {
  const { client } = connectLocally(toy);
  const events: unknown[] = [];
  const seen: Progress[] = [];
  await client.call(
    "steps",
    { count: 500 },
    { onEvent: ({ data }) => events.push(data), onProgress: (p) => seen.push(p) },
  );
  expect(events).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect(seen.at(-1)?.done).toBe(500);
  expect(seen.length).toBeLessThan(100);
  client.terminate();
});

test("a cancel crosses, also for a call that still waits in the queue", async () => {
  const { client } = connectLocally(toy);
  const first = new AbortController();
  const second = new AbortController();
  const started = new Promise<void>((resolve) => {
    const running = client.call("untilCancelled", null, {
      signal: first.signal,
      onProgress: () => resolve(),
    });
    running.catch(() => {});
    outcome.push(running);
  });
  await started;
  const queued = client.call("add", { a: 1, b: 1 }, { signal: second.signal });
  second.abort();
  first.abort();
  await expect(outcome[0]).rejects.toMatchObject({ code: "cancelled" });
  await expect(queued).rejects.toMatchObject({ code: "cancelled" });
  await expect(client.call("add", { a: 1, b: 1 }, { signal: first.signal })).rejects.toMatchObject({
    code: "cancelled",
  });
  client.terminate();
});
const outcome: Promise<unknown>[] = [];

test("calls take turns, except those that were declared concurrent", async () => {
  const { client } = connectLocally(toy, { concurrent: ["status"] });
  const hanging = client.call("deaf", null);
  hanging.catch(() => {});
  expect(await client.call("status", null)).toBe("here");
  client.terminate();
  await expect(hanging).rejects.toMatchObject({ code: "worker-died" });
});

test("pause holds a call at its gate; a cancel ends it there; resume lets it go on", async () => {
  const { client } = connectLocally(toy);
  await client.pause(); // nothing runs: no wait
  client.resume();
  const events: unknown[] = [];
  const onEvent = ({ data }: { data: unknown }): void => void events.push(data);
  const running = client.call("steps", { count: 400 }, { onEvent }).then(() => "ended");
  await client.pause();
  await client.ping(); // events travel on another port than the answer to the pause
  const held = events.length;
  expect(await Promise.race([running, client.ping().then(() => "held")])).toBe("held");
  expect(events.length).toBe(held);
  expect(held).toBeLessThan(400);
  client.resume();
  expect(await running).toBe("ended");
  expect(events.length).toBe(400);

  const controller = new AbortController();
  const second = client.call("steps", { count: 400 }, { signal: controller.signal });
  second.catch(() => {});
  await client.pause();
  controller.abort();
  await expect(second).rejects.toMatchObject({ code: "cancelled" });
  client.terminate();
});

test("buffers that are marked move instead of being copied", async () => {
  const { client } = connectLocally(toy);
  expect((await client.call("give", { length: 5 })).join()).toBe("3,3,3,3,3");
  expect(await client.call("given", null)).toBe(0); // detached on the worker's side
  client.terminate();
});

test("a worker that dies rejects every pending call, and the next call starts another", async () => {
  const { client, crash, starts } = connectLocally(toy);
  const calls = [client.call("deaf", null), client.call("deaf", null)];
  const outcomes = Promise.allSettled(calls);
  const pausing = client.pause();
  crash("out of stack");
  for (const settled of await outcomes) {
    expect(settled).toMatchObject({
      status: "rejected",
      reason: { code: "worker-died", fields: { reason: "out of stack" } },
    });
  }
  await pausing;
  expect(pendingWork()).toBe(0);
  expect(await client.call("add", { a: 1, b: 2 })).toBe(3);
  expect(starts()).toBe(2);
  client.terminate();
});

test("a worker that is deaf to a cancel is ended", async () => {
  const { client } = connectLocally(toy, { cancelWithinMs: 1 });
  const controller = new AbortController();
  const call = client.call("deaf", null, { signal: controller.signal });
  controller.abort();
  await expect(call).rejects.toMatchObject({
    code: "worker-died",
    message: expect.stringContaining("0.001 s"),
  });
});

test("ping answers, and says so when nothing does", async () => {
  const { client } = connectLocally(toy);
  expect(await client.ping()).toBeGreaterThanOrEqual(0);
  client.terminate();
  const silent = Object.assign(new MessageChannel().port1, { terminate: () => {} });
  await expect(connect(() => silent as WorkerLike).ping(1)).rejects.toMatchObject({ code: "worker-silent" });
  silent.close();
});

test("a real thread that exits rejects the call", async () => {
  const client = connect<Toy>(() => {
    const thread = new Worker(
      "require('node:worker_threads').parentPort.once('message', () => process.exit(3))",
      { eval: true },
    );
    const port = nodeEndpoint(thread);
    return {
      ...port,
      addEventListener: (type: string, listener: EventListener) =>
        type === "message"
          ? port.addEventListener(type, listener)
          : thread.on(type, () => listener(new Event(type))),
      terminate: () => void thread.terminate(),
    } as WorkerLike;
  });
  await expect(client.call("add", { a: 1, b: 1 })).rejects.toMatchObject({
    code: "worker-died",
    fields: { reason: "it ended by itself" },
  });
});
