// What the name of a tensor tells: its layer, whether its rows are tokens, whether it stands before or after the
// layers. Inferred from names alone, so that no list of architectures is needed.

/** Layers of a model: tensors named `<prefix><number>.<rest>`. */
export interface LayerNames {
  /** `model.layers.`; undefined in models without layers. */
  prefix?: string;
  count: number;
}

/** Prefix with the most tensors among those that a number follows; experts inside a layer count for the layer. */
export function findLayers(names: Iterable<string>): LayerNames {
  const found = new Map<string, { tensors: number; last: number }>();
  for (const name of names) {
    const [, prefix, number] = /^(.*?\.)(\d+)\./.exec(name) ?? /^()(\d+)\./.exec(name) ?? [];
    if (prefix === undefined) continue;
    const group = found.get(prefix) ?? { tensors: 0, last: -1 };
    found.set(prefix, { tensors: group.tensors + 1, last: Math.max(group.last, Number(number)) });
  }
  let best: [string, { tensors: number; last: number }] | undefined;
  for (const group of found) if (!best || group[1].tensors > best[1].tensors) best = group;
  return best ? { prefix: best[0], count: best[1].last + 1 } : { count: 0 };
}

/** Layer of a tensor and its name inside the layer; undefined outside the layers. */
export function layerOf(name: string, { prefix }: LayerNames): { layer: number; rest: string } | undefined {
  if (prefix === undefined || !name.startsWith(prefix)) return undefined;
  const match = /^(\d+)\.(.+)$/.exec(name.slice(prefix.length));
  return match ? { layer: Number(match[1]), rest: match[2] } : undefined;
}

/** The output head, which may be the embedding itself. */
export const isHead = (name: string): boolean => /(^|\.)(lm_head|embed_out)\.weight$/.test(name);

export const isEmbedding = (name: string): boolean =>
  /(^|\.)(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|tokens_embed)\.weight$/.test(name);

/** Its first axis counts tokens. */
export const isVocabulary = (name: string): boolean =>
  isEmbedding(name) || /(^|\.)(lm_head|embed_out)\.(weight|bias)$/.test(name);

/** Stands behind the last layer: final norm, heads. Everything else outside the layers stands before the first. */
export const isAfterLayers = (name: string): boolean =>
  /(^|\.)(lm_head|embed_out|score|classifier|(final_|ln_)?norm(_f)?|ln_f|final_layer_?norm)\.(weight|bias)$/.test(
    name,
  );

/** Tables that a model computes when it is built; some old files hold them. */
export const isBuffer = (name: string): boolean =>
  /(rotary_emb\.inv_freq|\.attn\.(masked_)?bias|\.attention\.(masked_)?bias|position_ids)$/.test(name);

/** The same for every layer: `self_attn.q_proj.weight`; for grouping in views. */
export const kindOf = (name: string, layers: LayerNames): string => layerOf(name, layers)?.rest ?? name;
