// The state machine of the video page with a session that the test drives: what stays after a cancel, a failure, a dead worker.
import { expect, test } from "vitest";
import { TesseraError } from "../../../../base/errors";
import { workDone } from "../../../../base/idle";
import { defaults } from "../../../../base/params";
import { type Folder, memoryFolder } from "../../../../runs/folder";
import { runStore } from "../../../../runs/store";
import { videoParams } from "../../protocol-video-page";
import type { ClipPreview, VideoMetrics, WeightsInfo } from "../../protocol-video-session";
import { DEVICE, fakeClient, type OpenCall, settle } from "../testing";
import { type VideoKeeper, videoKeeper } from "./keep";
import { type VideoState, withPreview } from "./state";
import { createVideoLab, type VideoClient } from "./store";
import { changedVideoSettings, isBarelyTrained, smoothed, stepRow, trainingWords } from "./words";

const settings = { ...defaults(videoParams), trainSteps: 4 };
const info: WeightsInfo = {
  id: "1",
  name: "w.safetensors",
  config: { frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2 },
  tokens: 128,
  parameters: 10,
  bytes: 40,
  origin: { steps: 2, seed: 0, loss: 1.5, validationLoss: null, stopped: true },
};
const row = (step: number, loss = 1): VideoMetrics => ({
  step,
  loss,
  gradientNorm: 1,
  learningRate: 1e-3,
  stepsPerSecond: 2,
  gflops: 1,
  parameterNorm: 3,
});

function start(keeper?: VideoKeeper, shipped = async (): Promise<Blob> => new Blob(["ours"])) {
  const fake = fakeClient();
  const lab = createVideoLab(fake.client as unknown as VideoClient, shipped, keeper);
  const next = (method: string) =>
    fake.next(method as OpenCall["method"]) as Omit<OpenCall, "emit"> & {
      emit(name: string, data: unknown): void;
    };
  return { fake, lab, next, get: lab.state.getState };
}

test("a training that is cancelled keeps its curve, its weights and a state to go on from", async () => {
  const { lab, next, get } = start();
  const done = lab.train(settings);
  const call = next("train");
  expect(call.request).toEqual({ settings, state: null });
  call.emit("device", DEVICE);
  call.emit("metrics", [row(1), row(2)]);
  lab.cancel();
  expect(get().job.state).toBe("cancelling");
  expect(call.options.signal?.aborted).toBe(true);
  call.emit("state", { steps: 2, bytes: new Uint8Array(4) });
  call.emit("weights", { info, bytes: new Uint8Array(8) });
  await call.fail(new TesseraError("cancelled", "Cancelled."));
  await done;
  expect(get()).toMatchObject({ job: { kind: "train", state: "cancelled" }, weights: { value: info } });
  expect(get().metrics.map((m) => m.step)).toEqual([1, 2]);
  expect([get().file?.size, get().training?.steps]).toEqual([8, 2]);

  const on = lab.goOn(settings);
  await settle();
  const second = next("train");
  expect((second.request as { state: Blob }).state).toBe(get().training?.file);
  second.emit("metrics", [row(2, 9), row(3), row(4)]);
  await second.answer({ weights: info, device: DEVICE });
  await on;
  expect(get().metrics.map((m) => m.loss)).toEqual([1, 9, 1, 1]);
  expect(get().job.state).toBe("done");
});

test("a GPU that was lost and replaced in mid-training is told, and steps done again replace the first", async () => {
  const { lab, next, get } = start();
  const done = lab.train(settings);
  const call = next("train");
  call.emit("metrics", [row(1), row(2, 8), row(3, 8)]);
  call.emit("recovered", { at: 3, from: 1 });
  call.emit("device", DEVICE);
  call.emit("metrics", [row(2, 2), row(3, 3), row(4, 4)]);
  await call.answer({ weights: info, device: DEVICE });
  await done;
  expect(get()).toMatchObject({ job: { state: "done" }, recovered: [{ at: 3, from: 1 }] });
  expect(get().metrics.map((m) => m.loss)).toEqual([1, 2, 3, 4]);
  void lab.train(settings);
  expect(get().recovered).toEqual([]);
});

