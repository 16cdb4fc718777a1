// The state machine of the page against a driven session: order of calls, cancel, pause, failures, lost devices and
// dead workers. No browser, no GPU.
import { beforeEach, describe, expect, test } from "vitest";
import { TesseraError } from "../../../base/errors";
import { EXAMPLES, unfinished } from "./state";
import { createLab, type Lab } from "./store";
import {
  analysis,
  blockMap,
  DEVICE,
  type FakeClient,
  FILE,
  fakeClient,
  head,
  inputInfo,
  SETTINGS,
  settle,
} from "./testing";

const WANTED = {
  triple: "layer 0",
  heads: [],
  strategies: ["adaspa"],
  blocks: ["64"],
  sparsities: [0.8],
} as const;

let fake: FakeClient;
let lab: Lab;
const now = () => lab.state.getState();

beforeEach(() => {
  fake = fakeClient();
  lab = createLab(fake.client);
});

async function load(layers = 1): Promise<void> {
  void lab.load(FILE);
  await fake.next("load").answer(inputInfo(layers));
}

/** Starts an analysis of a loaded input and gives its open call. */
async function start(): Promise<ReturnType<FakeClient["next"]>> {
  void lab.analyse(SETTINGS);
  await settle();
  return fake.next("analyse");
}

describe("input", () => {
  test("a file shows its tensors; another one forgets what came from the first", async () => {
    await load();
    expect(now()).toMatchObject({ input: { state: "ready" }, choices: { view: "tensors" } });
    const call = await start();
    expect(now().choices.view).toBe("overview");
    await call.answer(analysis([head(0, 0), head(0, 1)]));
    await fake.next("map").answer(blockMap(0, 0));
    expect(now()).toMatchObject({ heads: { length: 2 }, map: { state: "ready" } });

    void lab.load({ ...FILE, name: "other.npz" });
    expect(now()).toMatchObject({ heads: [], map: { state: "none" }, input: { state: "waiting" }, ran: {} });
    await fake.next("load").fail(new TesseraError("input", "No tensors named like q, k and v"));
    expect(now().input).toMatchObject({ state: "failed", error: { code: "input" } });
    expect(now().choices.view).toBe("tensors");
  });

  test("of two loads the later one counts, whatever answers first", async () => {
    void lab.load(FILE);
    void lab.load({ ...FILE, name: "second.npz" });
    const [first, second] = [fake.next("load"), fake.next("load")];
    await second.answer({ ...inputInfo(), name: "second.npz" });
    await first.answer(inputInfo());
    expect(now().input.value?.name).toBe("second.npz");
  });

  test("the example is small on a software adapter and larger on a GPU; without a device it is small", async () => {
    for (const [device, settings] of [
      [DEVICE, EXAMPLES.software],
      [{ ...DEVICE, software: false }, EXAMPLES.gpu],
      [undefined, EXAMPLES.software],
    ] as const) {
      void lab.example();
      const asked = fake.next("device");
      await (device ? asked.answer(device) : asked.fail(new TesseraError("gpu-missing", "No GPU.")));
      expect(fake.next("load").request).toEqual({ kind: "synth", settings });
    }
  });

  test("names are matched again in the same file", async () => {
    await load();
    void lab.match("x.{role}");
    const call = fake.next("load");
    expect(call.request).toMatchObject({ name: "qkv.safetensors", pattern: "x.{role}" });
    await call.answer(inputInfo());
    expect(now()).toMatchObject({ pattern: "x.{role}", input: { state: "ready" } });
  });

  test("the cost of the latest settings is shown, whatever answers first", async () => {
    await load();
    void lab.inspect(SETTINGS);
    void lab.inspect({ ...SETTINGS, sparsity: 0.5 });
    await settle();
    const [first, second] = [fake.next("inspect"), fake.next("inspect")];
    await second.answer({ keep: 2 });
    await first.answer({ keep: 1 });
    expect(now().inspection).toEqual({ state: "ready", value: { keep: 2 } });
    void lab.inspect(SETTINGS);
    await settle();
    await fake.next("inspect").fail(new TesseraError("params", "tiers: need more"));
    expect(now().inspection.state).toBe("failed");
  });
});

