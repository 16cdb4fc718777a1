// Sum, mean and maximum over the segments of a CSR list, and the reverse: giving each row what its segment has.
// Offsets must not decrease; that is checked where the CPU makes them, the device only keeps within bounds.
import reduceText from "../../shaders/ops/segment_reduce.wgsl?raw";
import spreadText from "../../shaders/ops/segment_spread.wgsl?raw";
import spreadRowsText from "../../shaders/ops/segment_spread_rows.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Variant } from "../gpu/work";
import { formatShape, sameShape, sizeOf } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { expectIndex } from "./csr";
import {
  type Bound,
  defineOp,
  expectFloat,
  type Op,
  type RefArray,
  type Sample,
  type SampleInput,
} from "./op";

const reduce: KernelSource = { file: "ops/segment_reduce.wgsl", text: reduceText };
const spread: KernelSource = { file: "ops/segment_spread.wgsl", text: spreadText };
const spreadRows: KernelSource = { file: "ops/segment_spread_rows.wgsl", text: spreadRowsText };
const LANES = 64;
const NONE = 0xffffffff;
const MODES = ["sum", "mean", "max"] as const;
type Mode = (typeof MODES)[number];
type NoAttrs = Record<string, never>;

/** The reduction as a dispatch; `order` lists rows of x, without it rows are taken as they lie. */
export function reduceVariant(x: TensorSpec, segments: number, mode: Mode, ordered: boolean): Variant {
  const edges = x.shape[0];
  const n = sizeOf(x.shape.slice(1));
  const constants = { MODE: MODES.indexOf(mode), ORDER: ordered ? 1 : 0 };
  return {
    name: "rows",
    kernel: kernel(reduce, { types: { T: x.dtype }, constants }),
    groups: Math.ceil((segments * n) / LANES),
    uniforms: { segments, edges, n },
  };
}

function inferReduce(name: string, x: TensorSpec, offsets: TensorSpec): number[] {
  expectFloat(x, `${name}: values`);
  if (x.shape.length === 0)
    throw new TesseraError("shape", `${name}: values needs at least 1 axis, got ${formatSpec(x)}`);
  expectOffsets(name, offsets);
  return [offsets.shape[0] - 1, ...x.shape.slice(1)];
}

function expectOffsets(name: string, offsets: TensorSpec): void {
  expectIndex(offsets, `${name}: offsets`);
  if (offsets.shape.length !== 1 || offsets.shape[0] === 0)
    throw new TesseraError("shape", `${name}: offsets must be u32[segments + 1], got ${formatSpec(offsets)}`);
}

/** Checks offsets that the CPU still has. @throws TesseraError `index` naming the first bad position. */
export function checkOffsets(offsets: ArrayLike<number>, edges: number, what: string): void {
  for (let i = 0; i < offsets.length; i++) {
    const least = i === 0 ? 0 : offsets[i - 1];
    if (!Number.isInteger(offsets[i]) || offsets[i] < least || offsets[i] > edges) {
      throw new TesseraError(
        "index",
        `${what}: offset ${offsets[i]} at position ${i} is outside ${least} … ${edges}`,
        { position: i, value: offsets[i] },
      );
    }
  }
}

function reduceReference(mode: Mode, x: RefArray, offsets: RefArray): RefArray[] {
  const n = sizeOf(x.shape.slice(1));
  const segments = offsets.data.length - 1;
  const shape = [segments, ...x.shape.slice(1)];
  const data = new Float64Array(segments * n);
  const arg = new Float64Array(segments * n).fill(NONE);
  for (let s = 0; s < segments; s++) {
    for (let j = 0; j < n; j++) {
      const rows = [];
      for (let e = offsets.data[s]; e < offsets.data[s + 1]; e++) rows.push(e);
      const values = rows.map((e) => x.data[e * n + j]);
      if (values.length === 0) continue;
      const total = values.reduce((a, b) => a + b, 0);
      const top = values.reduce((a, b) => Math.max(a, b));
      data[s * n + j] = mode === "max" ? top : mode === "mean" ? total / values.length : total;
      arg[s * n + j] = rows[values.indexOf(top)];
    }
  }
  return mode === "max"
    ? [
        { shape, data },
        { shape, data: arg },
      ]
    : [{ shape, data }];
}

const offsetsInput = (values: readonly number[]): SampleInput => ({
  shape: [values.length],
  dtype: "u32",
  fill: { kind: "values", values },
});
const MANY = Array.from({ length: 66_001 }, (_, i) => Math.floor(i / 2));

