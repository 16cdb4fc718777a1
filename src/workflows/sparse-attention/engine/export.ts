// Masks and results as files that other tools read: FlexAttention, SpargeAttn, Block-Sparse-Attention, FlashInfer, CSV,
// and the arrays of a run. Layouts only; nothing is computed here but re-blocking of masks.
import { TesseraError } from "../../../base/errors";
import { type ArrayToWrite, encodeNpz } from "../../../formats/npz";
import type { ExportedFile, ExportFormat, HeadResult } from "../protocol";
import type { Settings } from "../protocol-params";
import type { HeadRecord } from "./analysis";
import { joinHeads, toMask } from "./lists";
import { BSA_SNIPPET, FLASHINFER_SNIPPET, FLEX_SNIPPET, SPARGE_SNIPPET } from "./snippets";
import { scatterRows } from "./tokens";

/** Masks of all heads of one triple over all query blocks. */
export interface MaskSet {
  /** B·H heads, batch-major. */
  heads: number;
  batch: number;
  side: number;
  length: number;
  /** Query and key blocks, equal. */
  blocks: number;
  /** 1 = kept: [heads, blocks, blocks]. */
  mask: Uint8Array;
  order: Settings["order"];
}

/**
 * Masks from finished heads of one triple.
 * @throws TesseraError `no-result` when a head is missing; `export` when query rows were sampled (a mask needs all).
 */
export function maskSet(records: readonly HeadRecord[], order: Settings["order"]): MaskSet {
  const first = records[0];
  const want = first?.triple.heads ?? 0;
  if (!first || records.length < want) {
    throw new TesseraError(
      "no-result",
      `A mask needs all ${want || ""} heads of a triple; ${records.length} are analysed. Run the analysis first.`,
    );
  }
  const { plan, length } = { plan: first.head, length: first.triple.length };
  if (plan.sample.rows.length < length) {
    throw new TesseraError(
      "export",
      `This run analysed ${plan.sample.rows.length} of ${length} query rows; a mask needs all. Set sampled rows to ${length} and run again.`,
    );
  }
  const sorted = [...records].sort((a, b) => a.result.head - b.result.head);
  const mask = toMask(joinHeads(sorted.map((r) => r.sparse.lists)));
  return { heads: want, batch: first.triple.batch, side: plan.side, length, blocks: plan.keys, mask, order };
}

const i32 = (data: ArrayLike<number>, shape: readonly number[]): ArrayToWrite => ({
  dtype: "I32",
  shape,
  data: Int32Array.from(data),
});
const u8 = (data: Uint8Array, shape: readonly number[]): ArrayToWrite => ({ dtype: "U8", shape, data });
const f32 = (data: Float32Array, shape: readonly number[]): ArrayToWrite => ({ dtype: "F32", shape, data });

/**
 * FlexAttention: kv_num_blocks int32 [B, H, nq] and kv_indices int32 [B, H, nq, nk]. The kept indices come first,
 * ascending; the rest of a row lists the dropped blocks, as torch's own argsort does. All kept blocks go in as *full*
 * blocks, but the last key block when the length is no multiple of the side: it goes in as a partial one, whose tail
 * torch's mask_mod hides.
 */
export function flexArrays(set: MaskSet): Record<string, ArrayToWrite> {
  const { heads, batch, blocks: n, side, length, mask } = set;
  const partialTail = length % side !== 0;
  const shape = [batch, heads / batch, n];
  const part = { counts: new Int32Array(heads * n), indices: new Int32Array(heads * n * n) };
  const full = { counts: new Int32Array(heads * n), indices: new Int32Array(heads * n * n) };
  for (let row = 0; row < heads * n; row++) {
    const kept = (j: number): boolean => mask[row * n + j] === 1;
    fill(part, row, n, (j) => kept(j) && partialTail && j === n - 1);
    fill(full, row, n, (j) => kept(j) && !(partialTail && j === n - 1));
  }
  return {
    kv_num_blocks: i32(part.counts, shape),
    kv_indices: i32(part.indices, [...shape, n]),
    full_kv_num_blocks: i32(full.counts, shape),
    full_kv_indices: i32(full.indices, [...shape, n]),
    block_size: i32([side], [1]),
    length: i32([length], [1]),
  };
}

