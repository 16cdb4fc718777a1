// Rows of a table by index (embedding), and its reverse: adding rows into a table in a fixed order, without atomics.
import gatherText from "../../shaders/ops/gather.wgsl?raw";
import directText from "../../shaders/ops/scatter_direct.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { formatShape, sameShape, sizeOf } from "../tensor/shape";
import { formatSpec, type Tensor } from "../tensor/tensor";
import { csr, expectIndex, expectRows, type RowsAttrs } from "./csr";
import { defineOp, expectFloat } from "./op";
import { reduceVariant } from "./segment";
import { bitsType, expectMovable, wideBitsType } from "./strided";
import { arithmetic } from "./width";

const source: KernelSource = { file: "ops/gather.wgsl", text: gatherText };
const direct: KernelSource = { file: "ops/scatter_direct.wgsl", text: directText };
const LANES = 64;
/** Looks at an index (for four values) up to which one dispatch that looks at all of them beats a dozen that sort. */
const DIRECT_LOOKS = 4e6;

export const gatherOp = defineOp<Record<string, never>>({
  name: "gather",
  summary: "y[i, …] = table[index[i], …]; an index past the table gives zeros",
  inputs: ["table", "index"],
  variants: ["value"],
  infer([table, index]) {
    expectMovable(table, "gather: table");
    expectIndex(index, "gather: index");
    if (table.shape.length === 0)
      throw new TesseraError("shape", `gather: table needs at least 1 axis, got ${formatSpec(table)}`);
    return [{ shape: [...index.shape, ...table.shape.slice(1)], dtype: table.dtype }];
  },
  launch({ inputs: [table, index], outputs: [y], dispatch }) {
    const n = sizeOf(table.shape.slice(1));
    const wide = n % 4 === 0 ? 4 : 1;
    const type = wide === 4 ? wideBitsType(table.dtype) : bitsType(table.dtype);
    const count = y.size / wide;
    dispatch({
      variants: [
        {
          name: "value",
          kernel: kernel(source, { types: { T: type } }),
          groups: Math.ceil(count / LANES),
          uniforms: { count, n: n / wide, rows: table.shape[0] },
        },
      ],
      bindings: [table, index, y],
      work: count * 8,
    });
  },
  vjp: ([dy], { inputs: [table, index] }) => [
    dy && scatterAdd(dy, index, table.shape[0]).reshape(table.shape),
    undefined,
  ],
  reference: ([table, index]) => {
    const n = sizeOf(table.shape.slice(1));
    const data = new Float64Array(index.data.length * n);
    index.data.forEach((row, i) => {
      if (row < table.shape[0]) data.set(table.data.subarray(row * n, row * n + n), i * n);
    });
    return [{ shape: [...index.shape, ...table.shape.slice(1)], data }];
  },
  samples: [
    {
      name: "one",
      inputs: [{ shape: [1, 1] }, { shape: [1], dtype: "u32", fill: { kind: "index", below: 1 } }],
      attrs: {},
    },
    {
      name: "odd width, repeated rows",
      inputs: [{ shape: [5, 7] }, { shape: [3, 5], dtype: "u32", fill: { kind: "index", below: 5 } }],
      attrs: {},
    },
    {
      name: "vec4 width",
      inputs: [{ shape: [9, 2, 4] }, { shape: [11], dtype: "u32", fill: { kind: "index", below: 9 } }],
      attrs: {},
    },
    {
      name: "out of range",
      inputs: [
        { shape: [3, 2] },
        { shape: [4], dtype: "u32", fill: { kind: "values", values: [2, 3, 0, 4_294_967_295] } },
      ],
      attrs: {},
    },
    {
      name: "vector table, scalar index",
      inputs: [{ shape: [6] }, { shape: [], dtype: "u32", fill: { kind: "index", below: 6 } }],
      attrs: {},
    },
    {
      name: "long",
      inputs: [{ shape: [37, 3] }, { shape: [1_400_003], dtype: "u32", fill: { kind: "index", below: 37 } }],
      attrs: {},
      noGradient: "size: the small samples cover it",
    },
    { name: "no indices", inputs: [{ shape: [3, 2] }, { shape: [0], dtype: "u32" }], attrs: {} },
    {
      name: "empty table",
      inputs: [{ shape: [0, 2] }, { shape: [3], dtype: "u32", fill: { kind: "index", below: 3 } }],
      attrs: {},
    },
    {
      name: "integers",
      inputs: [
        { shape: [4, 3], dtype: "i32", fill: { kind: "values", values: [-7, 2 ** 31 - 1, 5] } },
        { shape: [6], dtype: "u32", fill: { kind: "index", below: 4 } },
      ],
      attrs: {},
      noGradient: "integers have none",
    },
  ],
  rejects: [
    {
      inputs: [
        { shape: [3, 2], dtype: "f32" },
        { shape: [2], dtype: "i32" },
      ],
      attrs: {},
      says: "gather: index must be u32, got i32[2]",
    },
    {
      inputs: [
        { shape: [], dtype: "f32" },
        { shape: [2], dtype: "u32" },
      ],
      attrs: {},
      says: "gather: table needs at least 1 axis, got f32[]",
    },
  ],
  bound: {
    f32: { rel: 0, scaled: 0, why: "bits are moved" },
    f16: { rel: 0, scaled: 0, why: "bits are moved" },
    gradient: { rel: 1e-6, scaled: 1e-6, why: "a sum over repeated indices" },
  },
});

