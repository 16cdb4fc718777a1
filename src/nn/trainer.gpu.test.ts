// Training steps on the device against AdamW written out in float64, replay against fresh recording, and what happens
// when a gradient is not finite.
import { afterAll, expect, test } from "vitest";
import { f16ToF32, f32ToF16 } from "../base/half";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { cast } from "../ops/cast";
import { matmul } from "../ops/matmul";
import { scoped } from "../tensor/scope";
import { type DType, type Tensor, upload } from "../tensor/tensor";
import { DEVICE_PLACES } from "./control";
import { halfParameters } from "./mixed";
import { createParameters, type Parameters, readParameters } from "./parameters";
import { learningRate } from "./schedules";
import { createTrainer, type Trainer, type TrainerOptions } from "./trainer";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  expect(gpu.pool.stats().pinnedBytes).toBe(0);
  gpu.close();
});

const N = 70; // more than one chunk of 64
const wave = (n: number, phase: number): number[] =>
  Array.from({ length: n }, (_, i) => Math.fround(Math.sin(1.3 * i + phase)));

/** loss = |w · x + b - y|², with w [1, N], b [1] and data that the test writes anew for each step. */
function regression({ mixed = false } = {}) {
  const parameters = createParameters(
    gpu,
    {
      w: { shape: [1, N], init: { kind: "zeros" } },
      b: { shape: [1], init: { kind: "zeros" }, decay: false },
    },
    {
      values: new Map([
        ["w", { shape: [1, N], data: wave(N, 0) }],
        ["b", { shape: [1], data: [0.25] }],
      ]),
    },
  );
  const x = upload(gpu, new Float32Array(N), [1, N]);
  const y = upload(gpu, new Float32Array(1), [1, 1]);
  const half = mixed ? halfParameters(parameters) : undefined;
  const { at, flat } = half ?? parameters;
  const as = (tensor: Tensor, dtype: DType): Tensor =>
    tensor.dtype === dtype ? tensor : cast(tensor, dtype);
  const loss = (): Tensor => {
    const [left, right] = [as(x, flat.dtype), as(y, flat.dtype)];
    const error = as(matmul(at("w"), left, { transposeB: true, bias: at("b"), residual: right }), "f32");
    return matmul(error, error);
  };
  const write = (step: number): void => {
    for (const [tensor, values] of [
      [x, wave(N, step + 1)],
      [y, [0.5 * Math.cos(step)]],
    ] as const) {
      const data = new Uint8Array(Float32Array.from(values).buffer);
      gpu.queue.record({ kind: "write", target: tensor.allocation, offset: 0, data });
    }
  };
  return { parameters, half, loss, write };
}

const options = (parameters: Parameters, loss: () => Tensor): TrainerOptions => ({
  parameters,
  loss,
  schedule: { kind: "cosine", steps: 12, peak: 0.03, warmup: 3, floor: 0.1 },
  weightDecay: 0.2,
  maxNorm: 5,
  emaDecay: 0.9,
});

/** Loss scale of the tests: gradients of the regression then fit f16. */
const SCALE = 64;

/** The same steps in float64; `store` rounds what mixed precision keeps in f16, gradients at 64 times their size. */
function reference(steps: number, store = (value: number): number => value) {
  const w = Float64Array.from([...wave(N, 0), 0.25]);
  const [m, v, average] = [new Float64Array(N + 1), new Float64Array(N + 1), w.slice()];
  const losses: number[] = [];
  const norms: number[] = [];
  for (let step = 0; step < steps; step++) {
    const x = [...wave(N, step + 1), 1];
    const y = store(Math.fround(0.5 * Math.cos(step)));
    const error = store(x.reduce((sum, value, i) => sum + store(value) * store(w[i]), 0) + y);
    const slope = store(2 * error * SCALE);
    const gradient = x.map((value) => store(slope * store(value)) / SCALE);
    const norm = Math.hypot(...gradient);
    losses.push(error ** 2);
    norms.push(norm);
    const clip = Math.min(1, 5 / (norm + 1e-6));
    const rate = learningRate({ kind: "cosine", steps: 12, peak: 0.03, warmup: 3, floor: 0.1 }, step);
    for (let i = 0; i <= N; i++) {
      const g = gradient[i] * clip;
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      const spread = Math.sqrt(v[i] / (1 - 0.999 ** (step + 1))) + 1e-8;
      w[i] = w[i] * (1 - rate * (i < N ? 0.2 : 0)) - (rate * (m[i] / (1 - 0.9 ** (step + 1)))) / spread;
      average[i] = 0.9 * average[i] + 0.1 * w[i];
    }
  }
  return { w, average, losses, norms };
}

