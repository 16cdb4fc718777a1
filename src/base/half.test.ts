// Whole arrays convert as single values do, for every half and for f32 values of every kind.
import { expect, test } from "vitest";
import { bf16ToF32, decodeHalf, encodeHalf, f16ToF32, f32ToBf16, f32ToF16 } from "./half";
import { Random } from "./random";

const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
const bits = (values: Float32Array) => new Uint32Array(values.buffer);

test.each([
  ["f16", f16ToF32, f32ToF16],
  ["bf16", bf16ToF32, f32ToBf16],
] as const)("%s", (kind, decode, encode) => {
  expect(decodeHalf(halves, kind)).toEqual(Float32Array.from(halves, decode));
  const random = new Random(1, 1);
  const values = new Float32Array(new Uint32Array(100_000).map(() => random.word()).buffer);
  const edges = Float32Array.of(
    0,
    -0,
    65504,
    65520,
    65519.99,
    2 ** -24,
    2 ** -25,
    1e-45,
    3.4e38,
    -Infinity,
    NaN,
  );
  for (const all of [values, edges]) expect(encodeHalf(all, kind)).toEqual(Uint16Array.from(all, encode));
});

test("bf16 keeps the bits of f32, also those of NaN", () => {
  expect(bits(decodeHalf(Uint16Array.of(0x7fc1, 0xff80), "bf16"))).toEqual(
    Uint32Array.of(0x7fc10000, 0xff800000),
  );
});
