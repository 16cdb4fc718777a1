// Weights as signed bytes with a scale for each row: the largest size in the row becomes 127. On the CPU, once at loading.

/** `values` hold whole rows of `columns`. A row of zeros has scale 0. */
export function quantiseRows(
  values: Float32Array,
  columns: number,
): { bytes: Int8Array<ArrayBuffer>; scales: Float32Array<ArrayBuffer> } {
  const bytes = new Int8Array(values.length);
  const scales = new Float32Array(values.length / columns);
  for (let row = 0; row < scales.length; row++) {
    const start = row * columns;
    let top = 0;
    for (let i = start; i < start + columns; i++) top = Math.max(top, Math.abs(values[i]));
    scales[row] = top / 127;
    const inverse = scales[row] > 0 ? 1 / scales[row] : 0;
    for (let i = start; i < start + columns; i++)
      bytes[i] = Math.max(-127, Math.min(127, Math.round(values[i] * inverse)));
  }
  return { bytes, scales };
}
