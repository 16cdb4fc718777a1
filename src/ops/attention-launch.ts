// Records the dispatches of dense attention and of its gradient, for heads apart and for packed rows. Defines no op.
import sourceText from "../../shaders/ops/attention.wgsl?raw";
import backwardKeysText from "../../shaders/ops/attention_backward_keys.wgsl?raw";
import backwardKvText from "../../shaders/ops/attention_backward_kv.wgsl?raw";
import backwardQText from "../../shaders/ops/attention_backward_q.wgsl?raw";
import deltaText from "../../shaders/ops/attention_delta.wgsl?raw";
import tiledText from "../../shaders/ops/attention_tiled.wgsl?raw";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import type { Tensor } from "../tensor/tensor";
import { attentionVariants, roomFor } from "./attention-variants";
import type { LaunchContext } from "./op";
import { lengthClass } from "./rows";

const forward: KernelSource = { file: "ops/attention.wgsl", text: sourceText };
const tiled: KernelSource = { file: "ops/attention_tiled.wgsl", text: tiledText };
const delta: KernelSource = { file: "ops/attention_delta.wgsl", text: deltaText };
const backwardQ: KernelSource = { file: "ops/attention_backward_q.wgsl", text: backwardQText };
const backwardKeys: KernelSource = { file: "ops/attention_backward_keys.wgsl", text: backwardKeysText };
const backwardKv: KernelSource = { file: "ops/attention_backward_kv.wgsl", text: backwardKvText };

/** Rows of queries that a workgroup of the tiled form takes. */
const TILED_ROWS = 64;

/**
 * Most bytes of ds, a number for each pair of query and key, that the gradient keeps between its two passes. Above it the
 * scores are computed twice: 7 products of matrices instead of 5, and no memory that grows with the square of the length.
 */
const KEEP_BYTES = 128 << 20;

/** Where heads lie: see lib/attention_layout_packed. */
export interface HeadLayout {
  heads: number;
  group: number;
  slots: number;
  k_slot: number;
  v_shift: number;
}

/** Heads one after the other. */
export const APART: HeadLayout = { heads: 1, group: 1, slots: 1, k_slot: 0, v_shift: 0 };

export interface AttentionPlan {
  /** Query heads of the whole batch. */
  heads: number;
  lq: number;
  lk: number;
  d: number;
  scale: number;
  causal: boolean;
  /** Never keep ds: see `AttentionAttrs`. */
  lean: boolean;
  layout: HeadLayout;
}

type Recorder = Pick<LaunchContext<unknown>, "gpu" | "dispatch" | "temp">;

function settings(q: Tensor, { heads, lq, lk, d, scale, causal, layout }: AttentionPlan) {
  return {
    types: { T: q.dtype },
    constants: { D: roomFor(d) },
    imports: { "lib/attention_layout": "lib/attention_layout_packed" },
    uniforms: { lq, lk, d4: d / 4, scale: scale * Math.LOG2E, ...layout, causal: causal ? 1 : 0 },
    shapeClass: `${q.dtype} ${heads > 1 ? "heads" : "head"} ${lengthClass(lq)}x${lengthClass(lk)}x${d}${causal ? " causal" : ""}${layout.slots > 1 ? " packed" : ""}`,
  };
}

/** Workgroups where every invocation takes four rows of queries (of keys in the gradient). */
const inRows =
  (heads: number, length: number) =>
  (lanes: number): number =>
    heads * Math.ceil(length / (4 * lanes));

/** o and lse of q, k, v; with packed rows the three are one tensor. */
export function recordAttention(
  { gpu, dispatch }: Recorder,
  plan: AttentionPlan,
  tensors: { q: Tensor; k: Tensor; v: Tensor; o: Tensor; lse: Tensor },
): void {
  const { q, k, v, o, lse } = tensors;
  const { types, constants, imports, uniforms, shapeClass } = settings(q, plan);
  const options = { types, constants, imports };
  dispatch({
    variants: [
      ...attentionVariants(gpu, forward, options, inRows(plan.heads, plan.lq), uniforms),
      {
        name: "tiled",
        kernel: kernel(tiled, options),
        groups: plan.heads * Math.ceil(plan.lq / TILED_ROWS),
        uniforms,
      },
    ],
    bindings: [q, k, v, o, lse],
    work: 4 * plan.heads * plan.lq * plan.lk * plan.d,
    shapeClass,
  });
}

/** dq, dk, dv; without `dv` the gradient of packed rows, which `dq` and `dk` both are. */
export function recordAttentionBackward(
  { gpu, dispatch, temp }: Recorder,
  plan: AttentionPlan,
  tensors: Record<"dy" | "dlse" | "q" | "k" | "v" | "o" | "lse" | "dq" | "dk", Tensor> & { dv?: Tensor },
): void {
  const { dy, dlse, q, k, v, o, lse, dq, dk, dv } = tensors;
  const { heads, lq, lk, d, layout } = plan;
  const { types, constants, imports, uniforms, shapeClass } = settings(q, plan);
  const options = { types, constants, imports };
  const rows = heads * lq;
  const ds4 = keptQuads(gpu, plan);
  const terms = temp([...lse.shape, 2]);
  dispatch({
    variants: [
      {
        name: "rows",
        kernel: kernel(delta, { types }),
        groups: Math.ceil(rows / 64),
        uniforms: { rows, lq, d4: d / 4, heads: layout.heads },
      },
    ],
    bindings: [dy, o, dlse, lse, terms],
    work: 2 * rows * d,
    label: "attention delta",
  });
  const kept = temp([Math.max(4, rows * ds4 * 4)]);
  dispatch({
    variants: attentionVariants(gpu, backwardKv, options, inRows(heads / layout.group, lk), {
      ...uniforms,
      packed: dv ? 0 : 1,
      ds4,
    }),
    bindings: [q, dy, k, v, terms, dk, dv ?? temp([4], q.dtype), kept],
    work: 8 * rows * lk * d,
    shapeClass,
  });
  if (ds4 > 0) {
    dispatch({
      variants: attentionVariants(gpu, backwardKeys, options, inRows(heads, lq), { ...uniforms, ds4 }),
      bindings: [k, kept, dq],
      work: 2 * rows * lk * d,
      shapeClass,
    });
    return;
  }
  dispatch({
    variants: attentionVariants(gpu, backwardQ, options, inRows(heads, lq), uniforms),
    bindings: [q, k, v, dy, terms, dq],
    work: 6 * rows * lk * d,
    shapeClass,
  });
}

/** Fours of ds in a row of queries when they are kept, else 0. */
function keptQuads(gpu: Recorder["gpu"], { heads, lq, lk, lean }: AttentionPlan): number {
  const quads = Math.ceil(lk / 4);
  const most = Math.min(KEEP_BYTES, gpu.device.limits.maxStorageBufferBindingSize);
  return !lean && heads * lq * quads * 16 <= most ? quads : 0;
}