describe("analysis", () => {
  test("heads and the map of the first one show up as they finish", async () => {
    await load();
    const call = await start();
    call.options.onProgress?.({ done: 1, total: 2, what: "Searching" });
    expect(now().job).toMatchObject({ state: "running", progress: { what: "Searching" } });
    call.emit("device", DEVICE);
    call.emit("head", head(0, 0));
    expect(now()).toMatchObject({ device: DEVICE, heads: { length: 1 }, selected: { head: 0 } });
    const map = fake.next("map");
    call.emit("head", head(0, 1));
    expect(() => fake.next("map")).toThrow("No call of map is open");
    await map.answer(blockMap(0, 0));
    expect(now().map.state).toBe("ready");
    await call.answer(analysis([head(0, 0), head(0, 1)]));
    expect(now().job).toEqual({ kind: "analyse", state: "done" });
  });

  test("a second run keeps the chosen head and fetches its new map", async () => {
    await load();
    await (await start()).answer(analysis([head(0, 0), head(0, 1)]));
    await fake.next("map").answer(blockMap(0, 0));
    void lab.select("layer 0", 1);
    await fake.next("map").answer(blockMap(0, 1));
    const again = await start();
    expect(now().map.state).toBe("none");
    again.emit("head", head(0, 0));
    expect(() => fake.next("map")).toThrow("No call of map is open");
    again.emit("head", head(0, 1));
    expect(fake.next("map").request).toEqual({ triple: "layer 0", head: 1 });
  });

  test("of two maps the later one counts", async () => {
    await load();
    void lab.select("layer 0", 0);
    void lab.select("layer 0", 1);
    const [first, second] = [fake.next("map"), fake.next("map")];
    await second.answer(blockMap(0, 1));
    await first.answer(blockMap(0, 0));
    expect(now().map.value?.head).toBe(1);
  });

  test("one job at a time; those chosen are sent", async () => {
    await load(3);
    lab.choose(["layer 1"]);
    const call = await start();
    expect(call.request).toMatchObject({ triples: ["layer 1"] });
    void lab.measure(SETTINGS, { triple: "layer 0", heads: 0, sparsities: [] });
    void lab.analyse(SETTINGS);
    await settle();
    expect(fake.calls).toEqual([]);
  });

  test("cancel is told at once, aborts the call, ends a pause, and keeps what was done", async () => {
    await load();
    const call = await start();
    call.emit("head", head(0, 0));
    fake.next("map");
    lab.cancel();
    expect(now().job.state).toBe("cancelling");
    expect(call.options.signal?.aborted).toBe(true);
    expect(fake.resumes).toBe(1);
    await call.fail(new TesseraError("cancelled", "Cancelled by the user."));
    expect(now()).toMatchObject({ job: { state: "cancelled" }, heads: { length: 1 } });
    expect(now().job.error).toBeUndefined();
  });

  test("a worker that had to be ended by a cancel gives a cancelled run, and the next run loads the input", async () => {
    await load();
    const call = await start();
    lab.cancel();
    await call.fail(new TesseraError("worker-died", "It did not react to a cancel."));
    expect(now().job.state).toBe("cancelled");
    void lab.analyse(SETTINGS);
    expect(fake.next("load").request).toMatchObject({ name: "qkv.safetensors" });
  });

  test("pause waits until the call is held, and resume goes on", async () => {
    await load();
    const call = await start();
    void lab.pause();
    expect(now().job.state).toBe("pausing");
    await fake.held();
    expect(now().job.state).toBe("paused");
    lab.resume();
    expect(now().job.state).toBe("running");
    expect(fake.resumes).toBe(1);
    await call.answer(analysis([head(0, 0)]));
    expect(now().job.state).toBe("done");
  });

  test("a pause that comes too late does not hold the next job", async () => {
    await load();
    const call = await start();
    void lab.pause();
    await call.answer(analysis([head(0, 0)]));
    expect(now().job.state).toBe("done");
    expect(fake.resumes).toBe(1);
    await fake.held();
    expect(now().job.state).toBe("done");
  });

  test("a failure keeps its error and the heads", async () => {
    await load();
    const call = await start();
    call.emit("head", head(0, 0));
    fake.next("map");
    await call.fail(new TesseraError("out-of-memory", "No room.", { done: 1, total: 2 }));
    expect(now()).toMatchObject({
      job: { state: "failed", error: { code: "out-of-memory" } },
      heads: { length: 1 },
    });
  });

  test("a lost device keeps the heads, and the worker still holds the input", async () => {
    await load();
    const call = await start();
    call.emit("device", DEVICE);
    call.emit("head", head(0, 0));
    fake.next("map");
    await call.fail(new TesseraError("device-lost", "The GPU was lost.", { done: 1, total: 2 }));
    expect(now()).toMatchObject({
      device: { isLost: true },
      heads: { length: 1 },
      job: { state: "failed", error: { code: "device-lost" } },
    });
    const again = await start();
    again.emit("device", DEVICE);
    expect(now().device?.isLost).toBe(false);
  });

  test("after the death of the worker the input is loaded once, however many ask", async () => {
    await load();
    await (await start()).fail(new TesseraError("worker-died", "The worker has stopped."));
    expect(now().job).toMatchObject({ state: "failed", error: { code: "worker-died" } });
    void lab.inspect(SETTINGS);
    void lab.analyse(SETTINGS);
    const load1 = fake.next("load");
    expect(() => fake.next("load")).toThrow("No call of load is open");
    await load1.answer(inputInfo());
    expect(fake.calls.map((c) => c.method).sort()).toEqual(["analyse", "inspect"]);
  });

  test("a run over several layers goes on where it was left, with its own settings", async () => {
    await load(3);
    const call = await start();
    for (const one of [head(0, 0), head(0, 1), head(1, 0)]) call.emit("head", one);
    fake.next("map");
    expect(unfinished(now())).toEqual([]);
    await call.fail(new TesseraError("device-lost", "The GPU was lost."));
    expect(unfinished(now())).toEqual(["layer 1", "layer 2"]);
    void lab.goOn();
    await settle();
    const rest = fake.next("analyse");
    expect(rest.request).toEqual({ settings: SETTINGS, triples: ["layer 1", "layer 2"], goesOn: true });
    expect(now().heads.map((h) => h.triple)).toEqual(["layer 0", "layer 0"]);
    rest.emit("head", head(1, 0));
    await rest.answer(analysis([head(1, 0), head(1, 1), head(2, 0), head(2, 1)]));
    expect(now().heads.map((h) => `${h.layer}.${h.head}`)).toEqual([
      "0.0",
      "0.1",
      "1.0",
      "1.1",
      "2.0",
      "2.1",
    ]);
    expect(unfinished(now())).toEqual([]);
  });
});

