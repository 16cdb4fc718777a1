// The device side of the attention laboratory: block masses, selection, block-sparse and fused attention as functions
// from tensors to tensors. They record work and return at once; they read nothing back and choose no budget.
import fusedText from "../../../../shaders/sparse-attention/fused.wgsl?raw";
import repairText from "../../../../shaders/sparse-attention/fused_repair.wgsl?raw";
import fusedTiledText from "../../../../shaders/sparse-attention/fused_tiled.wgsl?raw";
import massText from "../../../../shaders/sparse-attention/mass.wgsl?raw";
import massTiledText from "../../../../shaders/sparse-attention/mass_tiled.wgsl?raw";
import selectText from "../../../../shaders/sparse-attention/select.wgsl?raw";
import sparseText from "../../../../shaders/sparse-attention/sparse.wgsl?raw";
import sparseTiledText from "../../../../shaders/sparse-attention/sparse_tiled.wgsl?raw";
import { TesseraError } from "../../../base/errors";
import type { Gpu } from "../../../gpu/gpu";
import type { KernelSource } from "../../../gpu/link";
import { kernel } from "../../../gpu/pipelines";
import type { Uniforms } from "../../../gpu/reflect";
import type { Variant } from "../../../gpu/work";
import { type AttentionResult, attention, expectAttention } from "../../../ops/attention";
import { attentionSizes } from "../../../ops/attention-reference";
import { attentionVariants, roomFor } from "../../../ops/attention-variants";
import { lengthClass } from "../../../ops/rows";
import { formatShape, sameShape } from "../../../tensor/shape";
import { empty, type Tensor, upload } from "../../../tensor/tensor";
import type { BlockLists } from "./lists";

const file = (name: string, text: string): KernelSource => ({ file: `sparse-attention/${name}.wgsl`, text });
const massKernel = file("mass", massText);
const massTiledKernel = file("mass_tiled", massTiledText);
const selectKernel = file("select", selectText);
const sparseKernel = file("sparse", sparseText);
const sparseTiledKernel = file("sparse_tiled", sparseTiledText);
const fusedKernel = file("fused", fusedText);
const fusedTiledKernel = file("fused_tiled", fusedTiledText);
const repairKernel = file("fused_repair", repairText);

/** Invocations of a workgroup, at most, in the kernels that work on whole row blocks without a barrier. */
const MOST_TEAM_LANES = 8;

export interface BlockOptions {
  /** Side of a block in tokens: a multiple of 16 up to 512; 32, 64 and 128 are the useful ones. */
  block: number;
  /** Factor on q·k; 1/√D when left out. */
  scale?: number;
}

/** How many key blocks each row block keeps and where its list lies, on the device. Rows are (head, query block) pairs. */
export interface BlockPlan {
  heads: number;
  /** Query blocks of one head. */
  rows: number;
  /** Key blocks. */
  keys: number;
  /** Kept blocks of all rows together: the length of the list. */
  total: number;
  /** u32 [heads·rows, 2]: offset in the list, count. */
  spans: Tensor;
  /** u32 [heads·rows]: rows in the order they are worked on, most blocks first. */
  jobs: Tensor;
}

/** A plan from the number of blocks that each row keeps, [heads·rows]. @throws TesseraError `shape`. */
export function planBlocks(
  gpu: Gpu,
  counts: ArrayLike<number>,
  heads: number,
  rows: number,
  keys: number,
): BlockPlan {
  if (counts.length !== heads * rows) {
    throw new TesseraError(
      "shape",
      `planBlocks: ${heads} heads of ${rows} row blocks need ${heads * rows} counts, got ${counts.length}`,
    );
  }
  const spans = new Uint32Array(2 * counts.length);
  let total = 0;
  for (let i = 0; i < counts.length; i++) {
    if (!(counts[i] >= 0 && counts[i] <= keys)) {
      throw new TesseraError("params", `planBlocks: row ${i} cannot keep ${counts[i]} of ${keys} key blocks`);
    }
    spans.set([total, counts[i]], 2 * i);
    total += counts[i];
  }
  const jobs = Uint32Array.from({ length: counts.length }, (_, i) => i).sort(
    (a, b) => counts[b] - counts[a] || a - b,
  );
  return {
    heads,
    rows,
    keys,
    total,
    spans: upload(gpu, spans, [counts.length, 2], "u32"),
    jobs: upload(gpu, jobs, [counts.length], "u32"),
  };
}

/** Lists made on the CPU, on the device: their plan and the list u32 [total]. */
export function uploadLists(gpu: Gpu, lists: BlockLists): { plan: BlockPlan; list: Tensor } {
  const counts = Uint32Array.from(
    { length: lists.heads * lists.rows },
    (_, i) => lists.offsets[i + 1] - lists.offsets[i],
  );
  const plan = planBlocks(gpu, counts, lists.heads, lists.rows, lists.keys);
  return { plan, list: upload(gpu, lists.indices, [plan.total], "u32") };
}

