// The session behind the second part's page, on a real adapter: train, sample, stop, go on, weights in and out. Its numbers
// are held against the command's and against the clips that it gives.
import { afterAll, expect, test } from "vitest";
import { validate } from "../../base/params";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";

import { memoryFolder } from "../../formats/folder";
import { openNpz } from "../../formats/npz";
import { openSafetensors } from "../../formats/safetensors";

import { bytesSource } from "../../formats/source";
import { openGpu } from "../../gpu/gpu";
import type { CommandHost } from "../define";
import { commands } from "./engine/commands";
import { forwardCost } from "./engine/video/cost";
import { videoSession } from "./engine/video/session";
import { stateValues } from "./engine/video/weights";
import { encodeRows } from "./protocol-video-ablate";
import type { VideoSettings } from "./protocol-video-page";
import { contextOf, type Event, of, settings } from "./video-session-testing";

const { gpu: source } = await openNodeGpu();
// Both devices take the same variants: two ways of adding up give two last bits.
let winners: Readonly<Record<string, string>> = {};
const tuneStore = {
  load: async () => winners,
  save: async (next: typeof winners) => {
    winners = next;
  },
};
const session = videoSession(async () => source, { tuneStore });
afterAll(() => session.close({}, contextOf().context));

/** Mean over the frames that differ of 10·log10(4 / mean squared error), written down anew. */
function meanPsnr(a: Float32Array, b: Float32Array, frames: number): number {
  const size = a.length / frames;
  const values: number[] = [];
  for (let f = 0; f < frames; f++) {
    let squares = 0;
    for (let i = f * size; i < (f + 1) * size; i++) squares += (a[i] - b[i]) ** 2;
    if (squares > 0) values.push(10 * Math.log10((4 * size) / squares));
  }
  return values.reduce((x, y) => x + y, 0) / values.length;
}

test("without weights nothing is sampled, and what is asked for is told before it runs", async () => {
  await expect(session.sample({ settings }, contextOf().context)).rejects.toMatchObject({
    code: "no-weights",
  });
  const told = await session.inspect({ settings }, contextOf().context);
  expect(told).toMatchObject({ tokens: 128, blocks: 6, trainSeconds: null, sampleSeconds: null });
  // 4 video blocks of 32, half of them kept, and two of text; text rows keep all.
  expect(told.kept).toBeCloseTo((4 * 4 + 2 * 6) / 36, 12);
  const wrong = { settings: { ...settings, sparseSearches: "9" } };
  await expect(session.inspect(wrong, contextOf().context)).rejects.toThrow(/searches: steps count from 1/);
});

test("what compiles is left out of the estimate: two steps tell no pace, a longer training that of its later steps", async () => {
  await session.train({ settings: { ...settings, trainSteps: 2 }, state: null }, contextOf().context);
  expect(await session.inspect({ settings }, contextOf().context)).toMatchObject({ trainSeconds: null });
  const { context, events, told } = contextOf();
  await session.train({ settings: { ...settings, trainSteps: 5 }, state: null }, context);
  const left = told.filter((p) => p.what.startsWith("Training")).map((p) => p.secondsLeft);
  expect(left.map((seconds) => seconds !== null)).toEqual([false, false, true, true, true]);
  expect(left[3]).toBeGreaterThan(0);
  expect(left[4]).toBe(0);
  const last = of(events, "metrics").at(-1)![0];
  const { trainFlops, trainSeconds } = await session.inspect({ settings }, contextOf().context);
  expect(trainSeconds).toBeCloseTo(trainFlops / (1e9 * last.gflops), 9);
  const sampling = contextOf();
  await session.sample({ settings }, sampling.context);
  const steps = sampling.told.map((p) => p.secondsLeft !== null);
  // The run that is thrown away, the first step of eight, then every step has a pace.
  expect(steps).toEqual([false, false, ...new Array<boolean>(7).fill(true)]);
});