const samples = (noGradient?: string): Sample<NoAttrs>[] => [
  { name: "one", inputs: [{ shape: [1, 1] }, offsetsInput([0, 1])], attrs: {} },
  {
    name: "odd, with empty segments",
    inputs: [{ shape: [9, 5] }, offsetsInput([0, 0, 3, 3, 8, 9, 9])],
    attrs: {},
  },
  { name: "rows outside all segments", inputs: [{ shape: [7, 3] }, offsetsInput([2, 4, 5])], attrs: {} },
  { name: "vector", inputs: [{ shape: [6] }, offsetsInput([0, 4, 6])], attrs: {} },
  { name: "long segment", inputs: [{ shape: [5000, 3] }, offsetsInput([0, 4999, 5000])], attrs: {} },
  {
    name: "many segments",
    inputs: [{ shape: [33_000, 2] }, offsetsInput(MANY)],
    attrs: {},
    noGradient: "size: the small samples cover it",
  },
  {
    name: "negative",
    inputs: [{ shape: [4, 2], fill: { kind: "uniform", from: -9, to: -1 } }, offsetsInput([0, 3, 4])],
    attrs: {},
  },
  {
    name: "ties",
    inputs: [{ shape: [5, 1], fill: { kind: "values", values: [1, 2, 2, 1, 2] } }, offsetsInput([0, 4, 5])],
    attrs: {},
    noGradient,
  },
  { name: "no rows", inputs: [{ shape: [0, 3] }, offsetsInput([0, 0])], attrs: {} },
  { name: "no segments", inputs: [{ shape: [4, 3] }, offsetsInput([0])], attrs: {} },
];

