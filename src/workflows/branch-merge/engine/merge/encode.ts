// f32 values as the bytes of an element type, rounded to nearest even, and a count of what is not finite in them.
import { encodeHalf } from "../../../../base/half";
import type { FileDType } from "../../../../formats/tensor-data";
import type { NonFinite } from "../../protocol";

/** @param dtype F32, F16 or BF16. */
export function encodeValues(values: Float32Array, dtype: FileDType): Uint8Array {
  const array = dtype === "F32" ? values : encodeHalf(values, dtype === "F16" ? "f16" : "bf16");
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Adds to `found` what is not finite in encoded bytes that begin at element `at`. Counts what the file will hold. */
export function countNonFinite(bytes: Uint8Array, dtype: FileDType, at: number, found: NonFinite): void {
  const [words, exponent] =
    dtype === "F32"
      ? [new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), 0x7f800000]
      : [
          new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2),
          dtype === "F16" ? 0x7c00 : 0x7f80,
        ];
  const fraction = dtype === "F32" ? 0x7fffff : dtype === "F16" ? 0x3ff : 0x7f;
  for (let i = 0; i < words.length; i++) {
    if ((words[i] & exponent) !== exponent) continue;
    if (found.nan + found.infinite === 0) found.first = at + i;
    if (words[i] & fraction) found.nan++;
    else found.infinite++;
  }
}
