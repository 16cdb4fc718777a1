// Finds q, k and v among tensor names by a pattern, and says of every tensor what it is or why it is nothing.
import { type Fields, TesseraError } from "../../../base/errors";
import type { TensorEntry } from "../../../formats/tensor-data";
import type { TripleInfo } from "../protocol";

export interface Match {
  pattern: string;
  triples: TripleInfo[];
  /** Per entry, in the order given. */
  uses: { use: string | null; why: string | null }[];
}

/** Tried in this order when no pattern is given; the one that completes most triples wins, the first among equals. */
export const DEFAULT_PATTERNS: readonly string[] = [
  "{role}",
  "step{step}.layer{layer}.{role}",
  "layers.{layer}.{role}",
  "layer{layer}.{role}",
  "step{step}.{role}",
  "step{step}/layer{layer}/{role}",
  "{role}_{layer}",
  "{any}.{layer}.{any}.{role}_proj",
  "{any}.{role}_proj",
  "{any}.to_{role}",
  "{any}.{role}",
  "{any}_{role}",
];

const ROLES: Readonly<Record<string, "q" | "k" | "v">> = {
  q: "q",
  k: "k",
  v: "v",
  Q: "q",
  K: "k",
  V: "v",
  query: "q",
  key: "k",
  value: "v",
  queries: "q",
  keys: "k",
  values: "v",
};
const FLOATS = ["F32", "F16", "BF16", "F64"];
const LARGEST_DIM = 256; // of the attention kernels

interface Hit {
  role: "q" | "k" | "v";
  step: number | null;
  layer: number | null;
  key: string;
}

/**
 * Matches names with a pattern, or with the usual ones for "". A pattern holds {role} once and {layer}, {step}, {any}
 * as wanted; the rest is taken literally.
 * @throws TesseraError `input` when the pattern is no pattern, when no triple is complete, or when q, k and v of all
 * triples differ in shape.
 */
export function matchNames(entries: readonly TensorEntry[], pattern: string): Match {
  const tried = (pattern ? [pattern] : DEFAULT_PATTERNS).map((p) => matchOne(entries, p));
  const best = tried.reduce((a, b) => (b.triples.length > a.triples.length ? b : a));
  if (best.triples.length) return best;
  const reasons = tried.flatMap((t) =>
    t.uses.flatMap(({ why }) => (why?.startsWith(NO_MATCH) ? [] : (why ?? []))),
  );
  const names = entries.slice(0, 6).map((e) => `${e.name} ${e.dtype}[${e.shape.join(", ")}]`);
  const found = entries.length
    ? names.join("; ") + (entries.length > 6 ? `; and ${entries.length - 6} more` : "")
    : "none";
  throw new TesseraError(
    "input",
    reasons.length
      ? `No usable q, k, v: ${[...new Set(reasons)].slice(0, 3).join("; ")}.`
      : `No tensors named like q, k and v by the pattern ${pattern || DEFAULT_PATTERNS.slice(0, 3).join(" or ")}; set the pattern. Tensors found: ${found}`,
    { pattern, tensors: told(entries, tried) },
  );
}

/** Most tensors that an error tells of. */
const TOLD = 200;

/** Every tensor with its shape and, from the pattern that came closest, why it is nothing: for a table beside the error. */
function told(entries: readonly TensorEntry[], tried: readonly Match[]): Fields[string] {
  const misses = (match: Match): number => match.uses.filter(({ why }) => why?.startsWith(NO_MATCH)).length;
  const { uses } = tried.reduce((a, b) => (misses(b) < misses(a) ? b : a));
  return entries.slice(0, TOLD).map(({ name, dtype, shape, bytes }, i) => ({
    name,
    dtype,
    shape: [...shape],
    bytes,
    use: null,
    why: uses[i].why,
  }));
}

const NO_MATCH = "its name does not match";

