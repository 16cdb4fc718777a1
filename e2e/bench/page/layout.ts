// Moves axes between the order of ours and that of peers: channels of pictures and weights, heads of attention.

/** The axes of row-major `values` in another order: axis i of the result is axis order[i]. */
export function reorder(
  values: Float32Array,
  shape: readonly number[],
  order: readonly number[],
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));
  let next = 0;
  const walk = (axis: number, at: number): void => {
    if (axis === order.length) out[next++] = values[at];
    else for (let i = 0; i < shape[order[axis]]; i++) walk(axis + 1, at + i * strides[order[axis]]);
  };
  walk(0, 0);
  return out;
}

/** [B, H, W, C] → [B, C, H, W], and weights likewise. */
export const channelsSecond = (values: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> =>
  reorder(values, shape, [0, 3, 1, 2]);

/** [B, C, H, W] → [B, H, W, C]; `shape` is that of the result. */
export const channelsLast = (
  values: Float32Array,
  [batch, height, width, channels]: readonly number[],
): Float32Array<ArrayBuffer> => reorder(values, [batch, channels, height, width], [0, 2, 3, 1]);

type HeadsLengthWidth = readonly number[];

/** [heads, length, width] → [length, heads, width], which jax-js's attention wants. */
export const lengthFirst = (values: Float32Array, shape: HeadsLengthWidth): Float32Array<ArrayBuffer> =>
  reorder(values, shape, [1, 0, 2]);

/** [length, heads, width] → [heads, length, width]; `shape` is that of the result. */
export const headFirst = (
  values: Float32Array,
  [heads, length, width]: HeadsLengthWidth,
): Float32Array<ArrayBuffer> => reorder(values, [length, heads, width], [1, 0, 2]);
