// Aligns vocabularies: which tokens the output has, and from which row of which model each of its rows comes. The rules
// for tokens that a model lacks are mergekit's, documented in its docs under "Tokenizer configuration".
import { TesseraError } from "../../../../base/errors";
import type { Model } from "../model/open";
import { extended, readTokenizer, rowCount, type Tokenizer } from "../model/tokenizer";
import type { ModelRef, Recipe, TokenSource } from "../recipe/recipe";

/** A row that is not the model's own: nothing is zero, one is a copy, several are averaged. */
export type Stand = readonly { model: number; row: number }[];

/** Where the rows of the vocabulary come from. Models count as in the list it was made with. */
export interface Alignment {
  /** Rows that are tokens; behind them up to `rows` stand copies of their mean. */
  tokens: number;
  rows: number;
  /** For each model, row of the output → its own row, or -1 where `stands` counts. */
  own: readonly Int32Array[];
  stands: ReadonlyMap<number, Stand>;
}

export interface Vocabulary {
  tokenizer: Tokenizer;
  /** Index of the model whose other tokenizer files go into the output. */
  donor: number;
  alignment: Alignment;
  notes: readonly string[];
}

/**
 * @param models those of the recipe, in its order; @param base index of the base or of the first.
 * @throws TesseraError `recipe` for a token that is nowhere, `model` where a tokenizer.json is missing.
 */
export async function alignVocabularies(
  recipe: Recipe,
  models: readonly { ref: ModelRef; model: Model }[],
  base: number,
): Promise<Vocabulary> {
  const settings = recipe.tokenizer!;
  const notes: string[] = [];
  const read = await Promise.all(models.map(({ model }) => readTokenizer(model)));
  const needed = (at: number): Tokenizer => {
    const found = read[at];
    if (found) return found;
    throw new TesseraError(
      "model",
      `Merging vocabularies needs a tokenizer.json, there is none: ${models[at].model.name}`,
    );
  };
  const find = (ref: ModelRef): number => {
    const at = models.findIndex((one) => one.ref.text === ref.text);
    if (at >= 0) return at;
    throw new TesseraError("recipe", `${ref.text} is not one of the models that are merged: ${ref.where}`);
  };
  const donor = typeof settings.source === "string" ? base : find(settings.source);
  const all = models.map((one, at) => {
    if (!read[at])
      notes.push(`${one.model.name} has no tokenizer.json: its tokens are taken to be the base's`);
    return read[at] ?? needed(base);
  });
  const more = new Map<string, Tokenizer["json"] | undefined>();
  const first = needed(donor);
  if (settings.source === "union") {
    for (const { ids, added } of [all[base], ...all]) {
      for (const [token] of [...ids].sort((a, b) => a[1] - b[1]))
        if (!first.ids.has(token) && !more.has(token)) more.set(token, added.get(token));
    }
  }
  for (const token of settings.tokens.keys())
    if (!first.ids.has(token) && !more.has(token)) more.set(token, undefined);
  const tokenizer = extended(
    first,
    [...more].map(([token, added]) => ({ token, settings: added })),
  );
  const tokens = rowCount(tokenizer.ids);
  const step = settings.padToMultipleOf ?? 1;
  const own = all.map(() => new Int32Array(tokens).fill(-1));
  const stands = new Map<number, Stand>();
  for (const [token, row] of tokenizer.ids) {
    const rows = all.map(({ ids }) => ids.get(token) ?? -1);
    const { source, force } = settings.tokens.get(token) ?? { force: false };
    for (const [at, ownRow] of rows.entries()) own[at][row] = force ? -1 : ownRow;
    if (!force && rows.every((r) => r >= 0)) continue;
    stands.set(row, source ? chosen(token, source, all, find) : usual(rows, base));
  }
  if (more.size) notes.push(`${more.size} tokens are added to those of ${models[donor].model.name}`);
  const rows = Math.ceil(tokens / step) * step;
  const was = models[donor].model.config.vocabulary;
  if (was !== undefined && rows < was) {
    notes.push(
      `the embedding shrinks from ${was} to ${rows} rows: rows without a token are dropped; pad_to_multiple_of keeps some`,
    );
  }
  return { tokenizer, donor, alignment: { tokens, rows, own, stands }, notes };
}

/** The base's row; else the mean of those that have one, which may be one model; else zero. */
function usual(rows: readonly number[], base: number): Stand {
  if (rows[base] >= 0) return [{ model: base, row: rows[base] }];
  return rows.flatMap((row, model) => (row >= 0 ? [{ model, row }] : []));
}

function chosen(
  token: string,
  source: TokenSource,
  all: readonly Tokenizer[],
  find: (ref: ModelRef) => number,
): Stand {
  if (source.kind === "zero") return [];
  const model = find(source.model);
  const name = source.kind === "model_token" ? (source.token ?? token) : token;
  const row = source.kind === "model_token" && source.id !== undefined ? source.id : all[model].ids.get(name);
  if (row !== undefined) return [{ model, row }];
  throw new TesseraError("recipe", `The token ${name} is not in ${source.model.text}: ${source.model.where}`);
}
