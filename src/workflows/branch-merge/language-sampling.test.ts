// What may be drawn from a row of logits, against transformers' own processors, and that draws follow seed and shares.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Random } from "../../base/random";
import { keptWords, mostLikely, type SamplingSettings, sampleWord } from "./engine/language/sampling";

interface Golden {
  logits: number[];
  text: number[];
  cases: { settings: SamplingSettings; words: number[]; shares: number[] | null }[];
}
const golden: Golden = JSON.parse(
  readFileSync(new URL("golden-language/sampling.json", import.meta.url), "utf8"),
);
const logits = Float32Array.from(golden.logits);
const ALL: SamplingSettings = { temperature: 1, topK: 0, topP: 1, minP: 0, repetition: 1 };

describe("kept words are those of transformers", () => {
  test.each(golden.cases)("$settings", ({ settings, words, shares }) => {
    const found = keptWords(logits, settings, golden.text);
    expect([...found.words]).toEqual(words);
    expect(found.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    for (const [i, share] of (shares ?? []).entries())
      expect(Math.abs(found.probabilities[i] / share - 1)).toBeLessThan(1e-5); // scores are f32 in transformers
  });
});

test("draws repeat with the seed and come as often as they should", () => {
  const settings = { ...ALL, topK: 12 };
  const draw = (seed: number, count: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: count }, () => sampleWord(logits, settings, [], random));
  };
  expect(draw(4, 50)).toEqual(draw(4, 50));
  expect(draw(4, 50)).not.toEqual(draw(5, 50));
  const { words, probabilities } = keptWords(logits, settings, []);
  const many = draw(6, 20_000);
  for (const [i, word] of words.entries()) {
    const p = probabilities[i];
    const share = many.filter((drawn) => drawn === word).length / many.length;
    expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / many.length)); // five standard deviations
  }
});

test("temperature 0 takes the most likely word, the first among equals, and only the penalty counts", () => {
  const top = mostLikely(logits);
  const settings = { ...ALL, temperature: 0, topK: 3 };
  expect(sampleWord(logits, settings, [top], new Random(1))).toBe(top);
  expect(sampleWord(logits, { ...settings, repetition: 50 }, [top], new Random(1))).not.toBe(top);
  expect(mostLikely(Float32Array.of(1, 7, 7, 2))).toBe(1);
});

test("of equally likely words top-p keeps as many as there is room for", () => {
  const flat = new Float32Array(10);
  expect(keptWords(flat, { ...ALL, topP: 0.35 }, []).words.length).toBe(4);
  expect(keptWords(flat, { ...ALL, minP: 1 }, []).words.length).toBe(10);
});
