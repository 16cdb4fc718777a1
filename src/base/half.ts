// Bit-exact conversions between f32 and the two 16-bit formats, on the CPU. Rounds to nearest even.

const scratch = new ArrayBuffer(4);
const asF32 = new Float32Array(scratch);
const asU32 = new Uint32Array(scratch);

/** bf16 bits of an f32 value, nearest even; NaN stays NaN (quiet). */
export function f32ToBf16(value: number): number {
  asF32[0] = value;
  const bits = asU32[0];
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** f32 value of bf16 bits. Exact. */
export function bf16ToF32(bits: number): number {
  asU32[0] = bits << 16;
  return asF32[0];
}

/** IEEE half bits of an f32 value, nearest even; overflow gives infinity, subnormals are kept. */
export function f32ToF16(value: number): number {
  asF32[0] = value;
  const bits = asU32[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds past 65504
  if (magnitude < 0x38800000) {
    // Below 2^-14 the result counts multiples of 2^-24; adding 0.5 makes the FPU round at that position.
    asU32[0] = magnitude;
    asF32[0] += 0.5;
    return sign | (asU32[0] - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** f32 value of IEEE half bits. Exact. */
export function f16ToF32(bits: number): number {
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of every half, made when the first array is converted: a look-up is several times as fast. */
let f16Values: Float32Array | undefined;

/** Converts whole arrays; lengths must agree. */
export function decodeHalf(
  bits: Uint16Array,
  kind: "f16" | "bf16",
  out = new Float32Array(bits.length),
): Float32Array {
  if (kind === "bf16") {
    const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
    for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
    return out;
  }
  f16Values ??= Float32Array.from({ length: 65536 }, (_, half) => f16ToF32(half));
  for (let i = 0; i < bits.length; i++) out[i] = f16Values[bits[i]];
  return out;
}

/** Converts whole arrays; lengths must agree. */
export function encodeHalf(values: ArrayLike<number>, kind: "f16" | "bf16"): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  if (kind === "f16" || !(values instanceof Float32Array)) {
    const convert = kind === "f16" ? f32ToF16 : f32ToBf16;
    for (let i = 0; i < values.length; i++) out[i] = convert(values[i]);
    return out;
  }
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const word = words[i];
    out[i] =
      (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