export const scatterAddOp = defineOp<RowsAttrs>({
  name: "scatter-add",
  summary:
    "y[r, …] = Σ values[e, …] over all e with index[e] = r, in order of e; indices past the last row are ignored",
  inputs: ["values", "index"],
  variants: ["rows"],
  infer([values, index], { rows }) {
    expectFloat(values, "scatter-add: values");
    expectIndex(index, "scatter-add: index");
    expectRows(rows, "scatter-add");
    const rank = index.shape.length;
    if (!sameShape(values.shape.slice(0, rank), index.shape)) {
      throw new TesseraError(
        "shape",
        `scatter-add: values must start with the axes of index ${formatShape(index.shape)}, got ${formatSpec(values)}`,
      );
    }
    return [{ shape: [rows, ...values.shape.slice(rank)], dtype: values.dtype }];
  },
  launch({ inputs: [values, index], outputs: [y], attrs: { rows }, temp, dispatch }) {
    const edges = index.size;
    const n = sizeOf(y.shape.slice(1));
    const wide = n % 4 === 0;
    const count = wide ? y.size / 4 : y.size;
    if (count * edges <= DIRECT_LOOKS) {
      dispatch({
        variants: [
          {
            name: "rows",
            kernel: kernel(direct, { types: { ...arithmetic(y.dtype, wide), E: wide ? "vec4<T>" : "T" } }),
            groups: Math.ceil(count / LANES),
            uniforms: { count, n: wide ? n / 4 : n, edges },
          },
        ],
        bindings: [values, index, y],
        work: count * edges * 2,
        label: "scatter-add direct",
      });
      return;
    }
    const flatIndex = index.reshape([edges]);
    const { offsets, order } = csr(flatIndex, rows);
    const spec = { shape: [edges, n], dtype: values.dtype };
    dispatch({
      variants: [reduceVariant(spec, rows, "sum", true)],
      bindings: [values, offsets, order, y, temp([1], "u32")],
      work: values.size * 2 + y.size * 8,
    });
    for (const tensor of [flatIndex, offsets, order]) tensor.free();
  },
  vjp: ([dy], { inputs: [, index] }) => [dy && gatherOp([dy, index], {})[0], undefined],
  reference: ([values, index], { rows }) => {
    const tail = values.shape.slice(index.shape.length);
    const n = sizeOf(tail);
    const data = new Float64Array(rows * n);
    index.data.forEach((row, e) => {
      for (let j = 0; row < rows && j < n; j++) data[row * n + j] += values.data[e * n + j];
    });
    return [{ shape: [rows, ...tail], data }];
  },
  samples: [
    {
      name: "one",
      inputs: [{ shape: [1, 1] }, { shape: [1], dtype: "u32", fill: { kind: "index", below: 1 } }],
      attrs: { rows: 1 },
    },
    {
      name: "odd",
      inputs: [{ shape: [17, 5] }, { shape: [17], dtype: "u32", fill: { kind: "index", below: 7 } }],
      attrs: { rows: 7 },
    },
    {
      name: "two index axes",
      inputs: [{ shape: [3, 4, 2] }, { shape: [3, 4], dtype: "u32", fill: { kind: "index", below: 5 } }],
      attrs: { rows: 5 },
    },
    {
      name: "out of range is ignored",
      inputs: [
        { shape: [5, 2] },
        { shape: [5], dtype: "u32", fill: { kind: "values", values: [0, 9, 1, 4_294_967_295, 1] } },
      ],
      attrs: { rows: 3 },
    },
    {
      name: "one hot row",
      inputs: [{ shape: [4099, 2] }, { shape: [4099], dtype: "u32", fill: { kind: "values", values: [1] } }],
      attrs: { rows: 3 },
    },
    {
      name: "16k rows into 2k",
      inputs: [
        { shape: [16_384, 32] },
        { shape: [16_384], dtype: "u32", fill: { kind: "index", below: 2048 } },
      ],
      attrs: { rows: 2048 },
      noGradient: "size: the small samples cover it",
    },
    {
      name: "many rows",
      inputs: [{ shape: [100, 1] }, { shape: [100], dtype: "u32", fill: { kind: "index", below: 70_001 } }],
      attrs: { rows: 4_200_001 },
      noGradient: "size: the small samples cover it",
    },
    {
      name: "nothing to add gives zeros",
      inputs: [{ shape: [0, 3] }, { shape: [0], dtype: "u32" }],
      attrs: { rows: 4 },
    },
  ],
  rejects: [
    {
      inputs: [
        { shape: [3, 2], dtype: "f32" },
        { shape: [4], dtype: "u32" },
      ],
      attrs: { rows: 2 },
      says: "scatter-add: values must start with the axes of index [4], got f32[3, 2]",
    },
    {
      inputs: [
        { shape: [3], dtype: "f32" },
        { shape: [3], dtype: "u32" },
      ],
      attrs: { rows: 1.5 },
      says: "scatter-add: rows must be a whole number from 0 to 2147483647, got 1.5",
    },
  ],
  bound: {
    f32: {
      rel: 1e-6,
      scaled: 3e-6,
      why: "additions in order: √n·2⁻²⁵ of the largest partial sum, 2e-6 at 4,099 rows",
    },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
  },
});

/** Rows of a table: table [V, ...] of any type but bf16, index u32[...] → [...index, ...row]. Bad indices give zeros. */
export const gather = (table: Tensor, index: Tensor): Tensor => gatherOp([table, index], {})[0];

/** Adds rows into zeros: values f[...index, ...row], index u32[...] → f[rows, ...row]. Repeatable to the bit. */
export const scatterAdd = (values: Tensor, index: Tensor, rows: number): Tensor =>
  scatterAddOp([values, index], { rows })[0];
