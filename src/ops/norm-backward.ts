// Gradients of layer norm and RMS norm for x, gamma and beta, from the statistics that the forward pass kept.

import sourceText from "../../shaders/ops/norm_backward.wgsl?raw";
import columnsText from "../../shaders/ops/norm_columns.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Variant } from "../gpu/work";
import { expectSameShape, type Tensor, zeros } from "../tensor/tensor";
import { expectNorm, type NormName, statsShape } from "./norm";
import { defineOp, expectSameDtype, type Op, type RefArray, type SampleInput, type Sweep } from "./op";
import { expectKept, ROW_VARIANTS, rowClass, rowsOf, rowTypes, rowVariants } from "./rows";

const source: KernelSource = { file: "ops/norm_backward.wgsl", text: sourceText };
const columns: KernelSource = { file: "ops/norm_columns.wgsl", text: columnsText };
const LANES = 64;

type None = Record<string, never>;
const isCentered = (name: NormName): boolean => name === "layer-norm";

/** Calls `visit` for every row with its mean (0 for RMS norm) and 1/σ. */
function eachRow(
  name: NormName,
  x: RefArray,
  stats: RefArray,
  visit: (start: number, mean: number, scale: number, r: number) => void,
): void {
  const n = x.shape.at(-1)!;
  for (let r = 0; r < x.data.length / n; r++) {
    const [mean, scale] = isCentered(name) ? stats.data.subarray(2 * r, 2 * r + 2) : [0, stats.data[r]];
    visit(r * n, mean, scale, r);
  }
}

function rowsReference(name: NormName, inputs: readonly RefArray[]): RefArray[] {
  const [dy, x, gamma, stats, before, dstats] = inputs;
  const n = gamma.data.length;
  const data = before ? before.data.slice() : new Float64Array(x.data.length);
  eachRow(name, x, stats, (start, mean, scale, r) => {
    const given = dstats?.data.subarray(isCentered(name) ? 2 * r : r) ?? [0, 0];
    const [dmean, dscale] = isCentered(name) ? given : [0, given[0]];
    const g = Array.from(gamma.data, (v, j) => dy.data[start + j] * v);
    const normal = g.map((_, j) => (x.data[start + j] - mean) * scale);
    const plain = isCentered(name) ? g.reduce((sum, v) => sum + v, 0) / n : 0;
    const along = g.reduce((sum, v, j) => sum + v * normal[j], 0) / n;
    for (let j = 0; j < n; j++) {
      const own = scale * (g[j] - plain - normal[j] * along);
      data[start + j] += own + dmean / n - (dscale * scale * scale * normal[j]) / n;
    }
  });
  return [{ shape: x.shape, data }];
}

function columnsReference(name: NormName, [dy, x, stats]: readonly RefArray[]): RefArray[] {
  const n = x.shape.at(-1)!;
  const dgamma = new Float64Array(n);
  const dbeta = new Float64Array(n);
  eachRow(name, x, stats, (start, mean, scale) => {
    for (let j = 0; j < n; j++) {
      dgamma[j] += dy.data[start + j] * (x.data[start + j] - mean) * scale;
      dbeta[j] += dy.data[start + j];
    }
  });
  const all = [dgamma, dbeta].map((data) => ({ shape: [n], data }));
  return isCentered(name) ? all : all.slice(0, 1);
}

/** dy, x and, with `gamma`, the gain; then the statistics of the forward pass. */
function sampleInputs(name: NormName, shape: readonly number[], gamma: boolean): SampleInput[] {
  const kept = { shape: statsShape(name, { shape, dtype: "f32" }), dtype: "f32" } as const;
  return [
    { shape },
    { shape },
    ...(gamma ? [{ shape: shape.slice(-1) }] : []),
    { ...kept, fill: { kind: "uniform", from: 0.5, to: 1.5 } },
  ];
}

