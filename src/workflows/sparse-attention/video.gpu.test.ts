// The whole of the second part on a real adapter, as small as it gets: a transformer of 2 layers and 128 video tokens
// learns moving shapes, and samples them with dense attention and with AdaSpa from the same noise.
import { afterAll, expect, test } from "vitest";
import { defaults } from "../../base/params";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { openGpu } from "../../gpu/gpu";
import { createParameters } from "../../nn/parameters";
import { scoped } from "../../tensor/scope";
import { compareRuns } from "./engine/video/compare";
import { createModel, modelSpecs } from "./engine/video/model";
import { sampleClip } from "./engine/video/sampler";
import { planSteps } from "./engine/video/schedule";
import { type TrainSettings, train } from "./engine/video/train";
import { type SparseSettings, sparseParams, trainParams, type VideoConfig } from "./protocol-video";

const gpu = await openGpu((await openNodeGpu()).gpu);
// Every variant has the op suite's tests; trying them all on twenty tiny shapes here would take minutes.
for (const label of ["matmul", "matmul-bias", "matmul-residual"]) gpu.tuner.force(label, "reg8");
for (const label of [
  "attention",
  "sparse-attention/mass",
  "sparse-attention/sparse",
  "sparse-attention/fused-mass",
])
  gpu.tuner.force(label, "rows");
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats()).toMatchObject({ liveBuffers: 0, pinnedBytes: 0 });
  gpu.close();
});

/** 8 frames of 4 x 4 patches: 128 video tokens and 64 of the caption, 6 blocks of 32. */
const config: VideoConfig = { frames: 8, height: 16, width: 16, dim: 64, layers: 2, heads: 2 };
const settings: TrainSettings = {
  ...defaults(trainParams),
  steps: 30,
  batch: 2,
  learningRate: 5e-3,
  seed: 3,
};
const context = plainContext();

const trained = await train(gpu, { config, settings, lean: false, every: 10 }, context);

test("thirty steps lower the loss, and the same steps with recomputation give the same losses", async () => {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  expect(trained.losses).toHaveLength(30);
  // Untrained, the model says 0: the loss is the mean square of clip - noise, 1 and that of the clips.
  expect(trained.losses[0]).toBeGreaterThan(1);
  expect(mean(trained.losses.slice(-5))).toBeLessThan(0.75 * mean(trained.losses.slice(0, 5)));
  expect(trained.validationLoss).toBeLessThan(trained.losses[0]);
  const lean = await train(
    gpu,
    { config, settings: { ...settings, steps: 3 }, lean: true, every: 3 },
    context,
  );
  const full = await train(
    gpu,
    { config, settings: { ...settings, steps: 3 }, lean: false, every: 1 },
    context,
  );
  expect(lean.losses).toEqual(full.losses);
});

const sparse: SparseSettings = {
  ...defaults(sparseParams),
  block: "32",
  sparsity: 0.5,
  denseSteps: 2,
  searches: "2,4",
};

const sample = (change: Partial<SparseSettings>, dense = false, guidance = 1) =>
  scoped(gpu, async () => {
    const all = { ...sparse, ...change };
    const weights = createParameters(gpu, modelSpecs(config), { values: trained.values });
    const model = createModel(gpu, config, weights, all.order);
    const plans = planSteps(6, dense ? { ...all, searches: "" } : all);
    const caption = "large red circle stays, dark plain backdrop";
    return sampleClip(
      model,
      { caption, seed: 5, guidance, settings: all, plans, level: "diagnose" },
      context,
    );
  });

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);

test("at sparsity 0 the sparse sampler gives the dense clip", async () => {
  const dense = await sample({}, true);
  const all = await sample({ sparsity: 0 });
  expect(dense.steps.every((s) => s.output === "dense" && s.layers.every((l) => l.kept === 1))).toBe(true);
  expect(all.steps.map((s) => s.output)).toEqual(["dense", "dense", "sparse", "sparse", "sparse", "sparse"]);
  // Six steps of f32: each attention agrees within 1e-5.
  expect(largestDifference(all.clip, dense.clip)).toBeLessThan(1e-4);
  for (const { truth } of all.steps[3].layers) {
    expect(truth!.outputError).toBeLessThan(1e-5);
    expect(truth!.overlap).toBe(1);
    for (const recall of truth!.recall) expect(recall).toBeCloseTo(1, 5);
  }
});

