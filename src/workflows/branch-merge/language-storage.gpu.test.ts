// Weights that stay packed on the device: the logits are those of the same model with its weights decoded on the CPU, the
// memory is what the types take, and what 8 bits cost is small.
import { afterAll, expect, test } from "vitest";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../base/half";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { type InputFolder, memoryFolder } from "../../formats/folder";
import { encodeSafetensors } from "../../formats/safetensors";
import { openGpu } from "../../gpu/gpu";
import type { WeightStorage } from "../../ops/weights";
import { scoped } from "../../tensor/scope";
import { upload } from "../../tensor/tensor";
import { readLanguageConfig } from "./engine/language/config";
import { makeDecoder } from "./engine/language/decoder";
import { causalAttention, hiddenStates, makeLanguageModel } from "./engine/language/forward";
import { perplexity } from "./engine/language/perplexity";
import { quantiseRows } from "./engine/language/quantise";
import { loadWeights, type StorageChoice } from "./engine/language/weights";
import { openModel } from "./engine/model/open";
import { goldenLanguage, languageFolder, languageWeights } from "./golden-language";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  gpu.close();
});

async function load(folder: InputFolder, storage: StorageChoice) {
  const model = await openModel(folder);
  const config = readLanguageConfig(model.config.json, model.name);
  const weights = await loadWeights(gpu, model, config, { storage, context: plainContext() });
  return { model: makeLanguageModel(gpu, config, weights), weights };
}

/** Logits after a few words at once, after many, and after a step: three ways to a product. */
async function logitsOf(name: string, folder: InputFolder, storage: StorageChoice, rowsAtOnce?: number) {
  const { words } = await goldenLanguage(name);
  const { model, weights } = await load(folder, storage);
  const ordinals = rowsAtOnce ? model.ordinals.window(0, [rowsAtOnce]) : model.ordinals;
  const decoder = makeDecoder(gpu, { ...model, ordinals }, words.length);
  const found: Float32Array[] = [];
  for (const [from, to] of [
    [0, 12],
    [12, 60],
    [60, 61],
  ])
    found.push(await decoder.add(words.slice(from, to)));
  decoder.dispose();
  return { found, weights };
}

const decoders: Record<
  Exclude<WeightStorage, "f32">,
  (values: Float32Array, columns: number) => Float32Array
> = {
  f16: (values) => values.map((v) => f16ToF32(f32ToF16(v))),
  bf16: (values) => values.map((v) => bf16ToF32(f32ToBf16(v))),
  int8(values, columns) {
    const { bytes, scales } = quantiseRows(values, columns);
    return values.map((_, i) => bytes[i] * scales[Math.floor(i / columns)]);
  },
};

/** The model with its matrices decoded on the CPU, as f32. */
async function decodedFolder(name: string, storage: keyof typeof decoders): Promise<InputFolder> {
  const { config, shapes } = await goldenLanguage(name);
  const tensors = Object.entries(shapes).map(([tensor, shape]) => {
    const values = languageWeights(name, tensor, shape);
    const data = shape.length === 2 ? decoders[storage](values, shape[1]) : values;
    return { name: tensor, dtype: "F32" as const, shape, data: Float32Array.from(data) };
  });
  const json = new TextEncoder().encode(JSON.stringify(config));
  return memoryFolder(name, { "config.json": json, "model.safetensors": encodeSafetensors(tensors) });
}

test.each([
  ["llama", "f16", undefined],
  ["qwen2", "bf16", 50],
  ["qwen3", "int8", undefined],
  ["llama-bias", "int8", 50],
] as const)(
  "%s in %s has the logits of its decoded weights (%s rows decoded at once)",
  (name, storage, rowsAtOnce) =>
    scoped(gpu, async () => {
      const packed = await logitsOf(name, await languageFolder(name), storage, rowsAtOnce);
      const decoded = await logitsOf(name, await decodedFolder(name, storage), "f32");
      for (const [i, logits] of packed.found.entries()) {
        const wanted = decoded.found[i];
        const worst = logits.reduce((most, v, j) => Math.max(most, Math.abs(v - wanted[j])), 0);
        expect(worst).toBeLessThan(1e-4);
      }
      const size = { f16: 2, bf16: 2, int8: 1 }[storage];
      const matrices = [packed.weights.embedding, ...packed.weights.layers.map((l) => l.gateUp)].flat();
      for (const { w, scale, rows } of matrices) {
        const columns = 64;
        expect(w.bytes).toBe(rows * columns * size);
        expect(scale?.bytes).toBe(storage === "int8" ? rows * 4 : undefined);
      }
      expect(packed.weights.bytes).toBeLessThan(decoded.weights.bytes * (storage === "int8" ? 0.33 : 0.53));
    }),
);

test.each([
  ["F16", "f16"],
  ["BF16", "bf16"],
] as const)("a file of %s stays as it is, and gives the same in f32", (dtype, storage) =>
  scoped(gpu, async () => {
    const folder = await languageFolder("mistral", { dtype });
    const kept = await logitsOf("mistral", folder, "file");
    expect(kept.weights.storage).toBe(storage);
    const decoded = await logitsOf("mistral", folder, "f32");
    for (const [i, logits] of kept.found.entries())
      for (const [j, value] of logits.entries())
        expect(Math.abs(value - decoded.found[i][j])).toBeLessThan(1e-4);
  }),
);

test("8 bits change the loss of a text by less than half a percent, 16 bits by less than a fifth of one", () =>
  scoped(gpu, async () => {
    const { words } = await goldenLanguage("llama");
    const losses = new Map<string, number>();
    for (const storage of ["f32", "bf16", "f16", "int8"] as const) {
      const { model } = await load(await languageFolder("llama"), storage);
      const info = { name: "", architecture: "", storage, weightBytes: 0, seconds: 0 };
      const settings = { window: 76, stride: 0 };
      losses.set(storage, (await perplexity({ gpu, model, info }, words, settings, plainContext())).loss);
    }
    process.stdout.write(`${JSON.stringify(Object.fromEntries(losses))}\n`);
    const off = (storage: string): number => Math.abs(losses.get(storage)! / losses.get("f32")! - 1);
    expect(off("f16")).toBeLessThan(2e-4);
    expect(off("bf16")).toBeLessThan(2e-3);
    expect(off("int8")).toBeLessThan(5e-3);
  }));

test("a pass over many tokens leaves nothing behind but its result, and frees each layer's memory before the next", () =>
  scoped(gpu, async () => {
    const { words } = await goldenLanguage("qwen2");
    const folder = await languageFolder("qwen2");
    const layers = async (count: number): Promise<number> => {
      const { model } = await load(folder, "int8");
      const cut = { ...model, weights: { ...model.weights, layers: model.weights.layers.slice(0, count) } };
      const tokens = upload(gpu, words, [words.length], "u32");
      const positions = upload(gpu, [...words.keys()], [words.length, 1], "u32");
      gpu.pool.trim();
      const before = gpu.pool.stats();
      const hidden = hiddenStates(cut, tokens, positions, causalAttention(cut));
      const after = gpu.pool.stats();
      expect(after.liveBuffers - before.liveBuffers).toBe(1);
      hidden.free();
      return after.allocatedBytes - before.allocatedBytes;
    };
    await gpu.queue.finish();
    const one = await layers(1);
    await gpu.queue.finish();
    expect(await layers(2)).toBeLessThan(one * 1.2);
  }));
