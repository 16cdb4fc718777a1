// The plainest float64 convolution, its transpose and its weight gradient: the oracle of the convolution kernels. All three
// walk the same triples (place of the small picture, tap, place of the large picture) and differ in what they add where.
import {
  type ConvAttrs,
  type ConvTransposeAttrs,
  type ConvWeightsAttrs,
  convSize,
  keepsArgument,
  namedInputs,
  type Steps,
  transposeSize,
} from "./conv2d-plan";
import { activation64 } from "./matmul-reference";
import type { RefArray } from "./op";

/** Calls `visit` with the flat indices (without channels) of every triple whose large place lies inside. */
function windows(
  batch: number,
  small: readonly number[],
  large: readonly number[],
  kernel: readonly number[],
  { stride, padding }: Steps,
  visit: (smallPlace: number, tap: number, largePlace: number) => void,
): void {
  for (let b = 0; b < batch; b++)
    for (let y = 0; y < small[0]; y++)
      for (let x = 0; x < small[1]; x++)
        for (let ky = 0; ky < kernel[0]; ky++)
          for (let kx = 0; kx < kernel[1]; kx++) {
            const [v, u] = [y * stride[0] - padding[0] + ky, x * stride[1] - padding[1] + kx];
            if (v < 0 || v >= large[0] || u < 0 || u >= large[1]) continue;
            visit((b * small[0] + y) * small[1] + x, ky * kernel[1] + kx, (b * large[0] + v) * large[1] + u);
          }
}

function withBias(places: number, channels: number, bias: RefArray | undefined): Float64Array {
  return Float64Array.from({ length: places * channels }, (_, i) => bias?.data[i % channels] ?? 0);
}

/** The results of a record: activated values with a residual, and what went in where it is kept. */
function results(
  shape: readonly number[],
  data: Float64Array,
  residual: RefArray | undefined,
  attrs: ConvAttrs,
): RefArray[] {
  const { activation = "none" } = attrs;
  const y = { shape, data: data.map((v, i) => activation64(activation, v) + (residual?.data[i] ?? 0)) };
  return keepsArgument(attrs) ? [y, { shape, data }] : [y];
}

/** y[b, p, o] = bias[o] + Σ x[b, p·stride − padding + tap, c]·w[o, tap, c]. */
export function convReference(inputs: readonly RefArray[], attrs: ConvAttrs): RefArray[] {
  const { x, weight: w, bias, residual } = namedInputs(inputs, attrs);
  const [batch, height, width, channels] = x.shape;
  const [out, ...kernel] = w.shape;
  const size = convSize("conv2d", [height, width], kernel.slice(0, 2), attrs);
  const data = withBias(batch * size[0] * size[1], out, bias);
  const taps = kernel[0] * kernel[1];
  windows(batch, size, [height, width], kernel, attrs, (p, tap, q) => {
    for (let o = 0; o < out; o++)
      for (let c = 0; c < channels; c++)
        data[p * out + o] += x.data[q * channels + c] * w.data[(o * taps + tap) * channels + c];
  });
  return results([batch, ...size, out], data, residual, attrs);
}

/** y[b, p·stride − padding + tap, o] gathers x[b, p, c]·w[c, tap, o], and bias[o] once. */
export function convTransposeReference(inputs: readonly RefArray[], attrs: ConvTransposeAttrs): RefArray[] {
  const { x, weight: w, bias, residual } = namedInputs(inputs, attrs);
  const [batch, height, width, channels] = x.shape;
  const [kernel, out] = [w.shape.slice(1, 3), w.shape[3]];
  const size = transposeSize("conv2d-transpose", [height, width], kernel, attrs);
  const data = withBias(batch * size[0] * size[1], out, bias);
  const taps = kernel[0] * kernel[1];
  windows(batch, [height, width], size, kernel, attrs, (p, tap, q) => {
    for (let c = 0; c < channels; c++)
      for (let o = 0; o < out; o++)
        data[q * out + o] += x.data[p * channels + c] * w.data[(c * taps + tap) * out + o];
  });
  return results([batch, ...size, out], data, residual, attrs);
}

/** dw[o, tap, c] = Σ dy[b, p, o]·x[b, p·stride − padding + tap, c], and the sums of dy[b, p, o]. */
export function convWeightsReference([dy, x]: readonly RefArray[], attrs: ConvWeightsAttrs): RefArray[] {
  const [batch, height, width, channels] = x.shape;
  const [size, out] = [dy.shape.slice(1, 3), dy.shape[3]];
  const taps = attrs.kernel[0] * attrs.kernel[1];
  const data = new Float64Array(out * taps * channels);
  windows(batch, size, [height, width], attrs.kernel, attrs, (p, tap, q) => {
    for (let o = 0; o < out; o++)
      for (let c = 0; c < channels; c++)
        data[(o * taps + tap) * channels + c] += dy.data[p * out + o] * x.data[q * channels + c];
  });
  const dw = { shape: [out, ...attrs.kernel, channels], data };
  if (!attrs.sums) return [dw];
  const sums = new Float64Array(out);
  dy.data.forEach((v, i) => {
    sums[i % out] += v;
  });
  return [dw, { shape: [out], data: sums }];
}
