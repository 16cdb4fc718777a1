// Layer norm over the last axis. Its gradient is in norm-backward.ts.
import sourceText from "../../shaders/ops/layer_norm.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import type { Tensor } from "../tensor/tensor";
import { expectEpsilon, expectNorm, type NormAttrs, normRejects, normSamples, statsShape } from "./norm";
import { normGradients } from "./norm-backward";
import { ALONE, defineOp } from "./op";
import { mapRows, ROW_VARIANTS, rowClass, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/layer_norm.wgsl", text: sourceText };

const average = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

export const layerNormOp = defineOp<NormAttrs>({
  name: "layer-norm",
  summary:
    "y = (x - mean)·gamma/σ + beta over the last axis, σ² = variance + eps, and stats = mean and 1/σ of each row",
  inputs: ["x", "gamma", "beta"],
  variants: ROW_VARIANTS,
  infer([x, gamma, beta], attrs) {
    expectNorm("layer-norm", x, { gamma, beta });
    expectEpsilon("layer-norm", attrs);
    return [
      { shape: x.shape, dtype: x.dtype },
      { shape: statsShape("layer-norm", x), dtype: "f32" },
    ];
  },
  launch({ inputs: [x, gamma, beta], outputs: [y, stats], attrs: { eps }, dispatch }) {
    dispatch({
      variants: rowVariants(source, x, { eps }),
      bindings: [x, gamma, beta, y, stats],
      work: x.size * 12,
      shapeClass: rowClass(x),
    });
  },
  vjp: (dys, { inputs, outputs, sweep = ALONE }) => normGradients("layer-norm", dys, inputs, outputs, sweep),
  reference([x, gamma, beta], { eps }) {
    const stats: number[] = [];
    const y = mapRows(x, (row) => {
      const mean = average(row);
      const scale = 1 / Math.sqrt(average(row.map((v) => (v - mean) ** 2)) + eps);
      stats.push(mean, scale);
      return row.map((v, i) => (v - mean) * scale * gamma.data[i] + beta.data[i]);
    });
    return [
      y,
      { shape: statsShape("layer-norm", { shape: x.shape, dtype: "f32" }), data: Float64Array.from(stats) },
    ];
  },
  samples: normSamples(2),
  rejects: normRejects("layer-norm", ["gamma", "beta"]),
  bound: {
    f32: {
      rel: 2e-6,
      scaled: 1e-6,
      why: "moments relative to the first value carry a few ULP, five roundings follow; the sum with beta may cancel",
    },
    f16: {
      rel: 1e-3,
      scaled: 2e-6,
      why: "one rounding of the result to f16; f32 inside, where the sum with beta may cancel",
    },
    gradient: {
      rel: 1e-5,
      scaled: 1e-5,
      why: "differences of sums of n products, each with √n ULP; the mean that is kept has 1 ULP of its own",
    },
  },
});

/** Normalises each row of x f[…, n] and scales by gamma f[n], shifts by beta f[n]; eps is added to the variance. */
export const layerNorm = (x: Tensor, gamma: Tensor, beta: Tensor, eps = 1e-5): Tensor =>
  layerNormOp([x, gamma, beta], { eps })[0];