test("a page that may stop has the training hand out its state; so does a pause, and leaving waits for it", async () => {
  const { fake, lab, next, get } = start();
  lab.saveState();
  expect(fake.calls).toEqual([]);
  const done = lab.train(settings);
  const call = next("train");
  lab.saveState();
  expect(next("saveState").request).toEqual({});
  call.emit("state", { steps: 1, bytes: new Uint8Array(4) });
  expect(get().training?.steps).toBe(1);
  void lab.pause();
  await next("saveState").answer(undefined);

  lab.close();
  expect(call.options.signal?.aborted).toBe(true);
  expect(fake.terminated).toEqual([]);
  call.emit("state", { steps: 2, bytes: new Uint8Array(4) });
  await call.fail(new TesseraError("cancelled", "Cancelled."));
  await done;
  expect(get().training?.steps).toBe(2);
  expect(fake.terminated).toEqual(["its page was closed"]);
});

test("a worker that died is given the weights again before it samples", async () => {
  const { lab, next, get } = start();
  const loading = lab.loadWeights(new Blob(["abc"]), "w.safetensors");
  await settle();
  await next("loadWeights").answer(info);
  await loading;
  const first = lab.sample(settings);
  await settle();
  const call = next("sample");
  const preview = { run: "dense", step: 1, of: 10, size: info.config, clip: new Float32Array(3) };
  call.emit("preview", preview);
  await call.fail(new TesseraError("worker-died", "It died."));
  await first;
  expect(get()).toMatchObject({ job: { state: "failed" }, live: { dense: preview }, sampledWith: info });

  const again = lab.sample(settings);
  await settle();
  const load = next("loadWeights");
  expect(load.request).toEqual({ blob: get().file, name: "w.safetensors" });
  await load.answer(info);
  await next("sample").answer({ steps: [], device: DEVICE });
  await again;
  expect(get().job.state).toBe("done");
  expect(get().live).toEqual({});
});

test("the page's own weights are taken as a file is; when they cannot be had it says so and a file still can be", async () => {
  const { lab, next, get } = start();
  const opening = lab.takeShipped();
  await settle();
  expect(get().weights.state).toBe("waiting");
  const load = next("loadWeights");
  expect(load.request).toMatchObject({ name: "video-xxs.safetensors" });
  await load.answer(info);
  await opening;
  expect(get()).toMatchObject({ view: "clips", weights: { state: "ready", value: info } });
  expect(await get().file?.text()).toBe("ours");

  const offline = start(undefined, () => Promise.reject(new TesseraError("no-weights", "Not to be had.")));
  await offline.lab.takeShipped();
  expect(offline.get().weights).toMatchObject({ state: "failed", error: { message: "Not to be had." } });
  const good = offline.lab.loadWeights(new Blob(["abc"]), "w.safetensors");
  await settle();
  await offline.next("loadWeights").answer(info);
  await good;
  expect(offline.get().weights.state).toBe("ready");
});

test("a file that is refused leaves the weights before in use", async () => {
  const { lab, next, get } = start();
  const good = lab.loadWeights(new Blob(["abc"]), "w.safetensors");
  await settle();
  await next("loadWeights").answer(info);
  await good;
  const bad = lab.loadWeights(new Blob(["x"]), "x.safetensors");
  await settle();
  await next("loadWeights").fail(new TesseraError("weights", "Not weights."));
  await bad;
  expect(get().weights).toMatchObject({ state: "failed", value: info });
  expect(get().file?.size).toBe(3);
});

test("clips under way are shown after the same step, so that their difference means something", () => {
  const of = (run: "dense" | "sparse", step: number): ClipPreview => ({
    run,
    step,
    of: 3,
    size: info.config,
    clip: new Float32Array(1),
  });
  const shown = [of("dense", 1), of("sparse", 1), of("dense", 2), of("sparse", 2)].reduce<{
    live: VideoState["live"];
    steps: string[];
  }>(
    ({ live, steps }, preview) => {
      const next = withPreview(live, preview);
      return { live: next, steps: [...steps, `${next.dense?.step} ${next.sparse?.step}`] };
    },
    { live: {}, steps: [] },
  );
  expect(shown.steps).toEqual(["1 undefined", "1 1", "1 1", "2 2"]);
});

