// The stable divergence of Arcee Fusion's rows against a reference of 60 digits, for models that differ a lot and hardly.
import { expect, test } from "vitest";
import { mergekitDivergence, stableDivergence } from "./engine/methods/divergence";
import { bell } from "./golden-models";

/** Fixed-point numbers with 220 binary digits after the point. */
const ONE = 1n << 220n;
const fixed = (x: number): bigint => BigInt(x * 2 ** 100) << 120n;
const times = (a: bigint, b: bigint): bigint => (a * b) >> 220n;
const over = (a: bigint, b: bigint): bigint => (a << 220n) / b;

function exp(x: bigint): bigint {
  let term = ONE;
  let sum = ONE;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = times(term, x) / n;
    sum += term;
  }
  return sum;
}

/** ln of a ratio near 1, as 2 artanh((x − 1) / (x + 1)). */
function log(x: bigint): bigint {
  const y = over(x - ONE, x + ONE);
  const square = times(y, y);
  let power = y;
  let sum = 0n;
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n;
    power = times(power, square);
  }
  return 2n * sum;
}

/** Σ p (a − b) + ln Σ exp(b) − ln Σ exp(a). */
function reference(a: Float32Array, b: Float32Array): number {
  const [x, y] = [[...a].map(fixed), [...b].map(fixed)];
  const exps = x.map(exp);
  const sum = exps.reduce((all, e) => all + e, 0n);
  const other = y.map(exp).reduce((all, e) => all + e, 0n);
  const mean = x.reduce((all, value, i) => all + times(over(exps[i], sum), value - y[i]), 0n);
  return Number((mean + log(over(other, sum))) >> 20n) / 2 ** 200;
}

function rows(spread: number, scale = 0.05): [Float32Array, Float32Array] {
  const base = Float32Array.from(bell(200, 5), (x) => x * scale);
  const steps = bell(200, 6);
  return [base.map((x, i) => x + steps[i] * spread), base];
}

test.each([1, 0.1, 0.02, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])("differences of %s", (spread) => {
  const [a, b] = rows(spread);
  const expected = reference(a, b);
  expect(expected).toBeGreaterThan(0);
  expect(Math.abs(stableDivergence(a, b, 0, 200) / expected - 1)).toBeLessThan(1e-11);
});

test("large weights, and a part of an array", () => {
  const [a, b] = rows(0.5, 3);
  const part = (values: Float32Array): Float32Array => values.slice(50, 150);
  expect(Math.abs(stableDivergence(a, b, 50, 150) / reference(part(a), part(b)) - 1)).toBeLessThan(1e-11);
});

test("rows whose exponentials no float64 holds", () => {
  const [a, b] = rows(0.3).map((row) => row.map((x) => Math.round(x * 1024) / 1024));
  for (const shift of [1024, -1024]) {
    const [c, d] = [a, b].map((row) => row.map((x) => x + shift));
    expect(Math.abs(stableDivergence(c, d, 0, 200) / reference(a, b) - 1)).toBeLessThan(1e-11);
  }
});

test("a shift of the whole row, larger than all else, changes nothing", () => {
  const [a, b] = rows(0.01).map((row) => row.map((x) => Math.round(x * 2 ** 20) / 2 ** 20));
  const shifted = a.map((x) => x + 0.5);
  expect(Math.abs(stableDivergence(shifted, b, 0, 200) / reference(a, b) - 1)).toBeLessThan(1e-11);
});

test("equal rows have none, shifted ones none to speak of", () => {
  const [a] = rows(0.1);
  expect(stableDivergence(a, a, 0, 200)).toBe(0);
  expect(
    stableDivergence(
      a,
      a.map((x) => x + 0.25),
      0,
      200,
    ),
  ).toBeLessThan(1e-15);
});

test("mergekit's float32 loses small ones", () => {
  const [a, b] = rows(1e-5);
  expect(Math.abs(mergekitDivergence(a, b, 0, 200) / reference(a, b) - 1)).toBeGreaterThan(1);
  const [c, d] = rows(0.1);
  expect(Math.abs(mergekitDivergence(c, d, 0, 200) / reference(c, d) - 1)).toBeLessThan(1e-3);
});
