// Models that write and judge texts, as the command line asks for it: perplexity against transformers, what ends a text,
// what is told of it.
import { readFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { defaults } from "../../base/params";
import { plainContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { bytesSource } from "../../formats/source";
import { openGpu } from "../../gpu/gpu";
import { scoped } from "../../tensor/scope";
import type { CommandHost } from "../define";
import { languageCommands } from "./engine/language/commands";
import { generate } from "./engine/language/generate";
import { loadLanguage } from "./engine/language/load";
import { windowsOf } from "./engine/language/perplexity";
import { openModel } from "./engine/model/open";
import { languageFolder, tokenizerFiles } from "./golden-language";
import { type Generated, generateParams, type LanguageEvents, type Perplexity } from "./protocol-language";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  expect(gpu.pool.stats().pinnedBytes).toBe(0);
  gpu.close();
});

const golden: {
  text: string;
  window: number;
  stride: number;
  models: Record<string, { words: number; judged: number; loss: number }>;
} = JSON.parse(readFileSync(new URL("golden-language/perplexity.json", import.meta.url), "utf8"));

const host = (change: object = {}): CommandHost =>
  ({
    folder: (name: string) => languageFolder(name, { more: tokenizerFiles(name), change }),
    open: async (name: string) => bytesSource(new TextEncoder().encode(golden.text), name),
    gpu: async () => gpu,
  }) as Partial<CommandHost> as CommandHost;

const run = <R>(command: string, files: string[], params: object, change: object = {}): Promise<R> => {
  const found = languageCommands[command];
  const whole = { ...defaults(found.params), ...params };
  return found.run({ params: whole, files }, host(change), plainContext()) as Promise<R>;
};

test.each(Object.entries(golden.models))(
  "perplexity of a text by %s is that of transformers",
  async (name, said) => {
    const { window, stride } = golden;
    const found = await run<Perplexity>("perplexity", [name, "text"], { window, stride });
    expect(found).toMatchObject({ tokens: said.words, judged: said.judged, window, stride });
    expect(Math.abs(found.loss / said.loss - 1)).toBeLessThan(1e-5);
    expect(Math.abs(found.perplexity / Math.exp(said.loss) - 1)).toBeLessThan(1e-4);
  },
);

test("windows judge every token but the first once", () => {
  for (const [tokens, window, stride] of [
    [2, 2, 1],
    [100, 64, 32],
    [97, 10, 9],
    [65, 64, 63],
    [500, 64, 5],
  ]) {
    const judged = windowsOf(tokens, window, stride).flatMap(({ end, judged: count }) =>
      Array.from({ length: count }, (_, i) => end - count + i),
    );
    expect(judged).toEqual(Array.from({ length: tokens - 1 }, (_, i) => i + 1));
  }
});

test("a text is written, in pieces as it comes, until there is no more room", async () => {
  const folder = await openModel(await languageFolder("qwen2", { more: tokenizerFiles("qwen2") }));
  await scoped(gpu, async () => {
    const language = await loadLanguage(gpu, folder, { storage: "file", context: plainContext() });
    const words = language.coder.encode("Plain words, and");
    const pieces: string[] = [];
    const emit = (_: string, { piece }: LanguageEvents["text"]): void => void pieces.push(piece);
    const context = { ...plainContext(), emit };
    const { weights: _, ...settings } = defaults(generateParams);
    const first = await generate(language, words, { ...settings, maxTokens: 20 }, context);
    expect(pieces.join("")).toBe(first.text);
    expect(first).toMatchObject({ reason: "length", promptTokens: words.length, newTokens: 20 });
    expect(first.rate).toBeGreaterThan(0);
    expect(first.promptRate).toBeGreaterThan(0);
    const drawn = { ...settings, maxTokens: 12, temperature: 1.5, topK: 50 };
    const texts: string[] = [];
    for (const seed of [1, 1, 2])
      texts.push((await generate(language, words, { ...drawn, seed }, context)).text);
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).not.toBe(texts[0]);
    const stop = first.text.slice(3, 6);
    const stopped = await generate(language, words, { ...settings, stop }, context);
    expect([stopped.reason, stopped.text]).toEqual(["stop", first.text.slice(0, first.text.indexOf(stop))]);
    const none = generate(language, [], settings, context);
    await expect(none).rejects.toThrow("The prompt has no tokens");
    const long = generate(language, new Array(300).fill(5), settings, context);
    await expect(long).rejects.toThrow("The prompt has 300 tokens, the model was made for 256; shorten it");
  });
});

test("commands: a chat is answered until the model ends it or its context is full; a prompt is needed", async () => {
  const short = { max_position_embeddings: 80 };
  const found = await run<Generated>("generate", ["qwen2"], { chat: "Grüß dich", system: "Be brief" }, short);
  expect(found.model).toMatchObject({ name: "qwen2", architecture: "Qwen2ForCausalLM", storage: "f32" });
  expect(found.promptTokens).toBeGreaterThan(20);
  expect(["end", "context"]).toContain(found.reason);
  if (found.reason === "context") expect(found.promptTokens + found.newTokens).toBe(81);
  await expect(run("generate", ["qwen2"], {})).rejects.toThrow("Either --prompt or --chat is needed");
});
