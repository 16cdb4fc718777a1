// The layout that jax-js's attention wants, [length, heads, width], and back; applied before and after what is timed.
export function lengthFirst(values: Float32Array, [heads, length, width]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  for (let h = 0; h < heads; h++) {
    for (let l = 0; l < length; l++) {
      out.set(
        values.subarray((h * length + l) * width, (h * length + l + 1) * width),
        (l * heads + h) * width,
      );
    }
  }
  return out;
}

export function headFirst(values: Float32Array, [heads, length, width]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  for (let l = 0; l < length; l++) {
    for (let h = 0; h < heads; h++) {
      out.set(
        values.subarray((l * heads + h) * width, (l * heads + h + 1) * width),
        (h * length + l) * width,
      );
    }
  }
  return out;
}
