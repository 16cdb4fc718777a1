// The commands train, sample and ablate as a person uses them, on files in memory: what one writes the next one reads.
import { afterAll, expect, test } from "vitest";
import { TesseraError } from "../../base/errors";
import { validate } from "../../base/params";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { memoryFolder } from "../../formats/folder";
import { openNpz } from "../../formats/npz";
import { bytesSource } from "../../formats/source";
import { openGpu } from "../../gpu/gpu";
import type { CommandHost } from "../define";
import { commands } from "./engine/commands";
import type { StepReport, VideoComparison } from "./protocol-video";
import type { AblationRow } from "./protocol-video-ablate";

const gpu = await openGpu((await openNodeGpu()).gpu);
// Every variant has the op suite's tests; trying them all on twenty tiny shapes here would take minutes.
for (const label of ["matmul", "matmul-bias", "matmul-residual"]) gpu.tuner.force(label, "reg8");
for (const label of ["attention", "attention-packed", "sparse-attention/mass", "sparse-attention/sparse"])
  gpu.tuner.force(label, "rows");
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats()).toMatchObject({ liveBuffers: 0, pinnedBytes: 0 });
  gpu.close();
});

const files = new Map<string, Uint8Array>();
const host: CommandHost = {
  async open(path) {
    const bytes = files.get(path);
    if (bytes) return bytesSource(bytes, path);
    throw new TesseraError("file", `Cannot open the file: ${path}`, { path, reason: "ENOENT" });
  },
  async write(path, bytes, { before } = {}) {
    const old = files.get(path);
    if (before && old) files.set(before, old);
    files.set(path, bytes.slice());
  },
  folder: async (path) => memoryFolder(path),
  outputFolder: async (path) => memoryFolder(path),
  gpu: async () => gpu,
};

const events: { name: string; data: unknown }[] = [];

function run<R>(name: string, flags: Record<string, unknown>): Promise<R> {
  const command = commands[name];
  const context = plainContext({ emit: (event, data) => void events.push({ name: event, data }) });
  return command.run({ params: validate(command.params, flags), files: [] }, host, context) as Promise<R>;
}

const nano = { frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2 };
const method = { steps: 4, denseSteps: 1, searches: "2", block: "32" };

test("train writes weights and metrics, sample two clips and their account, ablate a file that it goes on with", async () => {
  const trained = await run<{
    tokens: number;
    losses?: number[];
    written: string[];
    cost: { dispatches: number };
  }>("train", {
    ...nano,
    steps: 4,
    batch: 2,
    every: 2,
    out: "w.safetensors",
  });
  expect(trained).toMatchObject({ tokens: 128, written: ["w.safetensors"], config: nano });
  expect(trained.cost.dispatches).toBeGreaterThan(20);
  const metrics = events
    .filter((e) => e.name === "metrics")
    .map((e) => e.data as { step: number; loss: number });
  expect(metrics.map((m) => m.step)).toEqual([2, 4]);
  expect(metrics.every((m) => Number.isFinite(m.loss))).toBe(true);

  const sampled = await run<{ caption: string; comparison: VideoComparison; steps: StepReport[] }>("sample", {
    ...method,
    weights: "w.safetensors",
    sparsity: 0.5,
    prompt: "Red circle bounces",
    out: "clip.npz",
  });
  expect(sampled.caption).toBe("Red circle bounces");
  expect(sampled.steps.map((s) => `${s.output} ${s.search}`)).toEqual([
    "dense none",
    "dense two-pass",
    "sparse none",
    "sparse none",
  ]);
  const { comparison } = sampled;
  expect(comparison.speedup).toBeCloseTo(comparison.denseMs / comparison.sparseMs, 9);
  const npz = await openNpz(bytesSource(files.get("clip.npz")!, "clip.npz"));
  expect(npz.entries.map((e) => [e.name, e.dtype, e.shape])).toEqual([
    ["dense", "F32", [8, 16, 16, 3]],
    ["sparse", "F32", [8, 16, 16, 3]],
    ["parameters", "U8", [expect.any(Number)]],
  ]);
  const { data } = await npz.read("parameters");
  expect(JSON.parse(Buffer.from(data as Uint8Array).toString())).toMatchObject({
    caption: expect.any(String),
    config: { frames: 8, height: 16, width: 16 },
    weights: { id: expect.any(String) },
  });
  const values = Array.from((await npz.read("sparse")).data as Float32Array);
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1);

  const grid = {
    ...method,
    weights: "w.safetensors",
    sparsity: "0.5,0.75",
    searches: "2",
    tiers: "false",
    lseReuse: "true",
    denseSteps: "1",
    clips: 1,
    out: "a.jsonl",
  };
  type Ablated = { points: number; run: number; skipped: number; rows: AblationRow[] };
  const first = await run<Ablated>("ablate", { ...grid, sparsity: "0.5" });
  expect(first).toMatchObject({ points: 1, run: 1, skipped: 0 });
  const again = await run<Ablated>("ablate", grid);
  expect(again).toMatchObject({ points: 2, run: 1, skipped: 1 });
  expect(again.rows[0]).toEqual(first.rows[0]);
  expect(again.rows.map((r) => r.settings.sparsity)).toEqual([0.5, 0.75]);
  expect(again.rows[1].kept!).toBeLessThan(again.rows[0].kept!);
  expect(new TextDecoder().decode(files.get("a.jsonl")).trim().split("\n")).toHaveLength(2);
  expect(await run<Ablated>("ablate", grid)).toMatchObject({ run: 0, skipped: 2, written: [] });
});

