// The video transformer against PyTorch in float64: velocity, loss, and the gradient of every weight.
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { Tape } from "../../autograd/tape";
import { openNodeGpu } from "../../cli/node-gpu";
import { openGpu } from "../../gpu/gpu";
import { createParameters } from "../../nn/parameters";
import { add, mul, sub } from "../../ops/binary";
import { scoped } from "../../tensor/scope";
import { sizeOf } from "../../tensor/shape";
import { upload } from "../../tensor/tensor";
import { flowLoss } from "./engine/video/flow";
import { createModel, modelSpecs, velocity } from "./engine/video/model";
import { WORDS } from "./engine/video/words";
import type { VideoConfig } from "./protocol-video";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  gpu.close();
});

const golden = JSON.parse(readFileSync(new URL("golden/video/video.json", import.meta.url), "utf8")) as {
  loss: number;
  velocity: number[];
  gradients: Record<string, { norm: number; probe: number }>;
};

/** The sizes and formulas of golden/video/make.py. */
const config: VideoConfig = { frames: 2, height: 8, width: 8, dim: 16, layers: 2, heads: 2 };
const wave = (count: number, phase: number, scale: number, shift = 0): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => shift + scale * Math.sin(0.7 * i + phase));

test("velocity, loss and gradients are those of PyTorch", () =>
  scoped(gpu, async () => {
    const specs = modelSpecs(config);
    const values = new Map(
      Object.entries(specs).map(([name, { shape }], n) => {
        const data = name.endsWith("_norm.weight")
          ? wave(sizeOf(shape), n, 0.2, 1)
          : wave(sizeOf(shape), n, 0.3);
        return [name, { shape, data }];
      }),
    );
    expect([...values.keys()]).toEqual(Object.keys(golden.gradients));
    const weights = createParameters(gpu, specs, { values });
    const model = createModel(gpu, config, weights);
    const clips = upload(gpu, wave(2 * 8 * 48, 0.5, 0.9), [2, 8, 48]);
    const noise = upload(gpu, wave(2 * 8 * 48, 2.5, 1.3), [2, 8, 48]);
    const t = upload(gpu, [0.25, 0.8125], [2, 1]);
    const words = Array.from({ length: 2 * 64 }, (_, i) => (i % 64 < 10 ? (i * 7) % WORDS.length : 0));
    const captions = upload(gpu, words, [2, 64], "u32");

    const noisy = add(noise, mul(sub(clips, noise), t.reshape([2, 1, 1])));
    const got = await velocity(model, noisy, t, captions).readFloats();
    // Angles of the time up to 812 radians are rounded to f32 (3e-5); the largest velocity is 1.7.
    for (const [i, value] of got.entries()) expect(Math.abs(value - golden.velocity[i])).toBeLessThan(1e-4);

    const tape = new Tape(gpu);
    const loss = tape.run(() => flowLoss(model, { clips, noise, t, captions }), weights.tensors);
    const gradients = tape.backward(loss, weights.tensors);
    expect(Math.abs((await loss.readFloats())[0] / golden.loss - 1)).toBeLessThan(2e-5);
    for (const [i, { name }] of weights.places.entries()) {
      const gradient = await gradients[i].readFloats();
      const { norm, probe } = golden.gradients[name];
      expect(Math.abs(Math.hypot(...gradient) / norm - 1), name).toBeLessThan(3e-4);
      const product = gradient.reduce((sum, g, j) => sum + g * Math.cos(j), 0);
      expect(Math.abs(product - probe), name).toBeLessThan(3e-4 * norm);
    }
  }));
