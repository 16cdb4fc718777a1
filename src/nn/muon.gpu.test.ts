// Muon on the device against Muon in float64: matrices alone, in a batch, wide and tall, with what AdamW updates beside
// them, and with gradients accumulated over two batches.
import { afterAll, expect, test } from "vitest";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { add, sub } from "../ops/binary";
import { sum } from "../ops/reduce";
import { affine, square } from "../ops/unary";
import { scoped } from "../tensor/scope";
import { sizeOf } from "../tensor/shape";
import { type Tensor, upload } from "../tensor/tensor";
import type { MuonSettings } from "./muon";
import { matrixGroups } from "./muon";
import { createParameters, layout, type ParameterSpecs, readParameters } from "./parameters";
import { createTrainer } from "./trainer";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  expect(gpu.pool.stats().pinnedBytes).toBe(0);
  gpu.close();
});

const zeros = { kind: "zeros" } as const;
const SPECS: ParameterSpecs = {
  bias: { shape: [5], init: zeros, decay: false },
  tall: { shape: [12, 5], init: zeros, muon: true },
  first: { shape: [16, 8], init: zeros, muon: true },
  wide: { shape: [3, 40], init: zeros, muon: true },
  second: { shape: [16, 8], init: zeros, muon: true },
  free: { shape: [4, 4], init: zeros },
};
const wave = (n: number, phase: number): number[] =>
  Array.from({ length: n }, (_, i) =>
    Math.fround(Math.sin(1.3 * i + phase) + 0.3 * Math.cos(0.7 * i * phase)),
  );
const start = (name: string): number[] => wave(sizeOf(SPECS[name].shape), name.length);
const target = (name: string, step: number, batch: number): number[] =>
  wave(sizeOf(SPECS[name].shape), name.length + 3 + 0.5 * step + 0.2 * batch);

const RATE = 0.05;
const ADAMW = 0.1;
const DECAY = 0.2;

/** Rows of a matrix in float64. */
type Matrix = number[][];
const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((s, v, k) => s + v * b[k][j], 0)));
const turned = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]));
const combine = (a: Matrix, s: number, b: Matrix, t: number): Matrix =>
  a.map((row, i) => row.map((v, j) => s * v + t * b[i][j]));

function orthogonalised(flat: Float64Array, rows: number, columns: number): Float64Array {
  const norm = Math.max(1e-7, Math.hypot(...flat));
  let x: Matrix = Array.from({ length: rows }, (_, i) =>
    [...flat.subarray(i * columns, (i + 1) * columns)].map((v) => v / norm),
  );
  if (rows > columns) x = turned(x);
  for (let i = 0; i < 5; i++) {
    const gram = product(x, turned(x));
    x = combine(x, 3.4445, product(combine(gram, -4.775, product(gram, gram), 2.0315), x), 1);
  }
  return Float64Array.from((rows > columns ? turned(x) : x).flat());
}

/** Steps in float64 of ½ Σ (w - target)², whose gradient is w - target. */
function reference(steps: number, batches: number, { nesterov = true, adjust }: Partial<MuonSettings>) {
  const weights = new Map(Object.keys(SPECS).map((name) => [name, Float64Array.from(start(name))]));
  const first = new Map(Object.keys(SPECS).map((name) => [name, new Float64Array(start(name).length)]));
  const second = new Map(Object.keys(SPECS).map((name) => [name, new Float64Array(start(name).length)]));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    let loss = 0;
    for (const [name, w] of weights) {
      const targets = Array.from({ length: batches }, (_, b) => target(name, step, b));
      for (const t of targets) loss += t.reduce((s, v, i) => s + 0.5 * (w[i] - v) ** 2, 0) / batches;
    }
    losses.push(loss);
    for (const [name, w] of weights) {
      const targets = Array.from({ length: batches }, (_, b) => target(name, step, b));
      const g = w.map((v, i) => v - targets.reduce((s, t) => s + t[i], 0) / batches);
      const { muon, shape, decay } = SPECS[name];
      const m = first.get(name)!;
      if (muon) {
        g.forEach((v, i) => {
          m[i] = 0.95 * m[i] + 0.05 * v;
        });
        const u = nesterov ? g.map((v, i) => 0.05 * v + 0.95 * m[i]) : m.slice();
        const z = orthogonalised(u, shape[0], shape[1]);
        const factor =
          adjust === "match-rms-adamw"
            ? 0.2 * Math.sqrt(Math.max(...shape))
            : Math.sqrt(Math.max(1, shape[0] / shape[1]));
        for (const i of w.keys()) w[i] = w[i] * (1 - RATE * DECAY) - RATE * factor * z[i];
        continue;
      }
      const v2 = second.get(name)!;
      const rate = RATE * ADAMW;
      g.forEach((v, i) => {
        m[i] = 0.9 * m[i] + 0.1 * v;
        v2[i] = 0.999 * v2[i] + 0.001 * v * v;
        const spread = Math.sqrt(v2[i] / (1 - 0.999 ** (step + 1))) + 1e-8;
        w[i] =
          w[i] * (1 - rate * (decay === false ? 0 : DECAY)) -
          (rate * m[i]) / (1 - 0.9 ** (step + 1)) / spread;
      });
    }
  }
  return { weights, losses };
}