test("a pause holds, and goes on", async () => {
  const { fake, lab, next, get } = start();
  const done = lab.train(settings);
  const pausing = lab.pause();
  expect(get().job.state).toBe("pausing");
  await fake.held();
  await pausing;
  expect(get().job.state).toBe("paused");
  lab.resume();
  expect(get().job.state).toBe("running");
  await next("train").answer({ weights: info, device: DEVICE });
  await done;
});

test("a stored run opens again with its curve, weights, state and clips, and can be gone on with", async () => {
  const runs = runStore(memoryFolder());
  const keeper = videoKeeper(async () => runs);
  const first = start(keeper);
  const done = first.lab.train(settings);
  const call = first.next("train");
  call.emit("device", DEVICE);
  call.emit("metrics", [row(1, 3), row(2, 2)]);
  call.emit("state", { steps: 2, bytes: Uint8Array.of(1, 2) });
  call.emit("weights", { info, bytes: Uint8Array.of(3, 4, 5) });
  await call.answer({ weights: info, device: DEVICE });
  await done;
  await workDone();
  const sampling = first.lab.sample(settings);
  await settle();
  const dense = Float32Array.of(0.5, -0.5);
  const sparse = Float32Array.of(0.25, 1);
  await first.next("sample").answer({ steps: [], comparison: null, device: DEVICE, dense, sparse });
  await sampling;
  await workDone();

  const [record] = await runs.list();
  expect(record).toMatchObject({
    state: "done",
    params: { part: "video", trainSteps: 4 },
    summary: { steps: 2, loss: 2 },
    adapter: DEVICE.name,
  });
  expect((await runs.metrics(record.id)).map((m) => m.loss)).toEqual([3, 2]);

  const second = start(keeper);
  const opening = second.lab.reopen(record.id);
  await workDone();
  await settle();
  const read = second.next("readState");
  expect((read.request as { blob: Blob }).blob.size).toBe(2);
  await read.answer({ steps: 2, config: info.config });
  await opening;
  const shown = second.get();
  expect(shown).toMatchObject({
    view: "clips",
    metrics: [row(1, 3), row(2, 2)],
    weights: { state: "ready", value: info },
    sampled: { dense, sparse },
    saved: { state: "done" },
  });
  expect(new Uint8Array(await shown.file!.arrayBuffer())).toEqual(Uint8Array.of(3, 4, 5));
  void second.lab.goOn(settings);
  await workDone();
  await settle();
  const { state } = second.next("train").request as { state: Blob };
  expect(new Uint8Array(await state.arrayBuffer())).toEqual(Uint8Array.of(1, 2));
});

/** What a page sees that was opened later: nobody holds a run any more. */
const NOBODY = { hold: async () => () => {}, isHeld: async () => false };

/** A page that is closed in the middle of a training, with two steps in its state and three on its curve. */
async function closedInMidRun(folder: Folder): Promise<void> {
  const { lab, next } = start(videoKeeper(async () => runStore(folder)));
  void lab.train(settings);
  const call = next("train");
  call.emit("metrics", [row(1, 3), row(2, 2)]);
  call.emit("state", { steps: 2, bytes: Uint8Array.of(1, 2) });
  call.emit("metrics", [row(3, 9)]);
  await workDone();
}

test("a training that goes on in another tab is neither offered nor taken up, and its record stays as that tab writes it", async () => {
  const folder = memoryFolder();
  await closedInMidRun(folder);
  const elsewhere = {
    hold: () => Promise.reject(new TesseraError("run-held", "Held.")),
    isHeld: async () => true,
  };
  const runs = runStore(folder, { liveness: elsewhere });
  const { lab, next, get } = start(videoKeeper(async () => runs));
  await lab.findInterrupted();
  expect(get().interrupted).toBeUndefined();
  const [before] = await runs.list();
  const opening = lab.reopen(before.id);
  await workDone();
  await settle();
  await next("readState").answer({ steps: 2, config: info.config });
  await opening;
  for (const work of [lab.goOn, lab.sample]) {
    await work(settings);
    expect(get().job).toMatchObject({ state: "failed", error: { code: "run-held" } });
    expect(() => next("train")).toThrow("No call of train is open; open: ");
  }
  await workDone();
  expect(await runs.get(before.id)).toEqual({ ...before, state: "running" });
  expect(get().metrics.map((m) => m.step)).toEqual([1, 2, 3]);
});

