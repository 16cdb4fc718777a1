// Groups positions by index on the device: compressed rows (CSR) from a list of row indices, by a stable radix sort
// without atomics, so that the same input always gives the same order. It moves no values.
import countText from "../../shaders/ops/csr_count.wgsl?raw";
import offsetsText from "../../shaders/ops/csr_offsets.wgsl?raw";
import placeText from "../../shaders/ops/csr_place.wgsl?raw";
import scanText from "../../shaders/ops/scan_chunks.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { defineOp, type LaunchContext } from "./op";

const count: KernelSource = { file: "ops/csr_count.wgsl", text: countText };
const place: KernelSource = { file: "ops/csr_place.wgsl", text: placeText };
const scan: KernelSource = { file: "ops/scan_chunks.wgsl", text: scanText };
const offsetsKernel: KernelSource = { file: "ops/csr_offsets.wgsl", text: offsetsText };

const LANES = 64;
const BLOCK = 64;
const CHUNK = 32;
const DIGIT_BITS = 4;
const DIGITS = 16;

export interface RowsAttrs {
  /** Number of rows; indices at or above it are ignored. */
  rows: number;
}

/** @throws TesseraError `dtype` unless u32. */
export function expectIndex(spec: TensorSpec, what: string): void {
  if (spec.dtype !== "u32") throw new TesseraError("dtype", `${what} must be u32, got ${formatSpec(spec)}`);
}

/** @throws TesseraError `arguments` unless a whole number that fits an index. */
export function expectRows(rows: number, what: string): void {
  if (!Number.isInteger(rows) || rows < 0 || rows > 0x7fffffff)
    throw new TesseraError(
      "arguments",
      `${what}: rows must be a whole number from 0 to 2147483647, got ${rows}`,
    );
}

/** Checks indices that the CPU still has. The device ignores bad ones. @throws TesseraError `index` naming the first. */
export function checkIndices(values: ArrayLike<number>, rows: number, what: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isInteger(values[i]) || values[i] < 0 || values[i] >= rows) {
      throw new TesseraError(
        "index",
        `${what}: index ${values[i]} at position ${i} is outside 0 … ${rows - 1}`,
        { position: i, value: values[i] },
      );
    }
  }
}

function exclusiveScan(context: LaunchContext<RowsAttrs>, y: Tensor): void {
  const chunks = Math.ceil(y.size / CHUNK);
  const total = context.temp([chunks], "u32");
  const pass = (add: boolean): void =>
    context.dispatch({
      variants: [
        {
          name: "scan",
          kernel: kernel(scan, { constants: { ADD: add ? 1 : 0 } }),
          groups: Math.ceil(chunks / LANES),
          uniforms: { count: y.size },
        },
      ],
      bindings: [y, total],
      work: y.size * 4,
      label: "csr scan",
    });
  pass(false);
  if (chunks === 1) return;
  exclusiveScan(context, total);
  pass(true);
}