const ROUNDING: Bound = {
  rel: 1e-6,
  scaled: 3e-6,
  why: "additions in order: √n·2⁻²⁵ of the largest partial sum, 2e-6 at 5,000 rows",
};
const F16: Bound = { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" };
const EXACT: Bound = { rel: 0, scaled: 0, why: "a value is picked" };

function defineReduce(mode: Mode, summary: string): Op<NoAttrs> {
  const name = `segment-${mode}`;
  return defineOp<NoAttrs>({
    name,
    summary,
    inputs: ["values", "offsets"],
    variants: ["rows"],
    infer([x, offsets]) {
      const shape = inferReduce(name, x, offsets);
      const result = { shape, dtype: x.dtype };
      return mode === "max" ? [result, { shape, dtype: "u32" }] : [result];
    },
    launch({ inputs: [x, offsets], outputs: [y, arg], temp, dispatch }) {
      dispatch({
        variants: [reduceVariant(x, offsets.size - 1, mode, false)],
        bindings: [x, offsets, offsets, y, arg ?? temp([1], "u32")],
        work: x.size + y.size * 8,
      });
    },
    vjp: ([dy], { inputs: [x, offsets], outputs }) => {
      if (!dy) return [undefined, undefined];
      const edges = x.shape[0];
      if (mode === "sum") return [segmentSpreadOp([dy, offsets], { edges })[0], undefined];
      if (mode === "mean") return [segmentSpreadMeanOp([dy, offsets], { edges })[0], undefined];
      return [segmentSpreadMaxOp([dy, offsets, outputs[1]], { edges })[0], undefined];
    },
    reference: ([x, offsets]) => reduceReference(mode, x, offsets),
    samples: samples(mode === "max" ? "ties: the maximum has a kink there" : undefined),
    rejects: [
      {
        inputs: [
          { shape: [4, 2], dtype: "f32" },
          { shape: [0], dtype: "u32" },
        ],
        attrs: {},
        says: `${name}: offsets must be u32[segments + 1], got u32[0]`,
      },
      {
        inputs: [
          { shape: [4, 2], dtype: "f32" },
          { shape: [3], dtype: "i32" },
        ],
        attrs: {},
        says: `${name}: offsets must be u32, got i32[3]`,
      },
      {
        inputs: [
          { shape: [4], dtype: "u32" },
          { shape: [3], dtype: "u32" },
        ],
        attrs: {},
        says: `${name}: values must be f32 or f16, got u32[4]; cast it first`,
      },
    ],
    bound: {
      f32: mode === "max" ? EXACT : ROUNDING,
      f16: mode === "max" ? EXACT : F16,
      gradient: { rel: 1e-6, scaled: 1e-6, why: "one division" },
    },
  });
}

interface SpreadAttrs {
  /** Number of rows of the result. */
  edges: number;
}

function defineSpread(mode: Mode, name: string, summary: string): Op<SpreadAttrs> {
  const arg: SampleInput[] =
    mode === "max"
      ? [{ shape: [3, 2], dtype: "u32", fill: { kind: "values", values: [0, 1, NONE, NONE, 4, 2] } }]
      : [];
  return defineOp<SpreadAttrs>({
    name,
    summary,
    inputs: mode === "max" ? ["x", "offsets", "arg"] : ["x", "offsets"],
    variants: ["rows", "value"],
    infer([x, offsets, position], { edges }) {
      expectFloat(x, `${name}: x`);
      expectOffsets(name, offsets);
      const rows = offsets.shape[0] - 1;
      if (x.shape[0] !== rows)
        throw new TesseraError(
          "shape",
          `${name}: x needs one row for each of the ${rows} segments, got ${formatSpec(x)}`,
        );
      if (position && !sameShape(position.shape, x.shape))
        throw new TesseraError(
          "shape",
          `${name}: arg must be ${formatShape(x.shape)}, got ${formatShape(position.shape)}`,
        );
      return [{ shape: [edges, ...x.shape.slice(1)], dtype: x.dtype }];
    },
    launch({ inputs: [x, offsets, position], outputs: [y], attrs: { edges }, dispatch }) {
      const n = sizeOf(x.shape.slice(1));
      const segments = offsets.size - 1;
      const variant = (name: string, file: KernelSource, values: number): Variant => ({
        name,
        kernel: kernel(file, { types: { T: x.dtype }, constants: { MODE: MODES.indexOf(mode) } }),
        groups: Math.ceil(values / LANES),
        uniforms: { segments, edges, n },
      });
      // By segment there is no search; by value there is work for all lanes when segments are few and long.
      const byRows = segments > 0 ? [variant("rows", spreadRows, x.size)] : [];
      const variants = [...byRows, variant("value", spread, y.size)];
      dispatch({ variants, bindings: [x, offsets, position ?? offsets, y], work: y.size * 16 });
    },
    vjp:
      mode === "sum"
        ? ([dy], { inputs: [, offsets] }) => [dy && segmentSum(dy, offsets), undefined]
        : { none: "second derivatives are not offered" },
    reference: ([x, offsets, position], { edges }) => {
      const n = sizeOf(x.shape.slice(1));
      const data = new Float64Array(edges * n);
      for (let s = 0; s + 1 < offsets.data.length; s++) {
        const size = offsets.data[s + 1] - offsets.data[s];
        for (let e = offsets.data[s]; e < offsets.data[s + 1]; e++) {
          for (let j = 0; j < n; j++) {
            const value = x.data[s * n + j];
            data[e * n + j] =
              mode === "mean" ? value / size : mode === "sum" || position.data[s * n + j] === e ? value : 0;
          }
        }
      }
      return [{ shape: [edges, ...x.shape.slice(1)], data }];
    },
    samples: [
      {
        name: "odd, with an empty segment",
        inputs: [{ shape: [3, 2] }, offsetsInput([0, 2, 2, 5]), ...arg],
        attrs: { edges: 5 },
      },
      {
        name: "rows outside all segments",
        inputs: [{ shape: [3, 2] }, offsetsInput([1, 2, 2, 5]), ...arg],
        attrs: { edges: 7 },
      },
    ],
    rejects: [
      {
        inputs: [
          { shape: [4, 2], dtype: "f32" },
          { shape: [3], dtype: "u32" },
          ...(mode === "max" ? [{ shape: [4, 2], dtype: "u32" } as const] : []),
        ],
        attrs: { edges: 3 },
        says: `${name}: x needs one row for each of the 2 segments, got f32[4, 2]`,
      },
    ],
    bound: { f32: { rel: 3e-7, scaled: 0, why: "one division: 2.5 ULP" }, f16: F16, gradient: ROUNDING },
  });
}

export const segmentSumOp = defineReduce("sum", "y[s] = Σ values[e] over e in offsets[s] … offsets[s + 1]");
export const segmentMeanOp = defineReduce("mean", "y[s] = mean of values[e] over the segment, 0 when empty");
export const segmentMaxOp = defineReduce(
  "max",
  "y[s] = max of values[e] over the segment, 0 when empty, and the first position of the maximum",
);
export const segmentSpreadOp = defineSpread(
  "sum",
  "segment-spread",
  "y[e] = x[s] for e in segment s, 0 outside all segments",
);
export const segmentSpreadMeanOp = defineSpread(
  "mean",
  "segment-spread-mean",
  "y[e] = x[s] / size of segment s",
);
export const segmentSpreadMaxOp = defineSpread(
  "max",
  "segment-spread-max",
  "y[e] = x[s] where arg[s] = e, else 0",
);

/** Sum of each segment: values f[E, ...], offsets u32[S + 1] → f[S, ...]; empty segments give 0. */
export const segmentSum = (values: Tensor, offsets: Tensor): Tensor => segmentSumOp([values, offsets], {})[0];
/** Mean of each segment; empty segments give 0. */
export const segmentMean = (values: Tensor, offsets: Tensor): Tensor =>
  segmentMeanOp([values, offsets], {})[0];
/** Maximum of each segment; empty segments give 0. The gradient goes to the first maximal row. */
export const segmentMax = (values: Tensor, offsets: Tensor): Tensor => segmentMaxOp([values, offsets], {})[0];
/** Gives every row e of `edges` rows the value of its segment: x f[S, ...] → f[edges, ...]. */
export const segmentSpread = (x: Tensor, offsets: Tensor, edges: number): Tensor =>
  segmentSpreadOp([x, offsets], { edges })[0];