function defineRows(name: NormName): Op<None> {
  const title = `${name}-backward`;
  const inputs = (shape: readonly number[], more: SampleInput[] = []): SampleInput[] => [
    ...sampleInputs(name, shape, true),
    ...more,
  ];
  const dstats = (shape: readonly number[]): SampleInput => ({
    shape: statsShape(name, { shape, dtype: "f32" }),
    dtype: "f32",
  });
  return defineOp<None>({
    name: title,
    summary: `dx of ${name}, given what it kept of each row, plus what other uses of x gave; dstats are gradients of what it kept`,
    inputs: ["dy", "x", "gamma", "stats", "before", "dstats"],
    optional: 2,
    variants: ROW_VARIANTS,
    infer([dy, x, gamma, stats, before, given]) {
      expectNorm(title, x, { gamma });
      for (const [what, spec] of [
        ["dy", dy],
        ["before", before],
      ] as const) {
        if (!spec) continue;
        expectSameDtype(spec, x, `${title}: ${what} and x`);
        expectSameShape(spec, x, `${title}: ${what} and x`);
      }
      expectKept(`${title}: stats`, stats, statsShape(name, x));
      if (given) expectKept(`${title}: dstats`, given, statsShape(name, x));
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    launch({ inputs: [dy, x, gamma, stats, before, given], outputs: [dx], dispatch }) {
      dispatch({
        variants: rowVariants(source, x, {
          center: isCentered(name) ? 1 : 0,
          use_before: before ? 1 : 0,
          use_dstats: given ? 1 : 0,
        }),
        bindings: [dy, x, gamma, stats, before ?? x, given ?? stats, dx],
        work: x.size * 14,
        shapeClass: rowClass(x),
      });
    },
    vjp: { none: "second derivatives are not offered" },
    reference: (given) => rowsReference(name, given),
    samples: [
      { name: "odd", inputs: inputs([5, 7]), attrs: {} },
      {
        name: "by fours, with other uses of x",
        inputs: inputs([131, 12], [{ shape: [131, 12] }]),
        attrs: {},
      },
      {
        name: "gradients of what was kept",
        inputs: inputs([5, 7], [{ shape: [5, 7] }, dstats([5, 7])]),
        attrs: {},
      },
      { name: "long row", inputs: inputs([2, 4097]), attrs: {} },
      { name: "long row by fours", inputs: inputs([2, 4100]), attrs: {} },
      { name: "no rows", inputs: inputs([0, 6]), attrs: {} },
    ],
    rejects: [
      {
        inputs: [[3, 2], [2, 3], [3], [2]].map((shape) => ({ shape, dtype: "f32" })),
        attrs: {},
        says: `${title}: dy and x: shapes differ, [3, 2] and [2, 3]`,
      },
      {
        inputs: [[2, 3], [2, 3], [3], [3, 2]].map((shape) => ({ shape, dtype: "f32" })),
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

function defineColumns(name: NormName): Op<None> {
  const title = `${name}-columns`;
  const inputs = (shape: readonly number[]): SampleInput[] => sampleInputs(name, shape, false);
  return defineOp<None>({
    name: title,
    summary: isCentered(name)
      ? "dgamma = Σ dy·x̂ and dbeta = Σ dy over all rows of layer norm"
      : "dgamma = Σ dy·x̂ over all rows of RMS norm",
    inputs: ["dy", "x", "stats"],
    variants: ROW_VARIANTS,
    infer([dy, x, stats]) {
      expectNorm(title, x, {});
      expectSameDtype(dy, x, `${title}: dy and x`);
      expectSameShape(dy, x, `${title}: dy and x`);
      expectKept(`${title}: stats`, stats, statsShape(name, x));
      const parameter = { shape: x.shape.slice(-1), dtype: x.dtype };
      return isCentered(name) ? [parameter, parameter] : [parameter];
    },
    launch({ inputs: [dy, x, stats], outputs: [dgamma, dbeta], temp, dispatch }) {
      const { rows } = rowsOf(x);
      const { types, n } = rowTypes(x);
      const variant = (wide: boolean): Variant => ({
        name: ROW_VARIANTS[wide ? 0 : 1],
        kernel: kernel(columns, { types, constants: { WIDE: wide ? 1 : 0 } }),
        groups: wide ? n : Math.ceil(n / LANES),
        uniforms: { rows, n, center: isCentered(name) ? 1 : 0 },
      });
      dispatch({
        variants: [variant(true), variant(false)],
        bindings: [dy, x, stats, dgamma, dbeta ?? temp([4], x.dtype)], // RMS norm has no beta to write
        work: x.size * 6,
        shapeClass: rowClass(x),
      });
    },
    vjp: { none: "second derivatives are not offered" },
    reference: (given) => columnsReference(name, given),
    samples: [
      { name: "odd", inputs: inputs([5, 7]), attrs: {} },
      { name: "by fours, more rows than lanes", inputs: inputs([131, 12]), attrs: {} },
      { name: "many rows", inputs: inputs([9001, 8]), attrs: {} },
      { name: "no rows give zeros", inputs: inputs([0, 6]), attrs: {} },
    ],
    rejects: [
      {
        inputs: [[3, 2], [2, 3], [2]].map((shape) => ({ shape, dtype: "f32" })),
        attrs: {},
        says: `${title}: dy and x: shapes differ, [3, 2] and [2, 3]`,
      },
    ],
    bound: {
      f32: { rel: 2e-6, scaled: 3e-6, why: "sums of products over the rows in blocks of 64, of random sign" },
      f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
    },
  });
}

export const layerNormBackwardOp = defineRows("layer-norm");
export const rmsNormBackwardOp = defineRows("rms-norm");
export const layerNormColumnsOp = defineColumns("layer-norm");
export const rmsNormColumnsOp = defineColumns("rms-norm");

/** The gradients for all inputs of a norm, given those for its result and for its statistics. */
export function normGradients(
  name: NormName,
  [dy, dstats]: readonly (Tensor | undefined)[],
  [x, gamma]: readonly Tensor[],
  [y, stats]: readonly Tensor[],
  sweep: Sweep,
): readonly (Tensor | undefined)[] {
  if (!dy && !dstats) return [undefined, undefined, undefined];
  const noDy = dy ? undefined : zeros(x.gpu, y.shape, y.dtype);
  const slope = (dy ?? noDy) as Tensor;
  const [rowsOp, columnsOp] =
    name === "layer-norm" ? [layerNormBackwardOp, layerNormColumnsOp] : [rmsNormBackwardOp, rmsNormColumnsOp];
  let dx: Tensor | undefined;
  if (sweep.wants(0)) {
    const taken = sweep.take(0);
    const noBefore = dstats && !taken ? zeros(x.gpu, x.shape, x.dtype) : undefined;
    const before = taken ?? noBefore;
    const rest = [...(before ? [before] : []), ...(dstats ? [dstats] : [])];
    [dx] = rowsOp([slope, x, gamma, stats, ...rest], {});
    noBefore?.free();
  }
  const wantsColumns = sweep.wants(1) || (name === "layer-norm" && sweep.wants(2));
  const gradients = wantsColumns ? columnsOp([slope, x, stats], {}) : [];
  noDy?.free();
  return [dx, ...gradients];
}