function fill(
  to: { counts: Int32Array; indices: Int32Array },
  row: number,
  n: number,
  takes: (j: number) => boolean,
): void {
  let at = row * n;
  for (const wanted of [true, false]) {
    for (let j = 0; j < n; j++) if (takes(j) === wanted) to.indices[at++] = j;
    if (wanted) to.counts[row] = at - row * n;
  }
}

/**
 * The mask on blocks of other sides: a target block is kept when any token pair in it is. Sides may be larger or
 * smaller than those of the mask; coarser blocks therefore keep more.
 */
export function reblock(
  set: MaskSet,
  rowSide: number,
  keySide: number,
): { mask: Uint8Array; rows: number; keys: number } {
  const { heads, blocks: n, side, length, mask } = set;
  const rows = Math.ceil(length / rowSide);
  const keys = Math.ceil(length / keySide);
  const out = new Uint8Array(heads * rows * keys);
  const touched = (block: number, width: number): [number, number] => [
    Math.floor((block * width) / side),
    Math.min(n - 1, Math.floor((Math.min((block + 1) * width, length) - 1) / side)),
  ];
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < rows; i++) {
      const [r0, r1] = touched(i, rowSide);
      for (let j = 0; j < keys; j++) {
        const [c0, c1] = touched(j, keySide);
        let kept = 0;
        for (let r = r0; r <= r1 && !kept; r++)
          for (let c = c0; c <= c1 && !kept; c++) kept = mask[(h * n + r) * n + c];
        out[(h * rows + i) * keys + j] = kept;
      }
    }
  return { mask: out, rows, keys };
}

/** SpargeAttn's mask_id: uint8 [B, H, ⌈L/128⌉, ⌈L/64⌉]. */
export function spargeArrays(set: MaskSet): Record<string, ArrayToWrite> {
  const { mask, rows, keys } = reblock(set, 128, 64);
  return {
    mask_id: u8(mask, [set.batch, set.heads / set.batch, rows, keys]),
    length: i32([set.length], [1]),
  };
}

/**
 * Block-Sparse-Attention: base_blockmask bool [B, H, ⌈L/128⌉, ⌈L/128⌉] and head_mask_type int32 [H], all 1: the library
 * itself turns each 1 into the running number of its mask.
 */
export function bsaArrays(set: MaskSet): Record<string, ArrayToWrite> {
  const { mask, rows, keys } = reblock(set, 128, 128);
  const heads = set.heads / set.batch;
  return {
    base_blockmask: { dtype: "BOOL", shape: [set.batch, heads, rows, keys], data: mask },
    head_mask_type: i32(new Int32Array(heads).fill(1), [heads]),
    length: i32([set.length], [1]),
  };
}

/** FlashInfer BSR per head: indptr int32 [H, n + 1] from 0 in each head, indices int32 of all heads end to end, head_offsets int32 [H + 1]. */
export function flashinferArrays(set: MaskSet): Record<string, ArrayToWrite> {
  const { heads, blocks: n, mask, side } = set;
  const indptr = new Int32Array(heads * (n + 1));
  const offsets = new Int32Array(heads + 1);
  const indices: number[] = [];
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) if (mask[(h * n + i) * n + j]) indices.push(j);
      indptr[h * (n + 1) + i + 1] = indices.length - offsets[h];
    }
    offsets[h + 1] = indices.length;
  }
  return {
    indptr: i32(indptr, [heads, n + 1]),
    indices: i32(indices, [indices.length]),
    head_offsets: i32(offsets, [heads + 1]),
    block_size: i32([side], [1]),
    length: i32([set.length], [1]),
  };
}

const COLUMNS: readonly (readonly [string, (r: HeadResult) => string | number | null])[] = [
  ["triple", (r) => JSON.stringify(r.triple)],
  ["step", (r) => r.step],
  ["layer", (r) => r.layer],
  ["head", (r) => r.head],
  ["tier", (r) => r.tier],
  ["sparsity", (r) => r.sparsity],
  ["kept", (r) => r.kept],
  ["skipped", (r) => r.skipped],
  ["uniform_recall", (r) => r.uniformRecall],
  ["recall", (r) => r.recall],
  ["lse_recall", (r) => r.lseRecall],
  ["output_error", (r) => r.outputError],
  ["max_error", (r) => r.maxError],
  ["bound", (r) => r.bound],
  ["bound_use", (r) => r.boundUse],
  ["mass_error", (r) => r.massError],
  ["rows", (r) => r.rows],
  ["redone", (r) => r.redone],
  ["dense_ms", (r) => r.times.denseMs],
  ["search_ms", (r) => r.times.searchMs],
  ["select_ms", (r) => r.times.selectMs],
  ["sparse_ms", (r) => r.times.sparseMs],
];