test("at sparsity 0.5 the masks keep what they should, and the account adds up", async () => {
  const dense = await sample({}, true);
  const half = await sample({});
  const tiers = half.steps[1].layers[0].tiers!;
  // 4 video blocks and 2 of text: video rows keep 2 + 2 (tiers 1 + 2 and 3 + 2), text rows all 6.
  const keep = { 1: 3, 0: 4, [-1]: 5 };
  const blocks = tiers.reduce((sum, tier) => sum + 4 * keep[tier as 1 | 0 | -1] + 12, 0);
  for (const step of half.steps.slice(2)) expect(step.layers[0].kept).toBeCloseTo(blocks / (2 * 36), 12);
  const search = half.steps[1].layers[1];
  expect(search.maskRecall!.every((r) => r > 0.5 && r < 1)).toBe(true);
  expect(half.steps[3].search).toBe("cached");
  expect(half.steps[3].layers[1].maskOverlap).toBeGreaterThan(0.5);
  for (const { truth, recallGauge } of half.steps[2].layers) {
    // The mask in use can keep no more mass than the best one, and the output error is bounded by what is dropped.
    truth!.recall.forEach((r, h) => void expect(r).toBeLessThanOrEqual(truth!.bestRecall[h] + 1e-5));
    expect(truth!.outputError).toBeGreaterThan(0);
    expect(recallGauge).toHaveLength(2);
  }
  const found = compareRuns(dense, half, config, "adaspa");
  expect(found.meanPsnr).toBeGreaterThan(10);
  expect(found.meanSsim).toBeLessThan(1);
  const kept = half.steps.slice(2).flatMap((s) => s.layers.map((l) => l.kept));
  const work = (2 + 0.5 + (kept.reduce((a, b) => a + b) / kept.length) * 4 + 0.5) / 6;
  expect(found.attentionWork).toBeCloseTo(work, 9);
  expect(found.searchTheory! / found.attentionShare!).toBeCloseTo(1 / 6, 9);
});

test("every rule, order and form of the search samples; one pass finds masks as good as those of two", async () => {
  const twoPass = await sample({ searches: "3", denseSteps: 0 });
  const onePass = await sample({ searches: "3", denseSteps: 0, firstSearch: "one-pass" });
  expect(onePass.steps[2]).toMatchObject({ output: "dense", search: "one-pass" });
  for (const layer of [0, 1]) {
    // On the LSE of the step before some rows choose another block; what the masks keep is almost the same.
    const [one, two] = [onePass, twoPass].map((run) => run.steps[3].layers[layer].truth!);
    one.recall.forEach((recall, h) => void expect(Math.abs(recall - two.recall[h])).toBeLessThan(0.02));
  }
  const raster = await sample({}, true);
  const tiles = await sample({ order: "tile-4x4x4" }, true);
  // Attention does not depend on the order of tokens when positions are true: only the order of sums changes.
  expect(largestDifference(tiles.clip, raster.clip)).toBeLessThan(1e-4);
  for (const rule of ["pooled", "template", "window", "random"] as const) {
    const run = await sample({ rule });
    expect(run.steps[2].layers[0]).toMatchObject({
      kept: (2 * (4 * 4 + 12)) / 72,
      tiers: null,
      maskRecall: null,
    });
    expect(run.clip.every(Number.isFinite)).toBe(true);
  }
});

test("guidance runs both conditions in one batch, and 1 + 0 of it is the plain sampler", async () => {
  const plain = await sample({}, true);
  const guided = await sample({}, true, 2);
  expect(largestDifference(guided.clip, plain.clip)).toBeGreaterThan(1e-4);
  const nearly = await sample({}, true, 1 + 1e-6);
  expect(largestDifference(nearly.clip, plain.clip)).toBeLessThan(1e-4);
  const sparseGuided = await sample({}, false, 2);
  expect(sparseGuided.steps[1].layers[0].tiers).toHaveLength(4);
});
