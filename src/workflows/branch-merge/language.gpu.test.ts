// Language models of four families against transformers in float32: logits of a prompt, greedy continuations.
import { afterAll, expect, test } from "vitest";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { openGpu } from "../../gpu/gpu";
import { scoped } from "../../tensor/scope";
import { upload } from "../../tensor/tensor";
import { readLanguageConfig } from "./engine/language/config";
import { makeDecoder } from "./engine/language/decoder";
import { causalAttention, hiddenStates, logitsOf, makeLanguageModel } from "./engine/language/forward";
import { mostLikely } from "./engine/language/sampling";
import { loadWeights } from "./engine/language/weights";
import { openModel } from "./engine/model/open";
import { goldenLanguage, LANGUAGE_MODELS, languageFolder } from "./golden-language";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  gpu.close();
});

async function load(name: string, bindingLimit?: number) {
  const model = await openModel(await languageFolder(name));
  const config = readLanguageConfig(model.config.json, model.name);
  const options = { storage: "file", context: plainContext(), bindingLimit } as const;
  return makeLanguageModel(gpu, config, await loadWeights(gpu, model, config, options));
}

function largestDifference(found: Float32Array, wanted: Float32Array): number {
  expect(found.length).toBe(wanted.length);
  return found.reduce((worst, value, i) => Math.max(worst, Math.abs(value - wanted[i])), 0);
}

test.each([
  ...LANGUAGE_MODELS.map((name) => [name, undefined] as const),
  // Whatever is larger than a binding lies in several parts: matrices with biases, the tied embedding.
  ["qwen2", 20_000] as const,
])("%s: logits are those of transformers (parts of at most %s bytes)", (name, bindingLimit) =>
  scoped(gpu, async () => {
    const { words, logits, promptLength } = await goldenLanguage(name);
    const model = await load(name, bindingLimit);
    expect(model.weights.embedding.length).toBe(bindingLimit ? 5 : 1);
    const prompt = upload(gpu, words.slice(0, promptLength), [promptLength], "u32");
    const positions = upload(gpu, [...words.keys()].slice(0, promptLength), [promptLength, 1], "u32");
    const found = logitsOf(model, hiddenStates(model, prompt, positions, causalAttention(model)));
    expect(found.shape).toEqual([promptLength, 320]);
    const worst = largestDifference(await found.readFloats(), logits);
    process.stdout.write(`${name}: largest difference ${worst.toExponential(2)}\n`);
    expect(worst).toBeLessThan(1e-4);
  }),
);

test.each(LANGUAGE_MODELS)(
  "%s: 64 greedy words are those of transformers, in steps that are replayed",
  (name) =>
    scoped(gpu, async () => {
      const { words, logits, promptLength } = await goldenLanguage(name);
      const decoder = makeDecoder(gpu, await load(name), words.length);
      let found = await decoder.add(words.slice(0, promptLength));
      expect(largestDifference(found, logits.subarray(-320))).toBeLessThan(1e-4);
      const chosen: number[] = [];
      for (let i = promptLength; i < words.length; i++) {
        chosen.push(mostLikely(found));
        found = await decoder.add(chosen.slice(-1));
      }
      expect(chosen).toEqual(words.slice(promptLength));
      expect(decoder.dispatches).toBeGreaterThan(10);
      expect(decoder.length).toBe(words.length);
      await expect(decoder.add([1])).rejects.toThrow("77 tokens were asked for, there is room for 76");
      decoder.dispose();
    }),
);

test("a prompt in pieces, word by word, or after another text that was cut gives the same logits", () =>
  scoped(gpu, async () => {
    const { words, logits, promptLength } = await goldenLanguage("llama");
    const model = await load("llama");
    const wanted = logits.subarray(-320);
    const decoder = makeDecoder(gpu, model, 20, 5);
    expect(largestDifference(await decoder.add(words.slice(0, promptLength)), wanted)).toBeLessThan(1e-4);
    decoder.cut(4);
    await decoder.add([9, 8, 7]);
    decoder.cut(4);
    for (const word of words.slice(4, promptLength - 1)) await decoder.add([word]);
    const found = await decoder.add([words[promptLength - 1]]);
    expect(largestDifference(found, wanted)).toBeLessThan(1e-4);
    await expect(decoder.add([320])).rejects.toThrow("token 320, the model knows 320");
    decoder.dispose();
  }));