describe("curves, times and files", () => {
  test("curves arrive one by one and outlive a cancel", async () => {
    await load();
    void lab.drawCurves(SETTINGS, WANTED);
    await settle();
    const call = fake.next("curves");
    const curve = {
      triple: "layer 0",
      head: 0,
      strategy: "adaspa",
      side: 64,
      skipped: [0.8],
      recall: [0.9],
      note: "",
    };
    call.emit("curve", curve as never);
    lab.cancel();
    await call.fail(new TesseraError("cancelled", "Cancelled by the user."));
    expect(now()).toMatchObject({ curves: [curve], job: { kind: "curves", state: "cancelled" } });
  });

  test("times arrive one by one; the measurement replaces them", async () => {
    await load();
    void lab.measure(SETTINGS, { triple: "layer 0", heads: 0, sparsities: [0.8] });
    await settle();
    const call = fake.next("measure");
    const row = {
      name: "dense",
      skipped: null,
      ms: 3,
      minMs: 2,
      share: 1,
      theoretical: 1,
      tflops: 1,
    } as const;
    call.emit("time", row);
    expect(now().times).toEqual([row]);
    await call.answer({ times: [row, row], device: DEVICE, verdict: "", slower: false });
    expect(now()).toMatchObject({ times: { length: 2 }, device: DEVICE, ran: { measure: SETTINGS } });
  });

  test("masks are of the layer of the chosen head", async () => {
    await load(2);
    await (await start()).answer(analysis([head(0, 0), head(1, 0)]));
    fake.next("map");
    void lab.select("layer 1", 0);
    fake.next("map");
    void lab.exportFile("flashinfer");
    expect(fake.next("exportFile").request).toEqual({ format: "flashinfer", triple: "layer 1" });
  });

  test("closing the page ends the job and the worker", async () => {
    await load();
    const call = await start();
    lab.close();
    expect(call.options.signal?.aborted).toBe(true);
    expect(fake.terminated).toEqual(["its page was closed"]);
  });
});