test("training gives the command's weights, sampling the quality of the clips that it shows", async () => {
  const { context, events } = contextOf();
  const trained = await session.train({ settings, state: null }, context);
  expect(
    of(events, "metrics")
      .flat()
      .map((m) => m.step),
  ).toEqual([1, 2, 3, 4]);
  const [{ info, bytes }] = of(events, "weights");
  expect(info).toEqual(trained.weights);
  expect(info).toMatchObject({ tokens: 128, origin: { steps: 4, seed: 0 } });

  const files = new Map<string, Uint8Array>();
  const gpu = await openGpu(source, { tuneStore });
  const host: CommandHost = {
    open: async (path) => bytesSource(files.get(path)!, path),
    write: async (path, written) => void files.set(path, written.slice()),
    folder: async (path) => memoryFolder(path),
    outputFolder: async (path) => memoryFolder(path),
    gpu: async () => gpu,
  };
  const { train } = commands;
  const flags = { frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2, steps: 4, batch: 2 };
  const asked = validate(train.params, { ...flags, every: 1, dtype: "F32", out: "w" });
  const printed = await train.run({ params: asked, files: [] }, host, plainContext());
  expect(printed).toMatchObject({ validationLoss: info.origin?.validationLoss });
  expect(Buffer.from(files.get("w")!).equals(Buffer.from(bytes))).toBe(true);
  gpu.close();

  const run = contextOf();
  const sampled = await session.sample({ settings }, run.context);
  expect(sampled.dense.length).toBe(8 * 16 * 16 * 3);
  // Nothing of either stays on the device.
  expect([trained.device.bytesInUse, sampled.device.bytesInUse]).toEqual([0, 0]);
  expect(sampled.comparison?.meanPsnr).toBeCloseTo(meanPsnr(sampled.sparse, sampled.dense, 8), 6);
  const previews = of(run.events, "preview");
  expect(previews.map((p) => `${p.run} ${p.step}`)).toEqual(
    [1, 2, 3, 4].flatMap((step) => [`dense ${step}`, `sparse ${step}`]),
  );
  expect(previews[7].clip).toEqual(sampled.sparse);
  expect(
    of(run.events, "step")
      .filter((s) => s.run === "sparse")
      .map((s) => s.report),
  ).toEqual(sampled.steps);
  const told = await session.inspect({ settings }, contextOf().context);
  expect(told.trainSeconds).toBeGreaterThan(0);
  expect(told.sampleSeconds).toBeGreaterThan(0);

  const file = await openNpz(
    bytesSource(
      await session.clipsFile(
        {
          dense: sampled.dense,
          sparse: sampled.sparse,
          size: info.config,
          parameters: { steps: 4, é: [null] },
        },
        contextOf().context,
      ),
      "clips.npz",
    ),
  );
  expect(file.entries.map((e) => [e.name, e.dtype, e.shape])).toEqual([
    ["dense", "F32", [8, 16, 16, 3]],
    ["sparse", "F32", [8, 16, 16, 3]],
    ["parameters", "U8", [expect.any(Number)]],
  ]);
  expect((await file.read("sparse")).data).toEqual(sampled.sparse);
  const { data } = await file.read("parameters");
  expect(JSON.parse(Buffer.from(data as Uint8Array).toString())).toEqual({ steps: 4, é: [null] });

  // The same weights out of their file sample the same clip.
  const loaded = await session.loadWeights(
    { blob: new Blob([bytes]), name: "w.safetensors" },
    contextOf().context,
  );
  expect(loaded).toEqual({ ...info, name: "w.safetensors" });
  const again = await session.sample({ settings }, contextOf().context);
  expect(again.sparse).toEqual(sampled.sparse);
});

test("a stopped training keeps the weights of its last step, and goes on to the whole one's end", async () => {
  const whole = await session.train({ settings, state: null }, contextOf().context);
  const first: ReturnType<typeof contextOf> = contextOf((event) => {
    if (event.name === "metrics") first.abort.abort();
  });
  const long = { ...settings, trainSteps: 40 };
  await expect(session.train({ settings: long, state: null }, first.context)).rejects.toMatchObject({
    code: "cancelled",
  });
  const [{ info }] = of(first.events, "weights");
  const [state] = of(first.events, "state");
  expect(state.steps).toBe(of(first.events, "metrics")[0].length);
  expect(info.origin).toMatchObject({ steps: state.steps, stopped: true, validationLoss: null });
  // The stopped weights are the ones that are sampled.
  expect((await session.sample({ settings }, contextOf().context)).dense.length).toBe(8 * 16 * 16 * 3);

  const part: ReturnType<typeof contextOf> = contextOf((event) => {
    if (event.name === "metrics" && event.data[0].step < settings.trainSteps) part.abort.abort();
  });
  const cut = session.train({ settings, state: null }, part.context).catch(() => undefined);
  await cut;
  const [half] = of(part.events, "state");
  const on = await session.train({ settings, state: new Blob([half.bytes]) }, contextOf().context);
  expect(on.weights.id).toBe(whole.weights.id);
});

test("asked for, the state comes before the next step begins, and the training goes on to the same weights", async () => {
  const long = { ...settings, trainSteps: 6 };
  const whole = await session.train({ settings: long, state: null }, contextOf().context);
  const asking = contextOf((event) => {
    if (event.name === "metrics" && event.data[0].step === 2) void session.saveState({}, asking.context);
  });
  const trained = await session.train({ settings: long, state: null }, asking.context);
  expect(trained.weights.id).toBe(whole.weights.id);
  const names = asking.events.filter((e) => e.name === "state" || e.name === "metrics");
  expect(names.map((e) => (e.name === "state" ? `state ${e.data.steps}` : `step ${e.data[0].step}`))).toEqual(
    [...["step 1", "step 2", "state 2", "step 3", "step 4", "step 5", "step 6", "state 6"]],
  );
  const [{ bytes }] = of(asking.events, "state");
  const on = await session.train({ settings: long, state: new Blob([bytes]) }, contextOf().context);
  expect(on.weights).toEqual(whole.weights);
});

