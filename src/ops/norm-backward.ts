// Gradients of layer norm and RMS norm for x, gamma and beta, from the statistics that the forward pass kept.

import sourceText from "../../shaders/ops/norm_backward.wgsl?raw";
import columnsText from "../../shaders/ops/norm_columns.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { expectSameShape, type Tensor, type TensorSpec, zeros } from "../tensor/tensor";
import { expectNorm, type NormName, statsShape } from "./norm";
import {
  defineOp,
  expectSameDtype,
  type LaunchContext,
  type Op,
  type RefArray,
  type SampleInput,
} from "./op";
import { recordSum } from "./reduce-launch";
import { planReduce } from "./reduce-plan";
import { expectKept, ROW_VARIANTS, rowClass, rowsOf, rowTypes, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/norm_backward.wgsl", text: sourceText };
const columns: KernelSource = { file: "ops/norm_columns.wgsl", text: columnsText };
const LANES = 64;
/** Rows whose share of a column sum one invocation adds up. */
const CHUNK = 64;

const isCentered = (name: NormName): boolean => name === "layer-norm";

/** dgamma = Σ dy·x̂ and dbeta = Σ dy over all rows, by chunks of rows and then over the chunks, in a fixed order. */
function recordColumns(
  { inputs: [dy, x, , stats], temp, dispatch }: LaunchContext<unknown>,
  dgamma: Tensor,
  dbeta: Tensor | undefined,
): void {
  const { rows } = rowsOf(x);
  const { types, constants, n } = rowTypes(x);
  const chunks = Math.max(1, Math.ceil(rows / CHUNK));
  const partial = (): Tensor => temp([chunks, dgamma.size]);
  const alongPart = partial();
  const plainPart = dbeta ? partial() : temp([4]); // bound, but RMS norm writes nothing there
  dispatch({
    variants: [
      {
        name: "columns",
        kernel: kernel(columns, { types, constants }),
        groups: Math.ceil((chunks * n) / LANES),
        uniforms: { rows, n, chunk: CHUNK, count: chunks * n, center: dbeta ? 1 : 0 },
      },
    ],
    bindings: [dy, x, stats, alongPart, plainPart],
    work: x.size * 6 + chunks * n,
  });
  const passes = planReduce([chunks, dgamma.size], [true, false]);
  recordSum({ temp, dispatch }, alongPart, dgamma, passes);
  if (dbeta) recordSum({ temp, dispatch }, plainPart, dbeta, passes);
}

function reference(name: NormName, inputs: readonly RefArray[]): RefArray[] {
  const [dy, x, gamma, stats, dstats] = inputs;
  const n = gamma.data.length;
  const dx = new Float64Array(x.data.length);
  const dgamma = new Float64Array(n);
  const dbeta = new Float64Array(n);
  const columnsOf = Array.from({ length: n }, (_, j) => j);
  for (let r = 0; r < x.data.length / n; r++) {
    const [mean, scale] = isCentered(name) ? stats.data.subarray(2 * r, 2 * r + 2) : [0, stats.data[r]];
    const [dmean, dscale] = isCentered(name) ? dstats.data.subarray(2 * r, 2 * r + 2) : [0, dstats.data[r]];
    const g = columnsOf.map((j) => dy.data[r * n + j] * gamma.data[j]);
    const normal = columnsOf.map((j) => (x.data[r * n + j] - mean) * scale);
    const plain = isCentered(name) ? g.reduce((sum, v) => sum + v, 0) / n : 0;
    const along = g.reduce((sum, v, j) => sum + v * normal[j], 0) / n;
    for (const j of columnsOf) {
      dx[r * n + j] =
        scale * (g[j] - plain - normal[j] * along) + dmean / n - (dscale * scale * scale * normal[j]) / n;
      dgamma[j] += dy.data[r * n + j] * normal[j];
      dbeta[j] += dy.data[r * n + j];
    }
  }
  const shape = [n];
  const all = [
    { shape: x.shape, data: dx },
    { shape, data: dgamma },
    { shape, data: dbeta },
  ];
  return isCentered(name) ? all : all.slice(0, 2);
}

function defineBackward(name: NormName): Op<Record<string, never>> {
  const title = `${name}-backward`;
  const centered = isCentered(name);
  const inputs = (shape: readonly number[]): SampleInput[] => {
    const spec: TensorSpec = { shape, dtype: "f32" };
    const kept = { shape: statsShape(name, spec), dtype: "f32" } as const;
    return [
      { shape },
      { shape },
      { shape: shape.slice(-1) },
      { ...kept, fill: { kind: "uniform", from: 0.5, to: 1.5 } },
      kept,
    ];
  };
  return defineOp<Record<string, never>>({
    name: title,
    summary: centered
      ? "dx, dgamma = Σ dy·x̂ and dbeta = Σ dy of layer norm, given mean and 1/σ of each row"
      : "dx and dgamma = Σ dy·x̂ of RMS norm, given 1/rms of each row",
    inputs: ["dy", "x", "gamma", "stats", "dstats"],
    variants: ROW_VARIANTS,
    infer([dy, x, gamma, stats, dstats]) {
      expectNorm(title, x, { gamma });
      expectSameDtype(dy, x, `${title}: dy and x`);
      expectSameShape(dy, x, `${title}: dy and x`);
      for (const [what, spec] of Object.entries({ stats, dstats }))
        expectKept(`${title}: ${what}`, spec, statsShape(name, x));
      const parameter = { shape: gamma.shape, dtype: x.dtype };
      const dx = { shape: x.shape, dtype: x.dtype };
      return centered ? [dx, parameter, parameter] : [dx, parameter];
    },
    launch(context) {
      const [dy, x, gamma, stats, dstats] = context.inputs;
      const [dx, dgamma, dbeta] = context.outputs;
      context.dispatch({
        variants: rowVariants(source, x, { center: centered ? 1 : 0 }),
        bindings: [dy, x, gamma, stats, dstats, dx],
        work: x.size * 14,
        shapeClass: rowClass(x),
      });
      recordColumns(context, dgamma, dbeta);
    },
    vjp: { none: "second derivatives are not offered" },
    reference: (given) => reference(name, given),
    samples: [
      { name: "odd", inputs: inputs([5, 7]), attrs: {} },
      { name: "by fours, several chunks of rows", inputs: inputs([131, 12]), attrs: {} },
      { name: "long row", inputs: inputs([2, 4097]), attrs: {} },
      { name: "long row by fours", inputs: inputs([2, 4100]), attrs: {} },
      { name: "no rows give zeros for gamma", inputs: inputs([0, 6]), attrs: {} },
    ],
    rejects: [
      {
        inputs: [
          { shape: [3, 2], dtype: "f32" },
          { shape: [2, 3], dtype: "f32" },
          { shape: [3], dtype: "f32" },
          { shape: [2], dtype: "f32" },
          { shape: [2], dtype: "f32" },
        ],
        attrs: {},
        says: `${title}: dy and x: shapes differ, [3, 2] and [2, 3]`,
      },
      {
        inputs: [
          { shape: [2, 3], dtype: "f32" },
          { shape: [2, 3], dtype: "f32" },
          { shape: [3], dtype: "f32" },
          { shape: [3, 2], dtype: "f32" },
          { shape: [3, 2], dtype: "f32" },
        ],
        attrs: {},
        says: `${title}: stats must be f32[${statsShape(name, { shape: [2, 3], dtype: "f32" }).join(", ")}], got f32[3, 2]`,
      },
    ],
    bound: {
      f32: {
        rel: 2e-6,
        scaled: 2e-6,
        why: "three terms of like size, each with a sum of n products that carries √n ULP; relative to the largest entry",
      },
      f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
    },
  });
}

export const layerNormBackwardOp = defineBackward("layer-norm");
export const rmsNormBackwardOp = defineBackward("rms-norm");

/** The gradients for all inputs of a norm, given those for its result and for its statistics. */
export function normGradients(
  op: typeof layerNormBackwardOp,
  [dy, dstats]: readonly (Tensor | undefined)[],
  [x, gamma]: readonly Tensor[],
  [y, stats]: readonly Tensor[],
): readonly (Tensor | undefined)[] {
  if (!dy && !dstats) return [undefined, undefined, undefined];
  const noDy = dy ? undefined : zeros(x.gpu, y.shape, y.dtype);
  const noDstats = dstats ? undefined : zeros(x.gpu, stats.shape);
  const gradients = op([(dy ?? noDy) as Tensor, x, gamma, stats, (dstats ?? noDstats) as Tensor], {});
  noDy?.free();
  noDstats?.free();
  return gradients;
}