function matchOne(entries: readonly TensorEntry[], pattern: string): Match {
  const expression = compile(pattern);
  const hits = entries.map((entry) => hitOf(entry.name, expression));
  const groups = new Map<string, Partial<Record<"q" | "k" | "v", number>>>();
  for (const [i, hit] of hits.entries()) {
    if (!hit) continue;
    const group = groups.get(hit.key) ?? {};
    group[hit.role] ??= i;
    groups.set(hit.key, group);
  }
  const uses: Match["uses"] = entries.map(() => ({ use: null, why: `${NO_MATCH} ${pattern}` }));
  const triples: TripleInfo[] = [];
  for (const [key, group] of groups) {
    const members = Object.values(group);
    const why = reject(entries, group);
    for (const i of members)
      uses[i] = why ? { use: null, why } : { use: `${hits[i]?.role} of ${key}`, why: null };
    const { q, k, v } = group;
    if (why || q === undefined || k === undefined || v === undefined) continue;
    const shape = entries[q].shape;
    const [batch, heads, length, dim] = shape.length === 4 ? shape : [1, ...shape];
    triples.push({
      id: key,
      step: hits[q]?.step ?? null,
      layer: hits[q]?.layer ?? null,
      names: { q: entries[q].name, k: entries[k].name, v: entries[v].name },
      heads: batch * heads,
      batch,
      length,
      dim,
      dtype: entries[q].dtype,
    });
  }
  triples.sort((a, b) => (a.step ?? 0) - (b.step ?? 0) || (a.layer ?? 0) - (b.layer ?? 0));
  return { pattern, triples, uses };
}

function reject(
  entries: readonly TensorEntry[],
  group: Partial<Record<"q" | "k" | "v", number>>,
): string | null {
  const missing = (["q", "k", "v"] as const).filter((role) => group[role] === undefined);
  const present = Object.values(group).map((i) => entries[i]);
  const words = present.map((e) => `${e.name} is [${e.shape.join(", ")}]`).join(", ");
  if (missing.length)
    return `${missing.join(" and ")} is missing beside ${present.map((e) => e.name).join(", ")}`;
  const odd = present.find((e) => !FLOATS.includes(e.dtype));
  if (odd) return `${odd.name} holds ${odd.dtype}; F32, F16, BF16 or F64 is needed`;
  if (new Set(present.map((e) => e.shape.join())).size > 1)
    return `q, k and v must have one shape, but ${words}`;
  const { shape, name } = present[0];
  if (shape.length !== 3 && shape.length !== 4) {
    return `${name} is [${shape.join(", ")}]; [H, L, D] or [B, H, L, D] is needed (split merged heads before saving)`;
  }
  if (shape.includes(0)) return `${name} is [${shape.join(", ")}], which holds nothing`;
  const dim = shape[shape.length - 1];
  if (dim % 4 !== 0 || dim > LARGEST_DIM) {
    return `${name} has a head width of ${dim}; a multiple of 4 up to ${LARGEST_DIM} is needed`;
  }
  return null;
}

/** Turns a pattern into an expression with named groups. @throws TesseraError `input`. */
function compile(pattern: string): RegExp {
  const roles = pattern.split("{role}").length - 1;
  if (roles !== 1) {
    throw new TesseraError(
      "input",
      `A naming pattern holds {role} exactly once, e.g. layers.{layer}.{role}; got "${pattern}"`,
    );
  }
  let anys = 0;
  const source = pattern
    .split(/(\{(?:role|layer|step|any)\})/)
    .map((part) => {
      if (part === "{role}") return `(?<role>${Object.keys(ROLES).join("|")})`;
      if (part === "{layer}" || part === "{step}") return `(?<${part.slice(1, -1)}>\\d{1,6})`;
      if (part === "{any}") return `(?<any${anys++}>.{0,200}?)`;
      return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    })
    .join("");
  try {
    return new RegExp(`^${source}$`);
  } catch {
    throw new TesseraError(
      "input",
      `Each of {layer} and {step} may stand once in a naming pattern; got "${pattern}"`,
    );
  }
}

function hitOf(name: string, expression: RegExp): Hit | null {
  const groups = expression.exec(name)?.groups;
  if (!groups) return null;
  const step = groups.step === undefined ? null : Number(groups.step);
  const layer = groups.layer === undefined ? null : Number(groups.layer);
  const rest = Object.keys(groups)
    .filter((g) => g.startsWith("any"))
    .map((g) => groups[g]);
  const parts = [step === null ? "" : `step ${step}`, layer === null ? "" : `layer ${layer}`, ...rest];
  return { role: ROLES[groups.role], step, layer, key: parts.filter(Boolean).join(" ") || "attention" };
}
