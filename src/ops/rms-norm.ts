// RMS norm over the last axis. Its gradient is in norm-backward.ts.
import sourceText from "../../shaders/ops/rms_norm.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import type { Tensor } from "../tensor/tensor";
import { expectEpsilon, expectNorm, type NormAttrs, normRejects, normSamples, statsShape } from "./norm";
import { normGradients } from "./norm-backward";
import { ALONE, defineOp } from "./op";
import { mapRows, ROW_VARIANTS, rowClass, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/rms_norm.wgsl", text: sourceText };

export const rmsNormOp = defineOp<NormAttrs>({
  name: "rms-norm",
  summary: "y = x·gamma/rms over the last axis, rms² = mean of x² + eps, and stats = 1/rms of each row",
  inputs: ["x", "gamma"],
  variants: ROW_VARIANTS,
  infer([x, gamma], attrs) {
    expectNorm("rms-norm", x, { gamma });
    expectEpsilon("rms-norm", attrs);
    return [
      { shape: x.shape, dtype: x.dtype },
      { shape: statsShape("rms-norm", x), dtype: "f32" },
    ];
  },
  launch({ inputs: [x, gamma], outputs: [y, stats], attrs: { eps }, dispatch }) {
    dispatch({
      variants: rowVariants(source, x, { eps }),
      bindings: [x, gamma, y, stats],
      work: x.size * 6,
      shapeClass: rowClass(x),
    });
  },
  vjp: (dys, { inputs, outputs, sweep = ALONE }) => normGradients("rms-norm", dys, inputs, outputs, sweep),
  reference([x, gamma], { eps }) {
    const stats: number[] = [];
    const y = mapRows(x, (row) => {
      const scale = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / row.length + eps);
      stats.push(scale);
      return row.map((v, i) => v * scale * gamma.data[i]);
    });
    return [y, { shape: x.shape.slice(0, -1), data: Float64Array.from(stats) }];
  },
  samples: normSamples(1),
  rejects: normRejects("rms-norm", ["gamma"]),
  bound: {
    f32: {
      rel: 2e-6,
      scaled: 0,
      why: "a sum of squares carries √n/4 ULP, halved by the root; three roundings follow",
    },
    f16: { rel: 1e-3, scaled: 0, abs: 6e-8, why: "one rounding of the result to f16; f32 inside" },
    gradient: {
      rel: 1e-5,
      scaled: 1e-5,
      why: "a difference with a sum of n products that carries √n ULP, relative to the largest entry",
    },
  },
});

/** Divides each row of x f[…, n] by its root mean square and scales by gamma f[n]; eps is added to the mean square. */
export const rmsNorm = (x: Tensor, gamma: Tensor, eps = 1e-6): Tensor => rmsNormOp([x, gamma], { eps })[0];
