// Casts bit for bit: every f16 and bf16 value, and f32 patterns around every rounding boundary, against base/half.
import { afterAll, expect, test } from "vitest";
import { bf16ToF32, encodeHalf, f16ToF32 } from "../base/half";
import { Random } from "../base/random";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { scoped } from "../tensor/scope";
import { BYTES_PER_ELEMENT, type DType, uploadBits } from "../tensor/tensor";
import { cast } from "./cast";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  gpu.close();
});

/** Casts stored bits and gives the stored bits of the result. */
const castBits = (bits: Uint16Array | Uint32Array, from: DType, to: DType): Promise<ArrayBuffer> =>
  scoped(gpu, async () => {
    const bytes = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
    const result = cast(uploadBits(gpu, bytes, [bits.length], from), to);
    return gpu.read(result.allocation, 0, bits.length * BYTES_PER_ELEMENT[to]);
  });

const every = Uint16Array.from({ length: 65_536 }, (_, i) => i);
const isNaN32 = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;
const isNaN16 = (bits: number, to: "f16" | "bf16"): boolean =>
  (bits & 0x7fff) > (to === "f16" ? 0x7c00 : 0x7f80);

/** Number of differences, and the first of them for the message. */
function differences(
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  nan: (bits: number) => boolean,
): string {
  let count = 0;
  let first = "";
  for (let i = 0; i < wanted.length; i++) {
    if (got[i] === wanted[i] || (nan(got[i]) && nan(wanted[i]))) continue;
    first ||= `element ${i}: ${got[i].toString(16)}, wanted ${wanted[i].toString(16)}`;
    count++;
  }
  expect(got.length).toBe(wanted.length);
  return count ? `${count} differ; ${first}` : "none";
}

test.each([
  ["f16", f16ToF32],
  ["bf16", bf16ToF32],
] as const)("every %s value in f32, and back", async (dtype, decode) => {
  const wide = new Uint32Array(await castBits(every, dtype, "f32"));
  const wanted = new Uint32Array(Float32Array.from(every, (bits) => decode(bits)).buffer);
  expect(differences(wide, wanted, isNaN32)).toBe("none");
  const back = new Uint16Array(await castBits(wide, "f32", dtype));
  expect(differences(back, every, (bits) => isNaN16(bits, dtype))).toBe("none");
});

test.each(["f16", "bf16"] as const)("f32 to %s at every rounding boundary", async (dtype) => {
  // Every sign and exponent with fractions at, just below and just above each kind of tie, and random ones.
  const random = new Random(7);
  const patterns: number[] = [];
  for (let top = 0; top < 512; top++) {
    for (let bit = 0; bit < 23; bit++) {
      for (const around of [-1, 0, 1]) patterns.push((top << 23) + ((1 << bit) + around));
      for (const around of [-1, 0, 1]) patterns.push((top << 23) + ((3 << bit) & 0x7fffff) + around);
    }
    for (let i = 0; i < 64; i++) patterns.push((top << 23) + (random.word() >>> 9));
  }
  const bits = Uint32Array.from(patterns);
  const got = new Uint16Array(await castBits(bits, "f32", dtype));
  const wanted = encodeHalf(new Float32Array(bits.buffer), dtype);
  expect(differences(got, wanted, (b) => isNaN16(b, dtype))).toBe("none");
});

test.each([
  ["i32", Int32Array],
  ["u32", Uint32Array],
] as const)("%s to f32 rounds as the CPU does", async (dtype, Integers) => {
  const random = new Random(8);
  const bits = Uint32Array.from({ length: 40_000 }, (_, i) => random.word() >>> (i % 32));
  const got = new Uint32Array(await castBits(bits, dtype, "f32"));
  const wanted = new Uint32Array(Float32Array.from(new Integers(bits.buffer)).buffer);
  expect(differences(got, wanted, isNaN32)).toBe("none");
});

test("NaN stays NaN with its sign, and is quiet", async () => {
  const signalling = Uint32Array.of(0x7f800001, 0xff800001, 0x7fffffff);
  expect([...new Uint16Array(await castBits(signalling, "f32", "bf16"))]).toEqual([0x7fc0, 0xffc0, 0x7fff]);
  expect([...new Uint16Array(await castBits(signalling, "f32", "f16"))]).toEqual([0x7e00, 0xfe00, 0x7e00]);
  const half = Uint16Array.of(0x7c01, 0xfc01);
  expect([...new Uint32Array(await castBits(half, "f16", "f32"))]).toEqual([0x7fc02000, 0xffc02000]);
});
