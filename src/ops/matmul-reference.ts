// The plainest float64 matmul with its epilogue: the oracle of every matmul kernel.
import { broadcastShapes, sizeOf, stridesOf } from "../tensor/shape";
import type { MatmulAttrs } from "./matmul-plan";
import type { Activation } from "./matmul-tiles";
import type { RefArray } from "./op";

/** erf by its Taylor series for |x| < 3, by a continued fraction of erfc beyond: float64 accuracy. */
export function erf64(x: number): number {
  const t = Math.abs(x);
  if (t > 3) return Math.sign(x) * (1 - erfcTail(t));
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** erfc for t > 2 with full relative accuracy (Lentz-free backward evaluation of the continued fraction). */
function erfcTail(t: number): number {
  let f = t;
  for (let n = 120; n > 0; n--) f = t + n / 2 / f;
  return Math.exp(-t * t) / (f * Math.sqrt(Math.PI));
}

const normalCdf = (x: number): number =>
  x < -3 * Math.SQRT2 ? erfcTail(-x / Math.SQRT2) / 2 : (1 + erf64(x / Math.SQRT2)) / 2;
const normalPdf = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const TANH_SCALE = 2 * Math.sqrt(2 / Math.PI);
const tanhInner = (x: number): number => TANH_SCALE * (x + 0.044715 * x ** 3);

export function activation64(kind: Activation, x: number): number {
  switch (kind) {
    case "none":
      return x;
    case "relu":
      return Math.max(0, x);
    case "gelu":
      return x * normalCdf(x);
    case "gelu-tanh":
      return x * sigmoid(tanhInner(x));
    case "quick-gelu":
      return x * sigmoid(1.702 * x);
    case "silu":
      return x * sigmoid(x);
  }
}

export function activationDerivative(kind: Activation, x: number): number {
  const logistic = (slope: number, s: number): number => s + x * slope * s * (1 - s);
  switch (kind) {
    case "none":
      return 1;
    case "relu":
      return x > 0 ? 1 : 0;
    case "gelu":
      return normalCdf(x) + x * normalPdf(x);
    case "gelu-tanh":
      return logistic(TANH_SCALE * (1 + 3 * 0.044715 * x * x), sigmoid(tanhInner(x)));
    case "quick-gelu":
      return logistic(1.702, sigmoid(1.702 * x));
    case "silu":
      return logistic(1, sigmoid(x));
  }
}

/** act(scale·op(a)·op(b) + bias) + residual in float64. */
export function matmulReference(
  a: RefArray,
  b: RefArray,
  bias: RefArray | undefined,
  residual: RefArray | undefined,
  attrs: MatmulAttrs,
): RefArray {
  const { transposeA = false, transposeB = false, activation = "none", scale = 1 } = attrs;
  const [a0, a1] = a.shape.slice(-2);
  const [b0, b1] = b.shape.slice(-2);
  const [m, k] = transposeA ? [a1, a0] : [a0, a1];
  const n = transposeB ? b0 : b1;
  const batchA = a.shape.slice(0, -2);
  const batchB = b.shape.slice(0, -2);
  const batch = broadcastShapes(batchA, batchB, "matmul");
  const steps = stridesOf(batch);
  const offset = (own: readonly number[], index: number): number => {
    const strides = stridesOf(own);
    return own.reduce((sum, size, i) => {
      const axis = i + batch.length - own.length;
      return size === 1 ? sum : sum + (Math.floor(index / steps[axis]) % batch[axis]) * strides[i];
    }, 0);
  };
  const data = new Float64Array(sizeOf(batch) * m * n);
  for (let index = 0; index < sizeOf(batch); index++) {
    const startA = offset(batchA, index) * m * k;
    const startB = offset(batchB, index) * k * n;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          sum +=
            a.data[startA + (transposeA ? l * m + i : i * k + l)] *
            b.data[startB + (transposeB ? j * k + l : l * n + j)];
        }
        const at = (index * m + i) * n + j;
        const value = activation64(activation, sum * scale + (bias ? bias.data[j] : 0));
        data[at] = value + (residual ? residual.data[at] : 0);
      }
    }
  }
  return { shape: [...batch, m, n], data };
}
