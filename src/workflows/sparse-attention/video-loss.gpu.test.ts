// A training whose device is lost, or whose numbers go wrong, on a real adapter: it goes on by itself to the same bits, or it
// stops at the last good state.
import { afterAll, expect, test } from "vitest";
import { defaults } from "../../base/params";
import { plainContext, type TaskContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { openSafetensors } from "../../formats/safetensors";
import { bytesSource } from "../../formats/source";
import { videoSession } from "./engine/video/session";
import { readWeights, stateValues } from "./engine/video/weights";
import { type VideoSettings, videoParams } from "./protocol-video-page";
import type { VideoEvents } from "./protocol-video-session";

const { gpu: source } = await openNodeGpu();
const devices: GPUDevice[] = [];
/** The adapter, with every device that is opened on it at hand. */
const watched = new Proxy(source, {
  get(gpu, name) {
    if (name !== "requestAdapter") return Reflect.get(gpu, name);
    return async (options: GPURequestAdapterOptions) => {
      const adapter = (await gpu.requestAdapter(options))!;
      const { requestDevice } = adapter;
      return Object.assign(adapter, {
        async requestDevice(asked: GPUDeviceDescriptor) {
          const device = await requestDevice.call(adapter, asked);
          devices.push(device);
          return device;
        },
      });
    };
  },
});
const session = videoSession(async () => watched);
const loseDevice = (): void => devices.at(-1)!.destroy();

const settings: VideoSettings = {
  ...defaults(videoParams),
  modelFrames: 8,
  modelHeight: 16,
  modelWidth: 16,
  modelDim: 32,
  modelLayers: 1,
  modelHeads: 2,
  trainSteps: 12,
};

type Event = { [Name in keyof VideoEvents]: { name: Name; data: VideoEvents[Name] } }[keyof VideoEvents];

/** A context that does something at each event, and what came so far: losses by step, other events in words. */
function watch(onEvent: (event: Event) => void = () => {}) {
  const losses: number[] = [];
  const told: string[] = [];
  const states = new Map<number, Uint8Array<ArrayBuffer>>();
  const weights: Uint8Array<ArrayBuffer>[] = [];
  const context = plainContext({
    emit(name, data) {
      const event = { name, data } as Event;
      if (event.name === "metrics") for (const { step, loss } of event.data) losses[step] = loss;
      else if (event.name === "recovered") told.push(`lost at ${event.data.at}, on from ${event.data.from}`);
      else if (event.name === "state") states.set(event.data.steps, event.data.bytes.slice());
      else if (event.name === "weights") weights.push(event.data.bytes);
      onEvent(event);
    },
  }) as unknown as TaskContext<VideoEvents>;
  return { context, losses, told, states, weights };
}

const whole = watch();
const trained = await session.train({ settings, state: null }, whole.context);
afterAll(() => session.close({}, watch().context));

test("losses before and after the first state: the training goes on by itself to the same losses and weights", async () => {
  const left = [2, 7, 10];
  const seen: ReturnType<typeof watch> = watch((event) => {
    if (event.name !== "metrics") return;
    const [{ step }] = event.data;
    if (step === 3 || step === 8) void session.saveState({}, seen.context);
    if (step === left[0]) {
      left.shift();
      loseDevice();
    }
  });
  const before = devices.length;
  const found = await session.train({ settings, state: null }, seen.context);
  expect(devices.length - before).toBe(3);
  expect(seen.told).toEqual(["lost at 2, on from 0", "lost at 7, on from 3", "lost at 10, on from 8"]);
  expect(seen.losses).toEqual(whole.losses);
  expect(found.weights).toEqual(trained.weights);
  expect(found.device).toMatchObject({ isLost: false, bytesInUse: 0 });
});

test("a device that dies again and again at one place ends the training with what was saved", async () => {
  const seen: ReturnType<typeof watch> = watch((event) => {
    if (event.name !== "metrics") return;
    const [{ step }] = event.data;
    if (step === 1) void session.saveState({}, seen.context);
    if (step === 4) loseDevice();
  });
  await expect(session.train({ settings, state: null }, seen.context)).rejects.toMatchObject({
    code: "device-lost",
    message: expect.stringContaining("lost 3 times without progress"),
  });
  expect(seen.told).toEqual(["lost at 4, on from 1", "lost at 4, on from 1"]);
  const [kept] = seen.weights;
  expect((await readWeights(bytesSource(kept, "w"))).origin).toMatchObject({ steps: 1, stopped: true });
  // The next training has a device again.
  const on = await session.train({ settings, state: new Blob([seen.states.get(1)!]) }, watch().context);
  expect(on.weights).toEqual(trained.weights);
  expect(on.resumedAt).toBe(1);
});

test("numbers that go wrong end the training at the last good state, and say at which step and in which tensor", async () => {
  const wild = { ...settings, trainSteps: 40, trainLearningRate: 1, trainMaxNorm: 0, trainWarmup: 40 };
  const seen: ReturnType<typeof watch> = watch((event) => {
    if (event.name === "metrics") void session.saveState({}, seen.context);
  });
  const error = await session.train({ settings: wild, state: null }, seen.context).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "diverged" });
  const { step, tensor, kept } = (error as { fields: { step: number; tensor: string; kept: number } }).fields;
  expect((error as Error).message).toContain(`at step ${step} the `);
  expect((error as Error).message).toContain(`Weights and state of step ${kept} are kept.`);
  expect(kept).toBe(step - 1); // asked for while a step is told, the state is that of this step
  expect([...seen.states.keys()].at(-1)).toBe(kept);
  expect(tensor).not.toBe("");
  expect(seen.losses).toHaveLength(step);
  const [weights] = seen.weights;
  const values = await stateValues(await openSafetensors(bytesSource(seen.states.get(kept)!)));
  const found = await readWeights(bytesSource(weights, "w"));
  for (const [name, { data }] of values) {
    expect(found.values.get(name)?.data, name).toEqual(data);
    expect((data as Float32Array).every(Number.isFinite), name).toBe(true);
  }
});
