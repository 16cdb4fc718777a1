// The whole division of shaders/lib/divide.wgsl, in the f32 arithmetic that WGSL demands of products and sums: exact for
// every numerator it is used for. Which shaders use it is not checked here.
import { expect, test } from "vitest";

/** As the shader computes it; `by` is the host's 1 / d, stored in f32. */
const divide = (n: number, by: number): number => Math.trunc(Math.fround(Math.fround(n + 0.5) * by));

test("division by a rounded reciprocal is exact below 2^22", () => {
  const last = 2 ** 22 - 1;
  const wrong: string[] = [];
  const divisors = [...Array.from({ length: 3000 }, (_, i) => i + 1), 4095, 4097, 65_537, 1e6, last];
  for (const d of divisors) {
    const by = Math.fround(1 / d);
    // Errors grow with the quotient and show at multiples of d.
    for (const q of [1, 2, 3, 5, Math.floor(last / d / 3), Math.floor(last / d) - 1, Math.floor(last / d)]) {
      for (const n of [q * d - 1, q * d, q * d + d - 1]) {
        if (n < 0 || n > last) continue;
        if (divide(n, by) !== Math.floor(n / d)) wrong.push(`${n} / ${d}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(divide(2 ** 24 + 1, 1)).not.toBe(2 ** 24 + 1); // far beyond it is not
});