/** Reads lists back from the device. */
export async function readLists(plan: BlockPlan, list: Tensor): Promise<BlockLists> {
  const spans = await plan.spans.read();
  const offsets = Uint32Array.from({ length: spans.length / 2 + 1 }, (_, i) =>
    2 * i < spans.length ? spans[2 * i] : plan.total,
  );
  return {
    heads: plan.heads,
    rows: plan.rows,
    keys: plan.keys,
    offsets,
    indices: Uint32Array.from(await list.read()),
  };
}

/**
 * Softmax mass per block with a cached log-sum-exp, QK only (the LSE-cached search). q [..., Lq, D], k [..., Lk, D],
 * lse f32 [..., Lq] of this or an earlier step; result f32 [heads, ⌈Lq/block⌉, ⌈Lk/block⌉]. With the lse of these q and k
 * each row block sums to its number of rows. @throws TesseraError `shape`, `dtype`, `params`.
 */
export function blockMass(q: Tensor, k: Tensor, lse: Tensor, options: BlockOptions): Tensor {
  const s = settings(q, k, k, options);
  expectLse(lse, q, "block mass");
  const mass = empty(q.gpu, [s.heads, s.rows, s.keys], "f32", "block mass");
  const variants = [
    ...teamVariants(q.gpu, massKernel, s),
    tiledVariant(massTiledKernel, s, s.groups, s.blockUniforms),
  ];
  record(q.gpu, "mass", variants, [q, k, lse, mass], s.pairs * 2 * s.d, s.shapeClass);
  return mass;
}

/** The first search: dense attention, then the masses with its own lse (two QK passes). */
export function denseWithMass(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: BlockOptions,
): AttentionResult & { mass: Tensor } {
  const { o, lse } = attention(q, k, v, { scale: options.scale });
  return { o, lse, mass: blockMass(q, k, lse, options) };
}

/**
 * Row-wise top-k: as many key blocks of each row as the plan says, the heaviest first, ties to the lower index, listed
 * ascending. Key blocks from `sinkFrom` on go before all others. `score` f32 [heads, rows, keys], any finite numbers.
 * Returns the list u32 [plan.total] and `kept` f32 [heads, rows, 2]: the sum of the kept scores and of all.
 */
export function selectBlocks(
  score: Tensor,
  plan: BlockPlan,
  sinkFrom = plan.keys,
): { list: Tensor; kept: Tensor } {
  const { heads, rows, keys } = plan;
  if (!sameShape(score.shape, [heads, rows, keys])) {
    throw new TesseraError(
      "shape",
      `selectBlocks: the plan is for scores ${formatShape([heads, rows, keys])}, got ${formatShape(score.shape)}`,
    );
  }
  const list = empty(score.gpu, [plan.total], "u32", "block list");
  const kept = empty(score.gpu, [heads, rows, 2], "f32", "kept mass");
  const groups = heads * rows;
  const variants = [
    { name: "group", kernel: kernel(selectKernel), groups, uniforms: { key_blocks: keys, forced: sinkFrom } },
  ];
  record(score.gpu, "select", variants, [score, plan.spans, list, kept], groups * keys * 40, "");
  return { list, kept };
}

/**
 * Attention over the listed key blocks only; the softmax is renormalised over what is kept, and lse is that of the kept
 * part. Shapes as in `attention`. A row without any block gives zeros. @throws TesseraError `shape`, `dtype`, `params`.
 */
export function sparseAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  plan: BlockPlan,
  list: Tensor,
  options: BlockOptions,
): AttentionResult {
  const s = settings(q, k, v, options);
  if (plan.heads !== s.heads || plan.rows !== s.rows || plan.keys !== s.keys) {
    const [want, got] = [
      [s.heads, s.rows, s.keys],
      [plan.heads, plan.rows, plan.keys],
    ].map(formatShape);
    throw new TesseraError(
      "shape",
      `sparse attention: q and k have ${want} heads, row blocks and key blocks, the plan is for ${got}`,
    );
  }
  const result = outputs(q);
  const uniforms = { ...s.uniforms, block: s.block, row_blocks: s.rows };
  const groups = (lanes: number): number => Math.ceil((s.groups * s.block) / (4 * lanes));
  const parts = s.block / tiledRows(s.block);
  const variants = [
    ...attentionVariants(q.gpu, sparseKernel, s.link, groups, { ...uniforms, jobs: s.groups }),
    tiledVariant(sparseTiledKernel, s, s.groups * parts, uniforms),
  ];
  const work = plan.total * options.block ** 2 * 4 * s.d;
  record(
    q.gpu,
    "sparse",
    variants,
    [q, k, v, plan.jobs, plan.spans, list, result.o, result.lse],
    work,
    s.shapeClass,
  );
  return result;
}

export interface FusedResult extends AttentionResult {
  /** f32 [heads, row blocks, key blocks], relative to the cached lse (fresh where `redo` is 1). Good for selection only. */
  mass: Tensor;
  /** u32 [heads, row blocks]: 1 where the cache was off by more than e¹⁰ on a row and online softmax did the block again. */
  redo: Tensor;
}

