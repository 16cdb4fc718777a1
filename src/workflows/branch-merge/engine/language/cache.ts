// Keys and values of the tokens so far, a tensor for each layer. Appending writes into it, which no op does: it is recorded
// here, and nothing else in the workflow writes in place.
import appendText from "../../../../../shaders/branch-merge/cache_append.wgsl?raw";
import type { Gpu } from "../../../../gpu/gpu";
import type { KernelSource } from "../../../../gpu/link";
import { kernel } from "../../../../gpu/pipelines";
import { attentionCached } from "../../../../ops/attention-cached";
import { attentionPacked } from "../../../../ops/attention-packed";
import { empty, type Tensor } from "../../../../tensor/tensor";
import type { LanguageConfig } from "./config";
import type { Attend } from "./forward";

const source: KernelSource = { file: "branch-merge/cache_append.wgsl", text: appendText };
const LANES = 64;

export interface KeyValueCache {
  /** f32 [capacity, k | v heads] of each layer. */
  layers: readonly Tensor[];
  capacity: number;
  bytes: number;
}

/** Numbers that a token leaves in a layer's cache. */
const rowOf = ({ kvHeads, headWidth }: LanguageConfig): number => 2 * kvHeads * headWidth;

export function makeCache(gpu: Gpu, config: LanguageConfig, capacity: number): KeyValueCache {
  const layers = Array.from({ length: config.layers }, () =>
    empty(gpu, [capacity, rowOf(config)], "f32", "cache"),
  );
  return { layers, capacity, bytes: layers.reduce((sum, layer) => sum + layer.bytes, 0) };
}

/**
 * Attention that appends first. `start` u32[1] says how many tokens are there already. At the beginning of a text, where
 * there are none, the tokens see each other only, and flash attention over their own rows is faster than over the cache.
 */
export function cachedAttention(
  config: LanguageConfig,
  cache: KeyValueCache,
  start: Tensor,
  { isBeginning = false } = {},
): Attend {
  const { heads, kvHeads } = config;
  return (packed, layer) => {
    append(config, packed, start, cache.layers[layer]);
    return isBeginning
      ? attentionPacked(packed, { heads, kvHeads, causal: true })
      : attentionCached(packed, cache.layers[layer], start, { heads, kvHeads });
  };
}

function append(config: LanguageConfig, packed: Tensor, start: Tensor, cache: Tensor): void {
  const row = rowOf(config) / 4;
  const count = packed.shape[0] * row;
  const uniforms = { count, row, skip: (config.heads * config.headWidth) / 4, capacity: cache.shape[0] };
  packed.gpu.queue.record({
    kind: "dispatch",
    label: "cache append",
    variants: [{ name: "four", kernel: kernel(source), groups: Math.ceil(count / LANES), uniforms }],
    bindings: [packed, start, cache].map((tensor) => tensor.allocation),
    work: count * 8,
    shapeClass: "",
  });
}
