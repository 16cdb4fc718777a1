// Number words, ticks and scales: exact texts and positions.
import { expect, test } from "vitest";
import { fileStem, toCsv } from "./csv";
import {
  finiteRange,
  formatNumber,
  formatPercent,
  formatTick,
  linearTicks,
  logTicks,
  valueScale,
} from "./format";

test.each([
  [0, "0"],
  [0.97342, "0.973"],
  [0.5, "0.500"],
  [128.4, "128"],
  [31.24, "31.2"],
  [4096, "4,096"],
  [12345.6, "12,346"],
  [0.000123, "1.23e-4"],
  [-0.25, "-0.250"],
  [2.5e9, "2.50e+9"],
  [Number.NaN, "NaN"],
  [Number.NEGATIVE_INFINITY, "-∞"],
])("%d reads %s", (value, text) => expect(formatNumber(value)).toBe(text));

test("percent and ticks", () => {
  expect(formatPercent(0.8123)).toBe("81.2 %");
  expect([0, 0.5, 1].map((v) => formatTick(v, 0.5))).toEqual(["0", "0.5", "1.0"]);
  expect([1e-6, 0.001, 250000].map((v) => formatTick(v))).toEqual(["1e-6", "0.001", "2.5e5"]);
});

test("linear ticks are round and free of binary dust", () => {
  expect(linearTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(linearTicks(-3, 7, 5)).toEqual([-2, 0, 2, 4, 6]);
  expect(linearTicks(5, 5)).toEqual([5]);
});

test("log ticks are powers of ten, thinned, or 1-2-5 inside a decade", () => {
  expect(logTicks(1e-3, 10)).toEqual([0.001, 0.01, 0.1, 1, 10]);
  expect(logTicks(1e-12, 1, 4)).toEqual([1e-12, 1e-8, 1e-4, 1]);
  expect(logTicks(1.5, 8)).toEqual([2, 5]);
});

test("scales place values; a log scale has no place for zero", () => {
  const log = valueScale("log", 1e-4, 1);
  expect(log.at(1e-2)).toBeCloseTo(0.5, 12);
  expect(log.at(0)).toBeNaN();
  expect(log.at(-1)).toBeNaN();
  const linear = valueScale("linear", 2, 6);
  expect([2, 3, 6].map(linear.at)).toEqual([0, 0.25, 1]);
  const flat = valueScale("linear", 3, 3);
  expect(flat.at(3)).toBe(0.5);
  expect(valueScale("log", 0, 0).low).toBeGreaterThan(0);
});

test("ranges skip what is not finite, or not positive when asked", () => {
  const values = [Number.NaN, null, 0, -2, 3, Number.POSITIVE_INFINITY];
  expect(finiteRange(values)).toEqual([-2, 3]);
  expect(finiteRange(values, true)).toEqual([3, 3]);
  expect(finiteRange([Number.NaN])).toBeUndefined();
});

test("CSV quotes what must be quoted and keeps every digit", () => {
  expect(
    toCsv(
      ["a,b", "c"],
      [
        [0.1 + 0.2, 'say "x"'],
        [null, true],
      ],
    ),
  ).toBe('"a,b",c\r\n0.30000000000000004,"say ""x"""\r\n,true\r\n');
  expect(fileStem("Block mass, head 3")).toBe("block-mass-head-3");
  expect(fileStem("…")).toBe("tessera");
});
