// The vocabulary of a model, from tokenizer.json: which token has which row. It encodes no text.
import { TesseraError } from "../../../../base/errors";
import { isObject, type JsonObject, readJson } from "./config";
import type { Model } from "./open";

export interface Tokenizer {
  /** tokenizer.json as it stands; never changed in place. */
  json: JsonObject;
  /** Token → row, tokens beyond the model's embedding left out. */
  ids: ReadonlyMap<string, number>;
  /** Settings of added tokens, by token. */
  added: ReadonlyMap<string, JsonObject>;
}

/** Files that make a tokenizer, and what travels with them. */
export const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "vocab.txt",
  "tokenizer.model",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
] as const;

/** Undefined when the folder holds no tokenizer.json. @throws TesseraError `model` when it cannot be read. */
export async function readTokenizer(model: Model): Promise<Tokenizer | undefined> {
  const json = await readJson(model.folder, "tokenizer.json");
  if (!json) return undefined;
  const fail = (why: string): TesseraError =>
    new TesseraError("model", `tokenizer.json: ${why}: ${model.folder.name}`);
  const inner = json.model;
  const vocab = isObject(inner) ? inner.vocab : undefined;
  const pairs: [unknown, unknown][] = Array.isArray(vocab)
    ? vocab.map((entry, id) => [Array.isArray(entry) ? entry[0] : entry, id]) // unigram: [token, score]
    : isObject(vocab)
      ? Object.entries(vocab)
      : [];
  if (pairs.length === 0) throw fail("it has no vocabulary");
  const rows = model.config.vocabulary ?? Number.POSITIVE_INFINITY;
  const added = new Map<string, JsonObject>();
  for (const entry of Array.isArray(json.added_tokens) ? json.added_tokens : []) {
    if (!isObject(entry) || typeof entry.content !== "string") throw fail("an added token has no content");
    pairs.push([entry.content, entry.id]);
    added.set(entry.content, entry);
  }
  const ids = new Map<string, number>();
  for (const [token, id] of pairs) {
    if (typeof token !== "string" || !Number.isSafeInteger(id) || (id as number) < 0)
      throw fail(`the token ${JSON.stringify(token)} has no row`);
    if ((id as number) < rows) ids.set(token, id as number);
  }
  return { json, ids, added };
}

/** Rows that a vocabulary takes: its highest one and those before it. */
export function rowCount(ids: ReadonlyMap<string, number>): number {
  let highest = -1;
  for (const id of ids.values()) highest = Math.max(highest, id);
  return highest + 1;
}

/**
 * `first` with tokens added behind its own, as tokenizer.json. Tokens keep the settings they have elsewhere.
 * Tokens of `first` beyond its embedding are taken out, since their rows do not exist.
 */
export function extended(
  first: Tokenizer,
  tokens: readonly { token: string; settings?: JsonObject }[],
): Tokenizer {
  const ids = new Map(first.ids);
  const added = new Map([...first.added].filter(([token]) => ids.has(token)));
  let next = rowCount(ids);
  for (const { token, settings } of tokens) {
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: false };
    const entry = { ...(settings ?? plain), id: next, content: token };
    ids.set(token, next++);
    added.set(token, entry);
  }
  const json: JsonObject = { ...first.json, added_tokens: [...added.values()] };
  const inner = first.json.model;
  if (isObject(inner) && isObject(inner.vocab)) {
    const kept = Object.entries(inner.vocab).filter(([token]) => ids.has(token));
    if (kept.length < Object.keys(inner.vocab).length) {
      json.model = { ...inner, vocab: Object.fromEntries(kept), merges: keptMerges(inner.merges, ids) };
    }
  }
  return { json, ids, added };
}

/** Merges of tokens that exist; `a b` or ["a", "b"]. */
function keptMerges(merges: unknown, ids: ReadonlyMap<string, number>): unknown {
  if (!Array.isArray(merges)) return merges;
  return merges.filter((merge: unknown) => {
    const parts = typeof merge === "string" ? merge.split(" ") : (merge as string[]);
    return parts.every((part) => ids.has(part)) && ids.has(parts.join(""));
  });
}
