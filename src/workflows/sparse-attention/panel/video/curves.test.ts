// Curves of stored trainings beside the one that is shown, clips on the way, and their words, with a session that the test
// drives.
import { expect, test } from "vitest";
import { TesseraError } from "../../../../base/errors";
import { workDone } from "../../../../base/idle";
import { defaults } from "../../../../base/params";
import { memoryFolder } from "../../../../runs/folder";
import { runStore } from "../../../../runs/store";
import { videoParams } from "../../protocol-video-page";
import type { TrainClip, VideoMetrics } from "../../protocol-video-session";
import { DEVICE, fakeClient, type OpenCall } from "../testing";
import { createCurves } from "./curves";
import { type VideoKeeper, videoKeeper } from "./keep";
import { createVideoLab, type VideoClient } from "./store";
import { lossSeries, runLabels } from "./words";

const settings = { ...defaults(videoParams), trainSteps: 2 };
const row = (step: number, loss: number): VideoMetrics => ({
  step,
  loss,
  gradientNorm: 1,
  learningRate: 1e-3,
  stepsPerSecond: 2,
  gflops: 1,
  parameterNorm: 3,
});
const clip = (step: number): TrainClip => ({
  step,
  caption: "a",
  size: { frames: 1, height: 1, width: 1 },
  clip: Float32Array.of(step, 0, 0),
});

function start(keeper?: VideoKeeper) {
  const fake = fakeClient();
  const lab = createVideoLab(fake.client as unknown as VideoClient, async () => new Blob(), keeper);
  const next = () =>
    fake.next("train" as OpenCall["method"]) as Omit<OpenCall, "emit"> & {
      emit(name: string, data: unknown): void;
    };
  return { lab, next };
}

test("stored trainings are listed without the one that is shown, drawn when chosen, and gone when removed", async () => {
  const runs = runStore(memoryFolder());
  const { lab, next } = start(videoKeeper(async () => runs));
  const train = async (loss: number): Promise<void> => {
    const done = lab.train(settings);
    const call = next();
    call.emit("metrics", [row(1, loss), row(2, loss / 2)]);
    await call.answer({ device: DEVICE });
    await done;
    await workDone();
  };
  await train(8);
  await lab.curves.list();
  expect(lab.curves.state.getState().runs).toEqual([]);
  await train(4);
  // One of another workflow, and one that never came to a step, have no curve here.
  const other = { name: "x", params: {}, adapter: "", codeVersion: "1" };
  await runs.create({ ...other, workflow: "hello" });
  await runs.create({ ...other, workflow: "sparse-attention", params: { part: "video" } });
  await lab.curves.list();
  const { runs: listed } = lab.curves.state.getState();
  expect(listed?.map((run) => run.name)).toEqual(["Video XXS, 2 steps"]);

  const [{ id }] = listed!;
  await lab.curves.toggle(id);
  expect(lab.curves.state.getState().shown.map((c) => c.metrics.map((m) => m.loss))).toEqual([[8, 4]]);
  await lab.curves.toggle(id);
  expect(lab.curves.state.getState().shown).toEqual([]);
  await lab.curves.toggle(id);
  await runs.remove(id);
  await lab.curves.list();
  expect(lab.curves.state.getState()).toMatchObject({ runs: [], shown: [] });
});

test("a storage that cannot be read is told, and without one there is nothing to list", async () => {
  const bare = createCurves(undefined, async () => undefined);
  await bare.list();
  expect(bare.state.getState()).toEqual({ runs: [], shown: [], error: undefined });
  const broken = createCurves(
    videoKeeper(() => Promise.reject(new TesseraError("storage", "No room."))),
    async () => undefined,
  );
  await broken.list();
  expect(broken.state.getState().error).toMatchObject({ code: "storage" });
});

test("the latest six clips of a training are kept; those after a state that was gone on from come anew", () => {
  const { lab, next } = start();
  void lab.train(settings);
  const call = next();
  for (let step = 1; step <= 8; step++) call.emit("drawn", clip(step));
  const steps = () => lab.state.getState().drawn.map((one) => one.step);
  expect(steps()).toEqual([3, 4, 5, 6, 7, 8]);
  call.emit("drawn", clip(7));
  expect(steps()).toEqual([3, 4, 5, 6, 7]);
});

test("one line for each other training, smoothed alike, under a name of its own", () => {
  const own = [row(1, 2), row(2, 4)];
  const names = (keep: number) => lossSeries(own, keep, [{ label: "A", metrics: own }]).map((s) => s.name);
  expect([names(0), names(0.5)]).toEqual([
    ["Loss", "A"],
    ["Loss", "Smoothed", "A"],
  ]);
  // By hand: 2; (0.5·2 + 4)/1.5.
  expect(lossSeries([], 0.5, [{ label: "A", metrics: own }])).toEqual([
    { name: "A", x: [1, 2], y: [2, 5 / 1.5], points: false },
  ]);
  const at = { name: "V", createdAt: 0 };
  const [first, second, third] = runLabels([at, at, { ...at, name: "W" }]);
  expect(first).toMatch(/^V \(.*1970.*\)$/);
  expect([second, third]).toEqual([`${first}, 2`, first.replace("V", "W")]);
});
