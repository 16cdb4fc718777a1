// The baked colour maps against anchor colours published with matplotlib, and their even growth of brightness.
import { expect, test } from "vitest";
import { COLORMAPS, colourIndex, sampleColour } from "./colormaps";

test("ends and middle are matplotlib's", () => {
  expect(sampleColour("viridis", 0)).toEqual([0x44, 0x01, 0x54]);
  expect(sampleColour("viridis", 0.5)).toEqual([0x21, 0x91, 0x8c]);
  expect(sampleColour("viridis", 1)).toEqual([0xfd, 0xe7, 0x25]);
  expect(sampleColour("magma", 0)).toEqual([0, 0, 4]);
  expect(sampleColour("magma", 0.5)).toEqual([0xb7, 0x37, 0x79]);
  expect(sampleColour("magma", 1)).toEqual([0xfc, 0xfd, 0xbf]);
});

test("256 colours each, brightness never falls", () => {
  for (const table of Object.values(COLORMAPS)) {
    expect(table.length).toBe(768);
    let before = -1;
    for (let i = 0; i < 256; i++) {
      const brightness = 0.2126 * table[3 * i] + 0.7152 * table[3 * i + 1] + 0.0722 * table[3 * i + 2];
      expect(brightness).toBeGreaterThan(before - 0.5);
      before = brightness;
    }
  }
});

test("positions outside are clamped and NaN is the first colour", () => {
  expect([-1, 0, 0.999999, 1, 7, Number.NaN].map(colourIndex)).toEqual([0, 0, 255, 255, 255, 0]);
});