test("a training whose page was closed is found, and goes on by its own settings and on its own curve", async () => {
  const folder = memoryFolder();
  await closedInMidRun(folder);
  const runs = runStore(folder, { liveness: NOBODY });
  const { lab, next, get } = start(videoKeeper(async () => runs));
  await lab.findInterrupted();
  const found = get().interrupted!;
  expect(found).toMatchObject({ kind: "train", name: "Video XXS, 4 steps", done: 2, of: 4, settings });
  const on = lab.takeUp(found);
  await workDone();
  await settle();
  await next("readState").answer({ steps: 2, config: info.config });
  await settle();
  const call = next("train");
  expect(call.request).toMatchObject({ settings, state: { size: 2 } });
  expect(get()).toMatchObject({ interrupted: undefined, metrics: [row(1, 3), row(2, 2), row(3, 9)] });
  call.emit("metrics", [row(3, 1), row(4, 1)]);
  await call.answer({ weights: info, device: DEVICE });
  await on;
  await workDone();
  expect(get().metrics).toEqual([row(1, 3), row(2, 2), row(3, 1), row(4, 1)]);
  const [record] = await runs.list();
  expect(record.state).toBe("done");
  expect(await runs.metrics(record.id)).toEqual(get().metrics);
  await lab.findInterrupted();
  expect(get().interrupted).toBeUndefined();
});

test("a state without results beside it opens; one that cannot be gone on from is told, and the curve is shown", async () => {
  const folder = memoryFolder();
  await closedInMidRun(folder);
  const runs = runStore(folder, { liveness: NOBODY });
  const [{ id }] = await runs.list();
  await runs.removeArtefact(id, "results.json");
  const { lab, next, get } = start(videoKeeper(async () => runs));
  const opening = lab.reopen(id);
  await workDone();
  await settle();
  await next("readState").fail(new TesseraError("checkpoint", "It has version 2."));
  await opening;
  expect(get()).toMatchObject({
    stateError: { code: "checkpoint" },
    training: undefined,
    ran: { train: settings },
  });
  expect(get().metrics).toHaveLength(3);
});

test("words: how weights were trained, what changed, the smoothed curve, means over layers", () => {
  expect(trainingWords(info)).toBe("2 steps, loss 1.50, stopped before its end, weights of the last step");
  expect(isBarelyTrained(info)).toBe(true);
  expect(isBarelyTrained({ ...info, origin: { ...info.origin!, steps: 20_000 } })).toBe(false);
  const now = { ...settings, trainSteps: 5, clipSteps: 7 };
  expect(changedVideoSettings("train", settings, now)).toEqual(["Train steps"]);
  expect(changedVideoSettings("sample", settings, now)).toEqual(["Clip steps"]);
  // By hand: 2; (0.5·2 + 4)/(1.5); (0.25·2 + 0.5·4 + 8)/1.75.
  expect(smoothed([2, 4, 8], 0.5)).toEqual([2, 5 / 1.5, 10.5 / 1.75]);
  const layer = {
    ms: {},
    kept: 0.25,
    uniformRecall: null,
    tiers: null,
    maskRecall: null,
    maskOverlap: null,
    recallGauge: [0.5, 0.7],
    truth: {
      recall: [0.4, 0.6],
      bestRecall: [0.5, 0.9],
      overlap: 0.8,
      driftMean: 0.1,
      driftDeviation: 0.2,
      outputError: 0.3,
    },
  };
  const other = { ...layer, kept: 0.75, recallGauge: [0.9, 0.9], truth: null };
  const found = stepRow({
    step: 3,
    t: 0.2,
    output: "sparse",
    search: "none",
    ms: 5,
    layers: [layer, other],
  });
  expect(found).toMatchObject({ kind: "sparse", kept: 0.5, recall: 0.5, bestRecall: 0.7, drift: 0.1 });
  expect(found.gauge).toBeCloseTo(0.75, 12);
  expect(found.overlap).toBeNull();
});
