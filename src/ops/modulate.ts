// What adaptive norms do to every token of a batch entry: x·(1 + scale) + shift, and residual + gate·x. The vectors are rows
// of one table m [B, parts, n], as the layer that makes them gives them, so that nothing is sliced or added up again.
// Source of the scheme: Peebles and Xie, "Scalable Diffusion Models with Transformers" (adaLN-zero), 2023.

import sourceText from "../../shaders/ops/modulate.wgsl?raw";
import columnsText from "../../shaders/ops/modulate_columns.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { sizeOf } from "../tensor/shape";
import { expectSameShape, formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import {
  ALONE,
  defineOp,
  expectFloat,
  expectSameDtype,
  type LaunchContext,
  type Op,
  type RefArray,
} from "./op";
import { lengthClass, ROW_VARIANTS } from "./rows";
import { arithmetic, gridOf } from "./width";

const source: KernelSource = { file: "ops/modulate.wgsl", text: sourceText };
const columns: KernelSource = { file: "ops/modulate_columns.wgsl", text: columnsText };
const LANES = 64;

export interface ModulateAttrs {
  /** Part of the table that x is multiplied by: one more than it in modulate, it alone in gate. */
  factor: number;
  /** Part that is added; modulate only. */
  shift?: number;
}

interface Sizes {
  batch: number;
  length: number;
  n: number;
  parts: number;
}

function sizesOf(x: TensorSpec, m: TensorSpec, attrs: ModulateAttrs, what: string): Sizes {
  expectFloat(x, `${what}: x`);
  expectSameDtype(x, m, `${what}: x and m`);
  const [batch, length, n] = x.shape;
  const [tables, parts, columnsOfTable] = m.shape;
  if (x.shape.length !== 3 || m.shape.length !== 3 || tables !== batch || columnsOfTable !== n)
    throw new TesseraError(
      "shape",
      `${what}: x must be [B, L, n] and m [B, parts, n], got ${formatSpec(x)} and ${formatSpec(m)}`,
    );
  for (const part of [attrs.factor, attrs.shift ?? 0]) {
    if (!Number.isInteger(part) || part < 0 || part >= parts)
      throw new TesseraError("arguments", `${what}: m has parts 0 to ${parts - 1}, asked for ${part}`);
  }
  return { batch, length, n, parts };
}

/** Types and row length for rows of n, by fours where they fit. */
function rowsOf(x: TensorSpec, n: number) {
  const wide = n % 4 === 0;
  const width = wide ? 4 : 1;
  return { types: { ...arithmetic(x.dtype, wide), E: wide ? "vec4<T>" : "T" }, width };
}

function record(
  { dispatch }: LaunchContext<unknown>,
  x: Tensor,
  m: Tensor,
  y: Tensor,
  attrs: ModulateAttrs,
  base: number,
  residual?: Tensor,
): void {
  if (y.size === 0) return;
  const [, length, n] = x.shape;
  const { types, width } = rowsOf(x, n);
  const { groups, uniforms } = gridOf(x.size / width);
  dispatch({
    variants: [
      {
        name: "value",
        kernel: kernel(source, {
          types,
          constants: { HAS_SHIFT: attrs.shift === undefined ? 0 : 1, HAS_RESIDUAL: residual ? 1 : 0 },
        }),
        groups,
        uniforms: {
          ...uniforms,
          n: n / width,
          length,
          parts: m.shape[1],
          factor: attrs.factor,
          shift: attrs.shift ?? 0,
          base,
        },
      },
    ],
    bindings: [x, m, residual ?? x, y],
    work: x.size * 4,
  });
}

/** y in float64; `base` is 1 for modulate, 0 for gate. */
function value(inputs: readonly RefArray[], { factor, shift }: ModulateAttrs, base: number): RefArray[] {
  const [x, m, residual] = inputs;
  const [, length, n] = x.shape;
  const at = (i: number, part: number): number =>
    m.data[(Math.floor(i / (n * length)) * m.shape[1] + part) * n + (i % n)];
  const data = x.data.map(
    (v, i) =>
      v * (base + at(i, factor)) + (shift === undefined ? 0 : at(i, shift)) + (residual?.data[i] ?? 0),
  );
  return [{ shape: x.shape, data }];
}

function define(name: "modulate" | "gate", summary: string, base: number): Op<ModulateAttrs> {
  const gated = name === "gate";
  const shift = gated ? undefined : 1;
  const residual = (shape: number[]) => (gated ? [{ shape }] : []);
  return defineOp<ModulateAttrs>({
    name,
    summary,
    inputs: gated ? ["x", "m", "residual"] : ["x", "m"],
    variants: ["value"],
    infer([x, m, r], attrs) {
      sizesOf(x, m, attrs, name);
      if (r) {
        expectSameShape(x, r, `${name}: x and residual`);
        expectSameDtype(x, r, `${name}: x and residual`);
      }
      return [{ shape: x.shape, dtype: x.dtype }];
    },
    launch(context) {
      const [x, m, r] = context.inputs;
      record(context, x, m, context.outputs[0], context.attrs, base, r);
    },
    vjp([dy], { inputs: [x, m], attrs, sweep = ALONE }) {
      if (!dy) return [undefined, undefined, undefined];
      const part = { factor: attrs.factor };
      return [
        sweep.wants(0) ? (gated ? scaleOnlyOp : modulateOp)([dy, m], part)[0] : undefined,
        sweep.wants(1) ? tableGradient(dy, x, m, attrs, sweep.take(1)) : undefined,
        gated ? dy : undefined,
      ];
    },
    reference: (inputs, attrs) => value(inputs, attrs, base),
    samples: [
      {
        name: "odd",
        inputs: [{ shape: [2, 3, 5] }, { shape: [2, 3, 5] }, ...residual([2, 3, 5])],
        attrs: { factor: 2, shift },
      },
      {
        name: "by fours",
        inputs: [{ shape: [3, 70, 8] }, { shape: [3, 2, 8] }, ...residual([3, 70, 8])],
        attrs: { factor: 0, shift },
      },
      {
        name: "long",
        inputs: [{ shape: [1, 40_001, 8] }, { shape: [1, 2, 8] }, ...residual([1, 40_001, 8])],
        attrs: { factor: 1, shift: gated ? undefined : 0 },
        noGradient: "size: the small samples cover it",
      },
      {
        name: "no tokens",
        inputs: [{ shape: [2, 0, 4] }, { shape: [2, 2, 4] }, ...residual([2, 0, 4])],
        attrs: { factor: 0, shift },
      },
    ],
    rejects: [
      {
        inputs: [
          { shape: [2, 3, 4], dtype: "f32" },
          { shape: [2, 6, 5], dtype: "f32" },
          ...(gated ? [{ shape: [2, 3, 4], dtype: "f32" } as const] : []),
        ],
        attrs: { factor: 0 },
        says: `${name}: x must be [B, L, n] and m [B, parts, n], got f32[2, 3, 4] and f32[2, 6, 5]`,
      },
      {
        inputs: [
          { shape: [2, 3, 4], dtype: "f32" },
          { shape: [2, 6, 4], dtype: "f32" },
          ...(gated ? [{ shape: [2, 3, 4], dtype: "f32" } as const] : []),
        ],
        attrs: { factor: 6 },
        says: `${name}: m has parts 0 to 5, asked for 6`,
      },
    ],
    bound: {
      f32: { rel: 2e-7, scaled: 4e-7, why: "three roundings; the sum may cancel" },
      f16: { rel: 1e-3, scaled: 1e-6, abs: 6e-8, why: "one rounding of the result to f16; f32 inside" },
      gradient: { rel: 1e-5, scaled: 1e-5, why: "sums over the tokens, √L ULP of their parts" },
    },
  });
}

export const modulateOp = define("modulate", "y = x·(1 + m[b, factor]) + m[b, shift]", 1);
export const gateOp = define("gate", "y = x·m[b, factor] + residual", 0);

/** x·m[b, factor]: the gradient of gate. No record of its own is needed: gate without a residual. */
const scaleOnlyOp = defineOp<ModulateAttrs>({
  ...gateOp,
  name: "scale-rows",
  inputs: ["x", "m"],
  launch(context) {
    const [x, m] = context.inputs;
    record(context, x, m, context.outputs[0], context.attrs, 0);
  },
  vjp: { none: "second derivatives are not offered" },
});

/** Gradient of the table, with what other uses of it gave. */
function tableGradient(
  dy: Tensor,
  x: Tensor,
  m: Tensor,
  attrs: ModulateAttrs,
  before: Tensor | undefined,
): Tensor {
  const inputs = before ? [dy, x, before] : [dy, x];
  return (before ? modulateTableSumOp : modulateTableOp)(inputs, { ...attrs, parts: m.shape[1] })[0];
}

interface TableAttrs extends ModulateAttrs {
  parts: number;
}

function defineTable(summed: boolean): Op<TableAttrs> {
  const name = summed ? "modulate-table-sum" : "modulate-table";
  const before = summed ? [{ shape: [2, 3, 5] }] : [];
  return defineOp<TableAttrs>({
    name,
    summary: `gradient of the table of modulate and gate${summed ? ", and what other uses of it gave" : ""}`,
    inputs: summed ? ["dy", "x", "before"] : ["dy", "x"],
    variants: ROW_VARIANTS,
    infer([dy, x, prior], attrs) {
      const shape = [x.shape[0], attrs.parts, x.shape[2]];
      expectSameShape(dy, x, `${name}: dy and x`);
      sizesOf(x, { shape, dtype: x.dtype }, attrs, name);
      if (prior) expectSameShape(prior, { shape, dtype: x.dtype }, `${name}: before and the table`);
      return [{ shape, dtype: x.dtype }];
    },
    launch({ inputs: [dy, x, prior], outputs: [dm], attrs, dispatch }) {
      const { factor, shift, parts } = attrs;
      const [batch, length, n] = x.shape;
      if (dm.size === 0) return;
      const { types, width } = rowsOf(x, n);
      const count = (batch * n) / width;
      const variant = (wide: boolean) => ({
        name: ROW_VARIANTS[wide ? 0 : 1],
        kernel: kernel(columns, {
          types,
          constants: {
            WIDE: wide ? 1 : 0,
            HAS_SHIFT: shift === undefined ? 0 : 1,
            HAS_BEFORE: prior ? 1 : 0,
          },
        }),
        groups: wide ? count : Math.ceil(count / LANES),
        uniforms: { count, n: n / width, length, parts, factor, shift: shift ?? 0 },
      });
      dispatch({
        variants: [variant(true), variant(false)],
        bindings: [dy, x, prior ?? x, dm],
        work: x.size * 4 + dm.size * 8,
        shapeClass: `${x.dtype} ${lengthClass(count)}x${lengthClass(length)}`,
      });
    },
    vjp: { none: "second derivatives are not offered" },
    reference([dy, x, prior], { factor, shift, parts }) {
      const [batch, length, n] = x.shape;
      const shape = [batch, parts, n];
      const data = prior ? prior.data.slice() : new Float64Array(sizeOf(shape));
      dy.data.forEach((slope, i) => {
        const row = Math.floor(i / (n * length)) * parts;
        data[(row + factor) * n + (i % n)] += slope * x.data[i];
        if (shift !== undefined) data[(row + shift) * n + (i % n)] += slope;
      });
      return [{ shape, data }];
    },
    samples: [
      {
        name: "odd",
        inputs: [{ shape: [2, 7, 5] }, { shape: [2, 7, 5] }, ...before],
        attrs: { factor: 2, shift: 0, parts: 3 },
      },
      {
        name: "many tokens, no shift",
        inputs: [{ shape: [2, 300, 8] }, { shape: [2, 300, 8] }, ...(summed ? [{ shape: [2, 2, 8] }] : [])],
        attrs: { factor: 1, parts: 2 },
      },
    ],
    rejects: [
      {
        inputs: [
          { shape: [2, 7, 5], dtype: "f32" },
          { shape: [2, 6, 5], dtype: "f32" },
          ...(summed ? [{ shape: [2, 3, 5], dtype: "f32" } as const] : []),
        ],
        attrs: { factor: 0, parts: 3 },
        says: `${name}: dy and x: shapes differ, [2, 7, 5] and [2, 6, 5]`,
      },
    ],
    bound: {
      f32: { rel: 2e-6, scaled: 2e-6, why: "L rounded additions of random sign, at most √L ULP of the sum" },
      f16: { rel: 1e-3, scaled: 1e-5, abs: 6e-8, why: "one rounding of the result to f16; f32 inside" },
    },
  });
}

export const modulateTableOp = defineTable(false);
export const modulateTableSumOp = defineTable(true);

/** x·(1 + m[b, scale]) + m[b, shift]: x f[B, L, n], m f[B, parts, n], `scale` and `shift` are parts of m. */
export const modulate = (x: Tensor, m: Tensor, parts: { scale: number; shift: number }): Tensor =>
  modulateOp([x, m], { factor: parts.scale, shift: parts.shift })[0];

/** residual + m[b, part]·x: x and residual f[B, L, n], m f[B, parts, n]. */
export const gate = (x: Tensor, m: Tensor, part: number, residual: Tensor): Tensor =>
  gateOp([x, m, residual], { factor: part })[0];