async function run(steps: number, batches: number, muon: Partial<MuonSettings>) {
  const live = gpu.pool.stats().liveBuffers;
  const found = await scoped(gpu, async () => {
    const values = new Map(
      Object.entries(SPECS).map(([name, { shape }]) => [name, { shape, data: start(name) }]),
    );
    const parameters = createParameters(gpu, SPECS, { values });
    const targets = new Map(
      Object.entries(SPECS).map(([name, { shape }]) => [name, upload(gpu, target(name, 0, 0), shape)]),
    );
    const loss = (): Tensor =>
      Object.keys(SPECS)
        .map((name) => affine(sum(square(sub(parameters.at(name), targets.get(name)!))), 0.5, 0))
        .reduce((a, b) => add(a, b));
    const trainer = createTrainer({
      parameters,
      loss,
      schedule: { kind: "constant", steps, peak: RATE },
      optimiser: "muon",
      muon: { ...muon, adamwRate: ADAMW },
      weightDecay: DECAY,
      accumulate: batches,
    });
    for (let step = 0; step < steps; step++) {
      await trainer.step({
        batch(index) {
          for (const [name, tensor] of targets) {
            const data = new Uint8Array(Float32Array.from(target(name, step, index)).buffer);
            gpu.queue.record({ kind: "write", target: tensor.allocation, offset: 0, data });
          }
        },
      });
    }
    const metrics = await trainer.metrics();
    const weights = await readParameters(parameters);
    trainer.dispose();
    return { metrics, weights };
  });
  expect(gpu.pool.stats().liveBuffers).toBe(live);
  expect(gpu.pool.stats().pinnedBytes).toBe(0);
  return found;
}

async function expectAgreement(batches: number, muon: Partial<MuonSettings>): Promise<void> {
  const { metrics, weights } = await run(5, batches, muon);
  const wanted = reference(5, batches, muon);
  for (const [i, { loss, bad }] of metrics.entries()) {
    expect(bad).toBeNull();
    expect(Math.abs(loss / wanted.losses[i] - 1)).toBeLessThan(2e-5);
  }
  // Five rounds can enlarge the rounding of a small singular value 485 times; a step is 0.05 of the result.
  for (const [name, values] of wanted.weights) {
    for (const [i, value] of values.entries())
      expect(Math.abs(weights.get(name)!.data[i] - value), `${name} ${i}`).toBeLessThan(1e-4);
  }
}

test("equal shapes are one group where they lie side by side", () => {
  const groups = matrixGroups(layout(SPECS).places).map((g) => [g.rows, g.columns, g.count]);
  expect(groups).toEqual([
    [12, 5, 1],
    [16, 8, 2],
    [3, 40, 1],
  ]);
  expect(() => matrixGroups(layout({ w: { shape: [2, 3, 4], init: zeros, muon: true } }).places)).toThrow(
    "Muon updates matrices, w is [2, 3, 4]",
  );
});

test("five steps of Muon and AdamW side by side are those in float64", () => expectAgreement(1, {}));
test("without Nesterov, with the rate that matches AdamW, over two batches a step", () =>
  expectAgreement(2, { nesterov: false, adjust: "match-rms-adamw" }));
