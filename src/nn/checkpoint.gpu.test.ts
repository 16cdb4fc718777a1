// Saved and resumed training goes on to the same bits; files that do not fit are refused in words; weights travel as f32, f16.
import { afterAll, expect, test } from "vitest";
import { openNodeGpu } from "../cli/node-gpu";
import { encodeSafetensors, openSafetensors } from "../formats/safetensors";
import { bytesSource } from "../formats/source";
import type { TensorFile } from "../formats/tensor-data";
import { openGpu } from "../gpu/gpu";
import { sub } from "../ops/binary";
import { cast } from "../ops/cast";
import { mean } from "../ops/reduce";
import { square } from "../ops/unary";
import { scoped } from "../tensor/scope";
import { upload } from "../tensor/tensor";
import { decodeWeights, encodeTraining, encodeWeights, resumeTraining, trainingBytes } from "./checkpoint";
import { dropout } from "./dropout";
import { linear, linearSpecs } from "./linear";
import { halfParameters } from "./mixed";
import { createParameters, type ParameterSpecs, readParameters } from "./parameters";
import { createTrainer, type TrainerOptions } from "./trainer";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  expect(gpu.pool.stats().pinnedBytes).toBe(0);
  gpu.close();
});

const SPECS: ParameterSpecs = { ...linearSpecs("in", 12, 16), ...linearSpecs("out", 16, 5, { muon: false }) };
const wave = (n: number, phase: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.sin(1.1 * i + phase));

/** A small net with dropout, whose batches depend on the step alone. */
function setUp(seed: number, { mixed, ...more }: Partial<TrainerOptions> & { mixed?: boolean } = {}) {
  const master = createParameters(gpu, SPECS, { seed });
  const half = mixed ? halfParameters(master) : undefined;
  const parameters = half ?? master;
  const { dtype } = parameters.flat;
  const x = upload(gpu, new Float32Array(7 * 12), [7, 12]);
  const y = upload(gpu, new Float32Array(7 * 5), [7, 5]);
  const trainer = createTrainer({
    parameters: master,
    half,
    loss(clock) {
      const input = mixed ? cast(x, dtype) : x;
      const hidden = dropout("hidden", linear(parameters, "in", input, { activation: "silu" }), {
        rate: 0.4,
        clock,
      });
      const found = linear(parameters, "out", hidden);
      return mean(square(sub(mixed ? cast(found, "f32") : found, y)));
    },
    schedule: { kind: "cosine", steps: 30, peak: 0.02, warmup: 3 },
    maxNorm: 1,
    emaDecay: 0.9,
    ...more,
  });
  const step = async (at = trainer.steps): Promise<void> => {
    await trainer.step({
      batch(index) {
        for (const [tensor, phase] of [
          [x, at + 0.3 * index],
          [y, 2 * at + index],
        ] as const) {
          const data = new Uint8Array(Float32Array.from(wave(tensor.size, phase)).buffer);
          gpu.queue.record({ kind: "write", target: tensor.allocation, offset: 0, data });
        }
      },
    });
  };
  return { parameters: master, trainer, step };
}

const opened = (bytes: Uint8Array<ArrayBuffer>): Promise<TensorFile> =>
  openSafetensors(bytesSource(bytes, "state.safetensors"));

test.each([
  ["AdamW", {}],
  ["Muon over two batches", { optimiser: "muon", accumulate: 2 }],
  ["mixed precision over two batches", { mixed: true, accumulate: 2 }],
] as const)("%s: a resumed run goes on to the same bits", (_, options) =>
  scoped(gpu, async () => {
    const whole = setUp(3, options);
    let saved: Uint8Array<ArrayBuffer> | undefined;
    for (let i = 0; i < 12; i++) {
      if (i === 7) saved = await encodeTraining(whole.trainer);
      await whole.step();
    }
    const resumed = setUp(99, options); // other weights: all must come from the file
    await resumeTraining(resumed.trainer, await opened(saved!));
    expect(resumed.trainer.steps).toBe(7);
    for (let i = 7; i < 12; i++) await resumed.step();
    expect(await resumed.trainer.metrics()).toEqual((await whole.trainer.metrics()).slice(7));
    expect(await readParameters(resumed.parameters)).toEqual(await readParameters(whole.parameters));
    for (const part of ["first", "second", "average", "control"] as const)
      expect(await resumed.trainer.state[part]!.readFloats()).toEqual(
        await whole.trainer.state[part]!.readFloats(),
      );
    whole.trainer.dispose();
    resumed.trainer.dispose();
  }),
);