/**
 * Dense output, fresh lse and block masses in one pass, with the cached lse as the softmax reference. Row blocks whose
 * cache is too far off are flagged by the kernel and repaired by a second one, without a readback.
 */
export function fusedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  cached: Tensor,
  options: BlockOptions,
): FusedResult {
  const s = settings(q, k, v, options);
  expectLse(cached, q, "fused attention");
  const { o, lse } = outputs(q);
  const mass = empty(q.gpu, [s.heads, s.rows, s.keys], "f32", "block mass");
  const redo = empty(q.gpu, [s.heads, s.rows], "u32", "redo flags");
  const work = s.pairs * 4 * s.d;
  const fused = [
    ...teamVariants(q.gpu, fusedKernel, s),
    tiledVariant(fusedTiledKernel, s, s.groups, s.blockUniforms),
  ];
  record(q.gpu, "fused-mass", fused, [q, k, v, cached, o, lse, mass, redo], work, s.shapeClass);
  // Most groups end at once, so timing it would say nothing: it runs in the form that needs no feature.
  const [repair] = teamVariants(q.gpu, repairKernel, s);
  record(q.gpu, "fused-repair", [repair], [q, k, v, redo, o, lse, mass], work, s.shapeClass);
  return { o, lse, mass, redo };
}

interface Settings {
  heads: number;
  d: number;
  rows: number;
  keys: number;
  /** Row blocks of all heads. */
  groups: number;
  /** Query-key pairs of all heads. */
  pairs: number;
  link: { types: { T: string }; constants: { D: number } };
  block: number;
  uniforms: { lq: number; lk: number; d4: number; scale: number };
  blockUniforms: Uniforms;
  shapeClass: string;
}

function settings(q: Tensor, k: Tensor, v: Tensor, { block, scale }: BlockOptions): Settings {
  expectAttention(q, k, v, {}, "block attention");
  if (!Number.isInteger(block / 16) || block < 16 || block > 512) {
    throw new TesseraError(
      "params",
      `block attention: the block side must be a multiple of 16 from 16 to 512, got ${block}`,
    );
  }
  const sizes = attentionSizes(q, k, scale === undefined ? {} : { scale });
  const { heads, lq, lk, d } = sizes;
  const [rows, keys] = [lq, lk].map((n) => Math.ceil(n / block));
  const groups = heads * rows;
  const uniforms = { lq, lk, d4: d / 4, scale: sizes.scale * Math.LOG2E };
  return {
    heads,
    d,
    rows,
    keys,
    groups,
    pairs: heads * lq * lk,
    link: { types: { T: q.dtype }, constants: { D: roomFor(d) } },
    block,
    uniforms,
    blockUniforms: { ...uniforms, block, row_blocks: rows, key_blocks: keys },
    shapeClass: `${q.dtype} ${lengthClass(lq)}x${lengthClass(lk)}x${d} block ${block}`,
  };
}

/** Query rows that a workgroup of a tiled kernel takes at once: a divisor of the block whose tiles fit 16 KiB. */
const tiledRows = (block: number): number => (block % 64 === 0 ? 64 : block % 32 === 0 ? 32 : 16);

/** Variants in which a team (an invocation, or a quad that reads together) takes whole row blocks. */
function teamVariants(gpu: Gpu, source: KernelSource, s: Settings): Variant[] {
  const groups = (lanes: number, team: number): number => Math.ceil((s.groups * team) / lanes);
  const uniforms = { ...s.blockUniforms, jobs: s.groups };
  return attentionVariants(gpu, source, s.link, groups, uniforms, MOST_TEAM_LANES);
}

function tiledVariant(source: KernelSource, s: Settings, groups: number, uniforms: Uniforms): Variant {
  const constants = { ...s.link.constants, ROWS: tiledRows(s.block) };
  return { name: "tiled", kernel: kernel(source, { ...s.link, constants }), groups, uniforms };
}

function outputs(q: Tensor): AttentionResult {
  return {
    o: empty(q.gpu, q.shape, q.dtype, "attention"),
    lse: empty(q.gpu, q.shape.slice(0, -1), "f32", "lse"),
  };
}

function expectLse(lse: Tensor, q: Tensor, what: string): void {
  if (lse.dtype !== "f32" || !sameShape(lse.shape, q.shape.slice(0, -1))) {
    throw new TesseraError(
      "shape",
      `${what}: the cached lse must be f32${formatShape(q.shape.slice(0, -1))}, got ${lse.dtype}${formatShape(lse.shape)}`,
    );
  }
}

function record(
  gpu: Gpu,
  name: string,
  variants: readonly Variant[],
  bindings: readonly Tensor[],
  work: number,
  shapeClass: string,
): void {
  if (variants[0].groups === 0) return;
  const label = `sparse-attention/${name}`;
  gpu.queue.record({
    kind: "dispatch",
    label,
    variants,
    bindings: bindings.map((t) => t.allocation),
    work,
    shapeClass,
  });
}