test("twelve steps, ten of them replayed, are those of AdamW in float64", async () => {
  const before = gpu.pool.stats();
  await scoped(gpu, async () => {
    const { parameters, loss, write } = regression();
    expect(parameters.count).toBe(N + 1);
    const trainer = createTrainer(options(parameters, loss));
    for (let step = 0; step < 12; step++) {
      write(step);
      await trainer.step();
    }
    const wanted = reference(12);
    const metrics = await trainer.metrics();
    expect(metrics.map((row) => row.step)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    for (const [i, row] of metrics.entries()) {
      expect(row.bad).toBeNull();
      expect(Math.abs(row.loss / wanted.losses[i] - 1)).toBeLessThan(2e-5);
      expect(Math.abs(row.gradientNorm / wanted.norms[i] - 1)).toBeLessThan(1e-5);
      expect(row.learningRate).toBeCloseTo(learningRate(options(parameters, loss).schedule, i), 8);
    }
    expect(await trainer.metrics()).toEqual([]);
    const got = await readParameters(parameters);
    const average = await readParameters(parameters, trainer.state.average);
    for (const [read, values] of [
      [got, wanted.w],
      [average, wanted.average],
    ] as const) {
      const all = [...Array.from(read.get("w")!.data), read.get("b")!.data[0]];
      for (const [i, value] of all.entries()) expect(Math.abs(value - values[i])).toBeLessThan(3e-6);
    }
    expect(trainer.cost?.pipelines).toBeGreaterThan(2);
    trainer.dispose();
  });
  expect(gpu.pool.stats().liveBuffers).toBe(before.liveBuffers);
  expect(gpu.pool.stats().pinnedBytes).toBe(0);
});

test("a step with a NaN is skipped, named, and leaves weights and moments alone", () =>
  scoped(gpu, async () => {
    const { parameters, loss, write } = regression();
    const trainer = createTrainer(options(parameters, loss));
    for (let step = 0; step < 3; step++) {
      write(step);
      await trainer.step();
    }
    const before = await readParameters(parameters);
    const moments = await trainer.state.first.readFloats();
    const broken = upload(gpu, [Number.NaN], [1, 1]);
    const [x] = [parameters.at("b")];
    gpu.queue.record({
      kind: "copy",
      source: broken.allocation,
      sourceOffset: 0,
      target: x.allocation,
      targetOffset: 0,
      bytes: 4,
    });
    await trainer.step();
    const metrics = await trainer.metrics();
    expect(metrics.map((row) => row.bad)).toEqual([null, null, null, "w"]);
    expect((await readParameters(parameters)).get("w")).toEqual(before.get("w"));
    expect(await trainer.state.first.readFloats()).toEqual(moments);
    trainer.dispose();
  }));

const scaleOf = async ({ state }: Trainer): Promise<number> =>
  (await state.control.readFloats())[DEVICE_PLACES.scale];

test("mixed precision: twelve steps with f16 storage stay at those of AdamW in float64, rounded as it rounds", () =>
  scoped(gpu, async () => {
    const { parameters, half, loss, write } = regression({ mixed: true });
    const trainer = createTrainer({ ...options(parameters, loss), half, lossScaling: { first: SCALE } });
    for (let step = 0; step < 12; step++) {
      write(step);
      await trainer.step();
    }
    const wanted = reference(12, (value) => f16ToF32(f32ToF16(value)));
    const metrics = await trainer.metrics();
    // Sums in f32 may fall on the other side of a tie than in float64: one unit in the last place of f16, 2^-10.
    for (const [i, row] of metrics.entries()) {
      expect(row).toMatchObject({ bad: null, skipped: false });
      expect(Math.abs(row.loss / wanted.losses[i] - 1)).toBeLessThan(2.01 * 2 ** -10);
      expect(Math.abs(row.gradientNorm / wanted.norms[i] - 1)).toBeLessThan(2.01 * 2 ** -10);
    }
    const { data } = (await readParameters(parameters)).get("w")!;
    for (let i = 0; i < N; i++) expect(Math.abs(data[i] - wanted.w[i])).toBeLessThan(1e-4);
    expect(parameters.flat.dtype).toBe("f32");
    trainer.dispose();
  }));

test("mixed precision: steps that overflow are left out and halve the loss scale until the gradients fit; then it goes on", () =>
  scoped(gpu, async () => {
    const { parameters, half, loss } = regression({ mixed: true });
    const trainer = createTrainer({ ...options(parameters, loss), half });
    // x = 0 and b = 0.25: the error is 0.25, its gradient 0.5 times the scale of 2^16 fits; with b = 20.25 it is 40.5 times.
    const { allocation } = parameters.at("b");
    gpu.queue.record({
      kind: "write",
      target: allocation,
      offset: 0,
      data: new Uint8Array(Float32Array.of(20.25).buffer),
    });
    for (let step = 0; step < 7; step++) await trainer.step();
    const metrics = await trainer.metrics();
    // 40.5 · 2^16 is past 65,504, 40.5 · 2^10 = 41,472 is not: six halvings.
    expect(metrics.map((row) => row.skipped)).toEqual([true, true, true, true, true, true, false]);
    expect(metrics.map((row) => row.bad)).toEqual(Array(7).fill(null));
    expect(metrics.map((row) => row.loss)).toEqual(Array(7).fill(20.25 ** 2));
    expect(metrics[6].gradientNorm).toBeCloseTo(40.5, 5);
    expect(await scaleOf(trainer)).toBe(2 ** 10);
    const after = await readParameters(parameters);
    const moved = Math.abs(after.get("b")!.data[0] - 20.25);
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(0.031);
    // A weight past the range of f16 is no matter of scale: the loss itself is not finite, and the step is bad.
    gpu.queue.record({
      kind: "write",
      target: allocation,
      offset: 0,
      data: new Uint8Array(Float32Array.of(1e5).buffer),
    });
    await trainer.step();
    expect((await trainer.metrics()).at(-1)).toMatchObject({ skipped: false, bad: expect.any(String) });
    trainer.dispose();
  }));

test("weights that do not fit the model are refused by name", () => {
  const specs = {
    w: { shape: [2, 3], init: { kind: "zeros" } },
    b: { shape: [3], init: { kind: "ones" } },
  } as const;
  const make = (entries: [string, { shape: number[]; data: number[] }][]) => () =>
    createParameters(gpu, specs, { values: new Map(entries) });
  const b = ["b", { shape: [3], data: [1, 2, 3] }] as [string, { shape: number[]; data: number[] }];
  expect(make([b, ["v", { shape: [], data: [0] }]])).toThrow(
    "The weights do not fit the model: missing are w; not of this model are v",
  );
  expect(make([b, ["w", { shape: [3, 2], data: [] }]])).toThrow(
    "w: the model needs [2, 3], the file has [3, 2]",
  );
});

test.each([false, true])(
  "a thousand steps hold no more memory than ten, and their metrics are all there; mixed: %s",
  (mixed) =>
    scoped(gpu, async () => {
      const { parameters, half, loss, write } = regression({ mixed });
      const trainer = createTrainer({
        ...options(parameters, loss),
        half,
        lossScaling: { first: SCALE },
        schedule: { kind: "constant", steps: 1000, peak: 0.001 },
      });
      const seen: number[] = [];
      const settled: ReturnType<typeof gpu.pool.stats>[] = [];
      for (let step = 0; step < 1000; step++) {
        write(step);
        await trainer.step();
        if (step % 10 !== 9) continue;
        seen.push(...(await trainer.metrics()).map((row) => row.step));
        settled.push(gpu.pool.stats());
      }
      expect(seen).toEqual(Array.from({ length: 1000 }, (_, i) => i));
      for (const stats of settled) expect(stats).toEqual(settled[0]);
      // A thousand good steps double the scale once.
      expect(await scaleOf(trainer)).toBe(mixed ? 2 * SCALE : 0);
      trainer.dispose();
    }),
);
