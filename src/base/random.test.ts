// Philox 4x32-10 against the known answers that Random123 publishes, and the sequential generator on top of it.
import { describe, expect, it } from "vitest";
import { philox, philoxWords, Random, wordToUniform } from "./random";

type Words = [number, number, number, number];

describe("philox", () => {
  it.each<{ counter: Words; key: [number, number]; words: Words }>([
    {
      counter: [0, 0, 0, 0],
      key: [0, 0],
      words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      // The digits of π.
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ])("known answer for counter $counter", ({ counter, key, words }) => {
    expect(philox(counter, key)).toEqual(words);
  });

  it("fills arrays with the same words, across 2^32 too", () => {
    const first = 2 ** 32 - 2;
    const out = new Uint32Array(16);
    philoxWords(out, first, [7, 0xffffffff], [0x85a308d3, 3]);
    const one = (i: number): Words =>
      philox([(first + i) >>> 0, Math.floor((first + i) / 2 ** 32), 7, 0xffffffff], [0x85a308d3, 3]);
    expect([...out]).toEqual([0, 1, 2, 3].flatMap(one));
  });
});

describe("Random", () => {
  it("hands out the words of counters 0, 1, … in order", () => {
    const random = new Random(3, 4);
    const got = Array.from({ length: 8 }, () => random.word());
    expect(got).toEqual([...philox([0, 0, 0, 0], [3, 4]), ...philox([1, 0, 0, 0], [3, 4])]);
  });

  it("keeps uniforms in [0, 1) with 24 bits", () => {
    expect(wordToUniform(0xffffffff)).toBe(1 - 2 ** -24);
    expect(wordToUniform(0x100)).toBe(2 ** -24);
    expect(wordToUniform(0xff)).toBe(0);
  });
});
