// Language models of four families against transformers in float32: logits of a prompt.
import { afterAll, expect, test } from "vitest";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { openGpu } from "../../gpu/gpu";
import { scoped } from "../../tensor/scope";
import { upload } from "../../tensor/tensor";
import { readLanguageConfig } from "./engine/language/config";
import { causalAttention, hiddenStates, logitsOf, makeLanguageModel } from "./engine/language/forward";
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
    let worst = 0;
    for (const [i, value] of (await found.readFloats()).entries())
      worst = Math.max(worst, Math.abs(value - logits[i]));
    process.stdout.write(`${name}: largest difference ${worst.toExponential(2)}\n`);
    expect(worst).toBeLessThan(1e-4);
  }),
);