test("the learning rate can be changed on the way, a state remembers it, and what a step takes is told", async () => {
  const long = { ...settings, trainSteps: 6 };
  const plain = contextOf();
  await session.train({ settings: long, state: null }, plain.context);
  const lines = (events: readonly Event[]) => of(events, "metrics").flat();
  const usual = lines(plain.events).map((m) => m.learningRate);
  const changed: ReturnType<typeof contextOf> = contextOf((event) => {
    if (event.name === "metrics" && event.data[0].step === 2)
      void session.setRate({ factor: 0.5 }, changed.context);
    if (event.name === "metrics" && event.data[0].step === 3) void session.saveState({}, changed.context);
  });
  const trained = await session.train({ settings: long, state: null }, changed.context);
  const rates = lines(changed.events).map((m) => m.learningRate);
  expect(rates).toEqual(usual.map((rate, i) => Math.fround((i < 2 ? 1 : 0.5) * rate)));
  const [{ steps, bytes }] = of(changed.events, "state");
  expect(steps).toBe(3);
  const on = contextOf();
  expect((await session.train({ settings: long, state: new Blob([bytes]) }, on.context)).weights).toEqual(
    trained.weights,
  );
  expect(lines(on.events).map((m) => m.learningRate)).toEqual(rates.slice(3));
  await expect(session.setRate({ factor: 0 }, on.context)).rejects.toMatchObject({ code: "params" });

  const [cost] = of(changed.events, "cost");
  expect(trained.cost).toMatchObject({ dispatches: cost.dispatches, bytes: cost.bytes });
  // A step reads the weights in both sweeps and the update reads and writes them with gradients and moments.
  const { parameters } = trained.weights;
  expect(cost.bytes).toBeGreaterThan(9 * 4 * parameters);
  expect(cost.peakBytes).toBeGreaterThan(4 * 4 * parameters);
  const norm = lines(changed.events).at(-1)!.parameterNorm!;
  // The last weights are in the state of the last step.
  const values = await stateValues(
    await openSafetensors(bytesSource(of(changed.events, "state").at(-1)!.bytes)),
  );
  let squares = 0;
  for (const { data } of values.values()) for (let i = 0; i < data.length; i++) squares += data[i] ** 2;
  expect(Math.abs(norm / Math.sqrt(squares) - 1)).toBeLessThan(1e-5);
});

test("clips drawn on the way leave the training as it is, bit for bit, and are those of the averaged weights", async () => {
  // So many steps that the average is not the last weights.
  const long = { ...settings, trainSteps: 20, clipSteps: 3, reportLevel: "steps" as const };
  const losses = (events: readonly Event[]) =>
    of(events, "metrics")
      .flat()
      .map((m) => [m.step, m.loss, m.gradientNorm]);
  const quiet = contextOf();
  const plain = await session.train({ settings: { ...long, previewEvery: 0 }, state: null }, quiet.context);
  expect(of(quiet.events, "drawn")).toEqual([]);
  const drawing = contextOf();
  const trained = await session.train(
    { settings: { ...long, previewEvery: 3 }, state: null },
    drawing.context,
  );
  expect(losses(drawing.events)).toEqual(losses(quiet.events));
  expect(trained.weights).toEqual(plain.weights);
  expect(trained.device.bytesInUse).toBe(0);
  const clips = of(drawing.events, "drawn");
  expect(clips.map((c) => c.step)).toEqual([3, 6, 9, 12, 15, 18, 20]);
  const { dense } = await session.sample({ settings: long }, contextOf().context);
  expect(clips[6].clip).toEqual(dense);
  expect(clips[5].clip).not.toEqual(dense);
  expect(clips[6].size).toEqual({ frames: 8, height: 16, width: 16 });

  // The same from a state in the middle, whose steps and clips come once more.
  const again = contextOf();
  const half: ReturnType<typeof contextOf> = contextOf((event) => {
    if (event.name === "metrics" && event.data[0].step === 10) void session.saveState({}, half.context);
  });
  await session.train({ settings: { ...long, previewEvery: 5 }, state: null }, half.context);
  const [state] = of(half.events, "state");
  await session.train(
    { settings: { ...long, previewEvery: 3 }, state: new Blob([state.bytes]) },
    again.context,
  );
  expect(losses(again.events)).toEqual(losses(quiet.events).slice(state.steps));
  expect(of(again.events, "drawn").map((c) => c.clip)).toEqual(
    clips.filter((c) => c.step > state.steps).map((c) => c.clip),
  );
  const unknown = { ...long, clipPrompt: "a purple cow" };
  await expect(session.train({ settings: unknown, state: null }, contextOf().context)).rejects.toMatchObject({
    code: "caption",
  });
});