test("a cancelled training and a missing file end in words, and leave nothing on the device", async () => {
  await expect(run("sample", { weights: "none.safetensors" })).rejects.toThrow(
    "Cannot open the file: none.safetensors",
  );
  await expect(
    run("sample", { ...method, weights: "w.safetensors", prompt: "purple circle" }),
  ).rejects.toThrow(/no word "purple"/);
  const { run: train, params } = commands.train;
  const controller = new AbortController();
  const flags = validate(params, { ...nano, steps: 50, batch: 1, every: 1, out: "never" });
  const context = plainContext({ signal: controller.signal, emit: () => controller.abort() });
  await expect(train({ params: flags, files: [] }, host, context)).rejects.toMatchObject({
    code: "cancelled",
  });
  expect(files.has("never")).toBe(false);
});

test("a training that was cancelled goes on from its checkpoint to the same file, bit for bit", async () => {
  const flags = { ...nano, steps: 6, batch: 1, accumulate: 2, every: 3, dtype: "F32" };
  await run("train", { ...flags, out: "whole" });
  const { run: train, params } = commands.train;
  const controller = new AbortController();
  const context = plainContext({ signal: controller.signal, emit: () => controller.abort() });
  const parts = { ...flags, out: "parts", checkpoint: "state" };
  const first = train({ params: validate(params, parts), files: [] }, host, context);
  await expect(first).rejects.toMatchObject({ code: "cancelled" });
  expect(files.has("parts")).toBe(false);
  expect(await run("train", parts)).toMatchObject({ resumedAt: 3, written: ["parts", "state"] });
  expect(files.get("parts")).toEqual(files.get("whole"));
  // A finished run has nothing left to do but to tell its loss, and another model is refused by what differs.
  const { loss } = await run<{ loss: number }>("train", { ...flags, out: "whole" });
  expect(await run("train", parts)).toMatchObject({ resumedAt: 6, loss });
  await expect(run("train", { ...parts, dim: 64 })).rejects.toThrow(
    "it is of a model of 8 frames of 16 × 16, width 32, 1 block, 2 heads after 6 steps, asked for is one of 8 frames of 16 × 16, width 64, 1 block, 2 heads: state",
  );
});

test("mixed precision trains to the losses of f32 within a part in a thousand, and is refused without f16", async () => {
  const flags = { ...nano, steps: 12, batch: 2, every: 1, learningRate: 0.003, dtype: "F32", out: "any" };
  const losses = async (precision: string): Promise<number[]> => {
    const from = events.length;
    await run("train", { ...flags, precision });
    return events.slice(from).map(({ data }) => (data as { loss: number }).loss);
  };
  if (!gpu.has("shader-f16")) {
    await expect(losses("mixed")).rejects.toMatchObject({ code: "no-f16" });
    return;
  }
  const [full, mixed] = [await losses("f32"), await losses("mixed")];
  expect(mixed).toHaveLength(12);
  expect(mixed).not.toEqual(full);
  for (const [i, loss] of mixed.entries()) expect(Math.abs(loss / full[i] - 1)).toBeLessThan(1e-3);
});

test("where the newest state is damaged or gone, training goes on from the one before it", async () => {
  const flags = { ...nano, steps: 6, batch: 1, every: 6, dtype: "F32", checkpointEvery: 2 };
  const parts = { ...flags, out: "parts", checkpoint: "newest" };
  await run("train", parts);
  const [whole, newest, before] = ["parts", "newest", "newest.before"].map((name) => files.get(name)!);
  const cut = newest.subarray(0, newest.length - 5);
  for (const damage of [() => files.set("newest", cut), () => files.delete("newest")]) {
    files.set("newest", newest).set("newest.before", before).delete("parts");
    damage();
    expect(await run("train", parts)).toMatchObject({ resumedAt: 4 });
    expect(files.get("parts")).toEqual(whole);
  }
  files.set("newest", cut).set("newest.before", cut);
  await expect(run("train", parts)).rejects.toMatchObject({ code: expect.stringMatching(/^file-/) });
});

test("Muon is another optimiser, not another name", async () => {
  const flags = { ...nano, steps: 4, batch: 1, every: 4, learningRate: 0.02, dtype: "F32" };
  const adamw = await run<{ validationLoss: number }>("train", { ...flags, out: "adamw" });
  const muon = await run<{ validationLoss: number }>("train", { ...flags, optimiser: "muon", out: "muon" });
  expect(Number.isFinite(muon.validationLoss)).toBe(true);
  expect(Math.abs(muon.validationLoss - adamw.validationLoss)).toBeGreaterThan(1e-4);
});

test("a batch, or weights, that no binding holds are refused with what fits", async () => {
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  const flags = { size: "M", frames: 128, batch: 256 };
  const perClip = (128 * 32 * 32 + 64) * 256 * 4 * 4;
  const fit = Math.floor(limit / perClip);
  await expect(run("train", flags)).rejects.toMatchObject({
    code: "too-large",
    fields: { batch: 256, fit, limit },
  });
  // 16 blocks of (4 + 2·4)·1024² and 6·1024² weights, biases and ends aside: over a gibibyte.
  const wide = { size: "XXS", dim: 1024, layers: 16, heads: 16, batch: 1 };
  const error = await run("train", wide).catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "too-large",
    message: expect.stringMatching(/^The weights of this model need a buffer of .+; take one of XXS, XS, S/),
    fields: { fit: 0, sizes: ["XXS", "XS", "S", "S+", "M"], limit },
  });
  expect((error as { fields: { bytes: number } }).fields.bytes).toBeGreaterThan(4 * 16 * 18 * 1024 ** 2);
});