export const csrOp = defineOp<RowsAttrs>({
  name: "csr",
  summary:
    "offsets[r] … offsets[r + 1] bound the part of order that lists the positions e with index[e] = r, ascending",
  inputs: ["index"],
  variants: ["radix"],
  infer([index], { rows }) {
    expectIndex(index, "csr: index");
    expectRows(rows, "csr");
    if (index.shape.length !== 1)
      throw new TesseraError("shape", `csr: index needs exactly 1 axis, got ${formatSpec(index)}`);
    return [
      { shape: [rows + 1], dtype: "u32" },
      { shape: index.shape, dtype: "u32" },
    ];
  },
  launch(context) {
    const {
      inputs: [index],
      outputs: [offsets, order],
      attrs: { rows },
      temp,
      dispatch,
    } = context;
    const edges = index.size;
    const passes = Math.max(1, Math.ceil((32 - Math.clz32(rows)) / DIGIT_BITS));
    const blocks = Math.ceil(edges / BLOCK);
    const groups = Math.ceil(blocks / LANES);
    let key = index;
    let value = index; // not read by the first pass
    for (let pass = 0; pass < passes && edges > 0; pass++) {
      const uniforms = { count: edges, blocks, shift: pass * DIGIT_BITS, rows };
      const histogram = temp([blocks * DIGITS], "u32");
      dispatch({
        variants: [{ name: "count", kernel: kernel(count), groups, uniforms }],
        bindings: [key, histogram],
        work: edges * 8,
        label: "csr count",
      });
      exclusiveScan(context, histogram);
      const nextKey = temp([edges], "u32");
      const nextValue = pass === passes - 1 ? order : temp([edges], "u32");
      dispatch({
        variants: [
          {
            name: "place",
            kernel: kernel(place, { constants: { FIRST: pass === 0 ? 1 : 0 } }),
            groups,
            uniforms,
          },
        ],
        bindings: [key, value, histogram, nextKey, nextValue],
        work: edges * 12,
        label: "csr place",
      });
      key = nextKey;
      value = nextValue;
    }
    dispatch({
      variants: [
        {
          name: "offsets",
          kernel: kernel(offsetsKernel),
          groups: Math.ceil((rows + 1) / LANES),
          uniforms: { count: edges, rows },
        },
      ],
      bindings: [key, offsets],
      work: (rows + 1) * 64,
      label: "csr offsets",
    });
  },
  vjp: { none: "integers have no gradient" },
  reference: ([index], { rows }) => {
    const sorted = [...index.data.keys()].sort(
      (a, b) => Math.min(index.data[a], rows) - Math.min(index.data[b], rows) || a - b,
    );
    const offsets = new Float64Array(rows + 1);
    for (const row of index.data) if (row < rows) offsets[row + 1]++;
    for (let r = 0; r < rows; r++) offsets[r + 1] += offsets[r];
    return [
      { shape: [rows + 1], data: offsets },
      { shape: index.shape, data: Float64Array.from(sorted) },
    ];
  },
  samples: [
    {
      name: "one",
      inputs: [{ shape: [1], dtype: "u32", fill: { kind: "index", below: 1 } }],
      attrs: { rows: 1 },
    },
    {
      name: "odd",
      inputs: [{ shape: [131], dtype: "u32", fill: { kind: "index", below: 7 } }],
      attrs: { rows: 7 },
    },
    {
      name: "power of two rows",
      inputs: [{ shape: [300], dtype: "u32", fill: { kind: "index", below: 16 } }],
      attrs: { rows: 16 },
    },
    {
      name: "all in one row",
      inputs: [{ shape: [3000], dtype: "u32", fill: { kind: "values", values: [5] } }],
      attrs: { rows: 9 },
    },
    {
      name: "out of range is left out",
      inputs: [{ shape: [9], dtype: "u32", fill: { kind: "values", values: [3, 1, 4_294_967_295, 0, 4] } }],
      attrs: { rows: 4 },
    },
    {
      name: "four digits, three scan levels",
      inputs: [{ shape: [70_001], dtype: "u32", fill: { kind: "index", below: 40_000 } }],
      attrs: { rows: 40_000 },
    },
    { name: "no edges", inputs: [{ shape: [0], dtype: "u32" }], attrs: { rows: 3 } },
    {
      name: "no rows",
      inputs: [{ shape: [3], dtype: "u32", fill: { kind: "index", below: 5 } }],
      attrs: { rows: 0 },
    },
  ],
  rejects: [
    {
      inputs: [{ shape: [3], dtype: "f32" }],
      attrs: { rows: 2 },
      says: "csr: index must be u32, got f32[3]",
    },
    {
      inputs: [{ shape: [3, 1], dtype: "u32" }],
      attrs: { rows: 2 },
      says: "csr: index needs exactly 1 axis, got u32[3, 1]",
    },
    {
      inputs: [{ shape: [3], dtype: "u32" }],
      attrs: { rows: -1 },
      says: "csr: rows must be a whole number from 0 to 2147483647, got -1",
    },
  ],
  bound: { f32: { rel: 0, scaled: 0, why: "integers are exact" } },
});

/** Compressed rows of `index` u32[E]: offsets u32[rows + 1] and order u32[E], whose tail lists ignored positions. */
export function csr(index: Tensor, rows: number): { offsets: Tensor; order: Tensor } {
  const [offsets, order] = csrOp([index], { rows });
  return { offsets, order };
}