test("an ablation runs the points that are missing, and the command goes on with its lines", async () => {
  const training = contextOf();
  await session.train({ settings, state: null }, training.context);
  const [{ info, bytes }] = of(training.events, "weights");
  const grid: VideoSettings = {
    ...settings,
    gridSparsity: "0.5,0.75",
    gridSearches: "2",
    gridDenseSteps: "1",
    gridTiers: "false",
    gridLseReuse: "true",
  };
  const plan = (change: Partial<VideoSettings>, done: string[] = []) =>
    session.planAblation({ settings: { ...grid, ...change }, done }, contextOf().context);
  const { keys, left } = await plan({});
  expect([keys.length, left]).toEqual([2, 2]);
  expect((await plan({}, [keys[1]])).left).toBe(1);
  // Without a search every step is dense: 4 of the dense clip, 1 before, 4 of the point.
  const dense = await plan({ gridSparsity: "0", gridSearches: "" });
  expect(dense.flops).toBeCloseTo(9 * forwardCost(info.config).total, -1);
  expect(dense.seconds).toBeGreaterThan(0);
  await expect(plan({ gridSearches: "9" })).rejects.toThrow(/searches: steps count from 1 to 4, got 9/);

  const first: ReturnType<typeof contextOf> = contextOf((event) => {
    if (event.name === "row") first.abort.abort();
  });
  await expect(session.ablate({ settings: grid, done: [] }, first.context)).rejects.toMatchObject({
    code: "cancelled",
  });
  expect(of(first.events, "points")).toEqual([{ keys }]);
  const rows = of(first.events, "row");
  expect(rows.map((row) => row.key)).toEqual([keys[0]]);
  const same = { ...settings, sparseTiers: false, sparseSparsity: 0.5 };
  const sampled = await session.sample({ settings: same }, contextOf().context);
  expect([rows[0].psnr, rows[0].ssim]).toEqual([sampled.comparison?.meanPsnr, sampled.comparison?.meanSsim]);

  const second = contextOf();
  const ended = await session.ablate({ settings: grid, done: [keys[0]] }, second.context);
  expect(ended).toMatchObject({ points: 2, run: 1, device: { bytesInUse: 0 } });
  rows.push(...of(second.events, "row"));
  expect(rows.map((row) => [row.key, row.settings.sparsity])).toEqual([
    [keys[0], 0.5],
    [keys[1], 0.75],
  ]);

  const gpu = await openGpu(source, { tuneStore });
  const host: CommandHost = {
    open: async (path) => bytesSource(path === "w" ? bytes : encodeRows(rows), path),
    write: async () => expect.unreachable("every point is done"),
    folder: async (path) => memoryFolder(path),
    outputFolder: async (path) => memoryFolder(path),
    gpu: async () => gpu,
  };
  const asked = validate(commands.ablate.params, {
    ...{ weights: "w", steps: 4, clips: 1, sparsity: "0.5,0.75", block: "32" },
    ...{ denseSteps: "1", searches: "2", tiers: "false", lseReuse: "true" },
  });
  const printed = await commands.ablate.run({ params: asked, files: [] }, host, plainContext());
  gpu.close();
  expect(printed).toMatchObject({ points: 2, run: 0, skipped: 2, rows });
});

test("a cancelled sampling ends after the step it is in, with the steps done told", async () => {
  const run: ReturnType<typeof contextOf> = contextOf((event) => {
    if (event.name === "preview" && event.data.step === 2) run.abort.abort();
  });
  await expect(session.sample({ settings }, run.context)).rejects.toMatchObject({ code: "cancelled" });
  expect(of(run.events, "preview").map((p) => `${p.run} ${p.step}`)).toEqual([
    "dense 1",
    "sparse 1",
    "dense 2",
  ]);
});

test("files that are no weights of such a model are refused in words", async () => {
  const load = (bytes: Uint8Array<ArrayBuffer>) =>
    session.loadWeights({ blob: new Blob([bytes]), name: "x.safetensors" }, contextOf().context);
  const { encodeSafetensors } = await import("../../formats/safetensors");
  await expect(load(encodeSafetensors([], {}))).rejects.toThrow(
    /Weights of tessera-video-transformer-1 are needed, the file says nothing/,
  );
  const config = JSON.stringify({ frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2 });
  const metadata = { architecture: "tessera-video-transformer-1", config };
  await expect(load(encodeSafetensors([], metadata))).rejects.toThrow(/ is missing: x\.safetensors/);
  await expect(load(new Uint8Array(40))).rejects.toThrow(/x\.safetensors/);
});