/** One line per head, full precision. */
export function headsCsv(results: readonly HeadResult[]): string {
  const lines = [COLUMNS.map(([name]) => name).join(",")];
  for (const r of results) lines.push(COLUMNS.map(([, of]) => of(r) ?? "").join(","));
  return `${lines.join("\n")}\n`;
}

/**
 * Arrays of one triple: dense_out and sparse_out [H, rows, D] and lse [H, rows] in the input's token order (rows
 * sampled: ascending places, see `rows`), block_mass [H, nq, nk], indices [H, nq, nk] filled up with -1, counts [H, nq].
 */
export function resultArrays(
  records: readonly HeadRecord[],
  order: Uint32Array,
): Record<string, ArrayToWrite> {
  const sorted = [...records].sort((a, b) => a.result.head - b.result.head);
  const { triple, head: plan } = sorted[0];
  const [H, M, D] = [sorted.length, plan.sample.rows.length, triple.dim];
  const [nq, nk] = [plan.sample.blocks.length, plan.keys];
  const isWhole = M === triple.length;
  // A whole run goes back to raster order; a sampled one keeps its places, which `rows` names.
  const back = (data: Float32Array, width: number): Float32Array =>
    isWhole ? scatterRows(data, width, order) : data;
  const join = (of: (r: HeadRecord) => Float32Array, size: number): Float32Array => {
    const out = new Float32Array(H * size);
    for (const [h, r] of sorted.entries()) out.set(of(r), h * size);
    return out;
  };
  const indices = new Int32Array(H * nq * nk).fill(-1);
  const counts = new Int32Array(H * nq);
  sorted.forEach((r, h) => {
    const { offsets, indices: list } = r.sparse.lists;
    for (let i = 0; i < nq; i++) {
      counts[h * nq + i] = offsets[i + 1] - offsets[i];
      indices.set(list.subarray(offsets[i], offsets[i + 1]), (h * nq + i) * nk);
    }
  });
  return {
    dense_out: f32(
      join((r) => back(r.searched.out, D), M * D),
      [H, M, D],
    ),
    sparse_out: f32(
      join((r) => back(r.sparse.out, D), M * D),
      [H, M, D],
    ),
    lse: f32(
      join((r) => back(r.searched.lse, 1), M),
      [H, M],
    ),
    sparse_lse: f32(
      join((r) => back(r.sparse.lse, 1), M),
      [H, M],
    ),
    block_mass: f32(
      join((r) => r.searched.mass, nq * nk),
      [H, nq, nk],
    ),
    indices: i32(indices, [H, nq, nk]),
    counts: i32(counts, [H, nq]),
    heads: i32(
      sorted.map((r) => r.result.head),
      [H],
    ),
    rows: i32(
      isWhole ? Array.from({ length: M }, (_, i) => i) : Array.from(plan.sample.rows, (r) => order[r]),
      [M],
    ),
    row_blocks: i32(plan.sample.blocks, [nq]),
    token_order: i32(order, [order.length]),
  };
}

/** A mask file in one of the layouts. */
export function maskFile(
  format: Exclude<ExportFormat, "csv" | "results">,
  set: MaskSet,
  stem: string,
): ExportedFile {
  const make = {
    "flex-attention": { arrays: flexArrays, snippet: FLEX_SNIPPET },
    sparge: { arrays: spargeArrays, snippet: SPARGE_SNIPPET },
    "block-sparse-attention": { arrays: bsaArrays, snippet: BSA_SNIPPET },
    flashinfer: { arrays: flashinferArrays, snippet: FLASHINFER_SNIPPET },
  }[format];
  const name = `${stem}.${format}.npz`;
  const note =
    set.order === "raster"
      ? ""
      : `# The mask is for tokens in ${set.order} order: permute q, k and v first.\n`;
  return {
    name,
    bytes: encodeNpz(make.arrays(set), { compress: true }),
    type: "application/zip",
    snippet: note + make.snippet.replaceAll("FILE", name),
  };
}