test("dropout draws other values in each step, and the same ones for the same step", () =>
  scoped(gpu, async () => {
    const losses: number[][] = [];
    for (const moves of [false, true]) {
      const { trainer, step } = setUp(5, { schedule: { kind: "constant", steps: 9, peak: 0 } });
      for (let i = 0; i < 3; i++) {
        await step(0); // the same batch and, at rate 0, the same weights
        if (!moves) trainer.resumeAt(0);
      }
      const rows = await trainer.state.history.readFloats();
      losses.push([rows[0], rows[4], rows[8]]);
      trainer.dispose();
    }
    const [still, moving] = losses;
    expect(new Set(still).size).toBe(1);
    expect(new Set(moving).size).toBe(3);
    expect(moving[0]).toBe(still[0]);
  }));

test("a state that does not fit changes nothing and says why", () =>
  scoped(gpu, async () => {
    const { parameters, trainer } = setUp(1);
    const before = await readParameters(parameters);
    const state = await opened(await encodeTraining(trainer));
    const tensors = await Promise.all(
      state.entries.map(async ({ name, dtype, shape }) => ({
        name,
        dtype,
        shape,
        data: (await state.read(name)).data,
      })),
    );
    const refused = async (change: (all: typeof tensors) => typeof tensors, metadata = state.metadata) => {
      const file = await opened(encodeSafetensors(change(tensors), metadata));
      return resumeTraining(trainer, file).then(
        () => "resumed",
        (error: Error) =>
          error.message.replace("This state cannot be resumed: ", "").replace(": state.safetensors", ""),
      );
    };
    const same = (all: typeof tensors) => all;
    expect(await refused(same, {})).toBe("it is no training state; weights alone start a new run");
    expect(await refused(same, { ...state.metadata, version: "2" })).toBe(
      "it has version 2, this program reads version 1",
    );
    expect(await refused(same, { ...state.metadata, optimiser: "muon" })).toBe(
      "it was trained with muon, this run uses adamw",
    );
    expect(await refused(same, { ...state.metadata, steps: "-1" })).toBe('its number of steps is "-1"');
    expect(await refused((all) => all.filter((t) => t.name !== "second.in.bias"))).toBe(
      "second.in.bias is missing",
    );
    expect(await refused((all) => [...all, { ...all[0], name: "model.more" }])).toBe(
      "model.more is not of this model",
    );
    expect(
      await refused((all) => all.map((t) => (t.name === "first.out.weight" ? { ...t, shape: [16, 5] } : t))),
    ).toBe("first.out.weight is [16, 5], the model has [5, 16]");
    expect(await readParameters(parameters)).toEqual(before);
    expect(await refused(same)).toBe("resumed");
    expect(trainingBytes(SPECS, true)).toBe(tensors.reduce((sum, t) => sum + t.data.byteLength, 0));
    trainer.dispose();
  }));

test("weights are saved under their own names and come back, in f16 rounded once", () =>
  scoped(gpu, async () => {
    const parameters = createParameters(gpu, SPECS, { seed: 8 });
    const values = await readParameters(parameters);
    const exact = await decodeWeights(await opened(await encodeWeights(parameters)));
    expect([...exact.keys()]).toEqual(Object.keys(SPECS));
    for (const [name, { shape, data }] of values) expect(exact.get(name)).toEqual({ shape, data });
    const half = await decodeWeights(await opened(await encodeWeights(parameters, { dtype: "F16" })));
    for (const [name, { data }] of values) {
      for (let i = 0; i < data.length; i++)
        expect(Math.abs(half.get(name)!.data[i] - data[i])).toBeLessThanOrEqual(
          2 ** -11 * Math.abs(data[i]) + 3e-8,
        );
    }
  }));
