// A merge recipe: mergekit's YAML as plain data. It checks the schema, not whether the models exist or fit.
// Schema: mergekit's README and docs, "Merge configuration"; several documents as in docs/multimerge.md.
import type { Scalar, Setting, Settings } from "./settings";
import { type Place, readYaml } from "./yaml";

/** `path@revision+lora`, taken apart. */
export interface ModelRef {
  path: string;
  revision?: string;
  lora?: string;
  /** As written; two references to one model are equal here. */
  text: string;
  /** file:line:column. */
  where: string;
}

export interface Source {
  model: ModelRef;
  /** Layers [from, to) of the model; undefined means all. */
  layers?: readonly [number, number];
  parameters: Settings;
}

export interface OutputSlice {
  sources: readonly Source[];
  base?: ModelRef;
  parameters: Settings;
  where: string;
}

export type TokenSource =
  | { kind: "model"; model: ModelRef }
  | { kind: "zero" }
  | { kind: "model_token"; model: ModelRef; token?: string; id?: number };

export interface TokenizerSettings {
  source: "union" | "base" | ModelRef;
  tokens: ReadonlyMap<string, { source?: TokenSource; force: boolean }>;
  padToMultipleOf?: number;
}

export const DTYPES = ["float32", "float16", "bfloat16"] as const;
export type DTypeName = (typeof DTYPES)[number];

export interface Recipe {
  /** Names an intermediate result in a file of several recipes. */
  name?: string;
  method: string;
  /** Either whole models or slices of layers. */
  models?: readonly Source[];
  slices?: readonly OutputSlice[];
  base?: ModelRef;
  parameters: Settings;
  moduleParameters: Settings;
  /** The type in which mergekit computes; the type of the output unless `outDtype` says otherwise. */
  dtype?: DTypeName;
  outDtype?: DTypeName;
  tokenizer?: TokenizerSettings;
  chatTemplate?: string;
  /** file:line:column of `merge_method`. */
  where: string;
}

const TOP = [
  "name",
  "merge_method",
  "models",
  "slices",
  "modules",
  "base_model",
  "parameters",
  "dtype",
  "out_dtype",
  "tokenizer",
  "tokenizer_source",
  "chat_template",
] as const;

/**
 * Reads one or several recipes, each after those it names.
 * @throws TesseraError `recipe` with file, line, what is expected and what was got.
 */
export function readRecipes(text: string, file: string): Recipe[] {
  const recipes = readYaml(text, file).map((place) => ({ place, recipe: readRecipe(place) }));
  const named = new Map<string, Recipe>();
  for (const { place, recipe } of recipes) {
    const { name } = recipe;
    if (name === undefined) {
      if (recipes.filter((other) => other.recipe.name === undefined).length > 1)
        throw place.error("only one of several recipes may lack a name, the one whose output is wanted");
    } else if (named.has(name)) throw place.error(`two recipes are named “${name}”`);
    else named.set(name, recipe);
  }
  return inOrder(recipes, named);
}

/** Depth first, so that a recipe comes after all that it uses; the one without a name, or the last, comes last. */
function inOrder(
  recipes: readonly { place: Place; recipe: Recipe }[],
  named: ReadonlyMap<string, Recipe>,
): Recipe[] {
  const done: Recipe[] = [];
  const open = new Set<Recipe>();
  const add = (recipe: Recipe, place: Place): void => {
    if (done.includes(recipe)) return;
    if (open.has(recipe)) throw place.error(`the recipe “${recipe.name}” needs its own result`);
    open.add(recipe);
    for (const { path } of referencedModels(recipe)) {
      const needed = named.get(path);
      if (needed) add(needed, place);
    }
    done.push(recipe);
  };
  const last = recipes.find((r) => r.recipe.name === undefined) ?? recipes.at(-1)!;
  for (const { recipe, place } of [...recipes.filter((r) => r !== last), last]) add(recipe, place);
  return done;
}

/** Every model that a recipe names, once, in the order of first mention: base, then sources. */
export function referencedModels(recipe: Recipe): ModelRef[] {
  const all = [
    ...(recipe.base ? [recipe.base] : []),
    ...(recipe.models ?? []).map((source) => source.model),
    ...(recipe.slices ?? []).flatMap((slice) => [
      ...(slice.base ? [slice.base] : []),
      ...slice.sources.map((source) => source.model),
    ]),
  ];
  return all.filter((model, i) => all.findIndex((other) => other.text === model.text) === i);
}

function readRecipe(place: Place): Recipe {
  const keys = place.entries(TOP);
  const get = (name: (typeof TOP)[number]): Place | undefined => {
    const value = keys.get(name);
    return value?.isNull ? undefined : value;
  };
  const method = get("merge_method");
  if (!method) throw place.error("merge_method is missing");
  const shapes = (["models", "slices", "modules"] as const).filter((name) => get(name));
  if (shapes.length !== 1)
    throw place.error(
      `exactly one of models, slices and modules is expected, got ${shapes.join(" and ") || "none"}`,
    );
  if (get("tokenizer") && get("tokenizer_source"))
    throw get("tokenizer_source")!.error("tokenizer and tokenizer_source exclude each other");
  const module = get("modules") && readModules(get("modules")!);
  const part = module ?? { models: get("models"), slices: get("slices"), parameters: undefined };
  return {
    name: get("name")?.text("the name of an intermediate result"),
    method: method.text("the name of a merge method"),
    models: part.models && nonEmpty(part.models).map((item) => readSource(item, false)),
    slices: part.slices && nonEmpty(part.slices).map(readSlice),
    base: get("base_model") && readModel(get("base_model")!),
    parameters: readSettings(get("parameters")),
    moduleParameters: readSettings(part.parameters),
    dtype: get("dtype")?.oneOf(DTYPES),
    outDtype: get("out_dtype")?.oneOf(DTYPES),
    tokenizer: readTokenizer(get("tokenizer"), get("tokenizer_source")),
    chatTemplate: get("chat_template")?.text("a chat template or the name of one"),
    where: method.where,
  };
}

/** Language models are one module; mergekit calls it `default`, for a few architectures `text_decoder`. */
function readModules(place: Place): { models?: Place; slices?: Place; parameters?: Place } {
  const modules = [...place.entries()];
  if (modules.length !== 1)
    throw place.error(
      `modules: one module is expected, got ${modules.length}; models of several parts cannot be merged`,
    );
  const keys = modules[0][1].entries(["slices", "models", "parameters"]);
  if (keys.has("slices") === keys.has("models"))
    throw modules[0][1].error(`${modules[0][1].path}: either models or slices is expected`);
  return { models: keys.get("models"), slices: keys.get("slices"), parameters: keys.get("parameters") };
}

function nonEmpty(place: Place): Place[] {
  const items = place.items();
  if (items.length === 0) throw place.wrong("at least one entry");
  return items;
}

function readSource(place: Place, isSlice: boolean): Source {
  const keys = place.entries(isSlice ? ["model", "layer_range", "parameters"] : ["model", "parameters"]);
  const model = keys.get("model");
  if (!model) throw place.error(`${place.path}: model is missing`);
  const range = keys.get("layer_range");
  if (isSlice && !range) throw place.error(`${place.path}: layer_range is missing`);
  return {
    model: readModel(model),
    layers: range && readRange(range),
    parameters: readSettings(keys.get("parameters")),
  };
}

function readRange(place: Place): [number, number] {
  const words = "two layers, the second one past the last";
  const items = place.items();
  if (items.length !== 2) throw place.wrong(words);
  const [from, to] = items.map((item) => item.wholeNumber());
  if (to <= from) throw place.error(`${place.path}: ${words} are expected, got [${from}, ${to}]`);
  return [from, to];
}

function readSlice(place: Place): OutputSlice {
  // mergekit takes residual_weight too and does nothing with it.
  const keys = place.entries(["sources", "base_model", "residual_weight", "parameters"]);
  const sources = keys.get("sources");
  if (!sources) throw place.error(`${place.path}: sources is missing`);
  const base = keys.get("base_model");
  return {
    sources: nonEmpty(sources).map((item) => readSource(item, true)),
    base: base && !base.isNull ? readModel(base) : undefined,
    parameters: readSettings(keys.get("parameters")),
    where: place.where,
  };
}

/** A folder as text, or mergekit's long form `{model: {path, revision}, lora: {path}}`. */
function readModel(place: Place): ModelRef {
  if (!place.isMap) return parseModelRef(place.text("a model's folder"), place);
  const keys = place.entries(["model", "lora", "override_architecture"]);
  const path = (name: string): string | undefined => {
    const part = keys.get(name);
    if (!part || part.isNull) return undefined;
    if (!part.isMap) return part.text();
    const { path, revision } = Object.fromEntries(part.entries(["path", "revision"]));
    if (!path) throw part.error(`${part.path}: path is missing`);
    return `${path.text()}${revision && !revision.isNull ? `@${revision.text()}` : ""}`;
  };
  const model = path("model");
  if (!model) throw place.error(`${place.path}: model is missing`);
  const lora = path("lora");
  return parseModelRef(lora ? `${model}+${lora}` : model, place);
}

function parseModelRef(text: string, place: Place): ModelRef {
  const [model, lora, ...more] = text.split("+");
  const [path, revision, ...rest] = model.split("@");
  if (!path || more.length || rest.length || lora === "" || revision === "")
    throw place.wrong("a model like folder, folder@revision or folder+adapter");
  return { path, revision, lora, text, where: place.where };
}

function readSettings(place: Place | undefined): Settings {
  if (!place || place.isNull) return {};
  return Object.fromEntries([...place.entries()].map(([name, value]) => [name, readSetting(value)]));
}

function readSetting(place: Place): Setting {
  const { where } = place;
  if (place.isMap) return { entries: [readEntry(place)], where };
  if (!place.isList) return { entries: [{ value: place.scalar() }], where };
  const items = place.items();
  if (items.length && items.every((item) => item.isMap)) return { entries: items.map(readEntry), where };
  return { entries: [{ value: items.map((item) => item.scalar("a number, or {filter, value}")) }], where };
}

function readEntry(place: Place): Setting["entries"][number] {
  const keys = place.entries(["filter", "value"]);
  const value = keys.get("value");
  if (!value) throw place.error(`${place.path}: value is missing`);
  const filter = keys.get("filter");
  const read: Scalar | Scalar[] = value.isList ? value.items().map((item) => item.scalar()) : value.scalar();
  return {
    filter: filter && !filter.isNull ? filter.text("part of a tensor's name") : undefined,
    value: read,
  };
}

function readTokenizer(whole?: Place, legacy?: Place): TokenizerSettings | undefined {
  if (legacy) return { source: readTokenizerSource(legacy), tokens: new Map() };
  if (!whole) return undefined;
  const keys = whole.entries(["source", "tokens", "pad_to_multiple_of"]);
  const source = keys.get("source");
  const pad = keys.get("pad_to_multiple_of");
  const tokens = keys.get("tokens");
  const padToMultipleOf = pad && !pad.isNull ? pad.wholeNumber() : undefined;
  return {
    source: source && !source.isNull ? readTokenizerSource(source) : "union",
    tokens: new Map(
      tokens && !tokens.isNull
        ? [...tokens.entries()].map(([token, value]) => [token, readToken(value)])
        : [],
    ),
    padToMultipleOf: padToMultipleOf || undefined,
  };
}

function readTokenizerSource(place: Place): TokenizerSettings["source"] {
  if (place.isMap) return readModel(place);
  const text = place.text("union, base or a model");
  return text === "union" || text === "base" ? text : readModel(place);
}

function readToken(place: Place): { source?: TokenSource; force: boolean } {
  const keys = place.entries(["source", "force"]);
  const source = keys.get("source");
  return {
    source: source && !source.isNull ? readTokenSource(source) : undefined,
    force: keys.get("force")?.bool() ?? false,
  };
}

function readTokenSource(place: Place): TokenSource {
  if (!place.isMap) return { kind: "model", model: readModel(place) };
  const keys = place.entries();
  const kind = keys.get("kind");
  if (!kind) return { kind: "model", model: readModel(place) };
  if (kind.oneOf(["zero", "model_token"]) === "zero") return { kind: "zero" };
  const {
    model,
    token,
    token_id: id,
  } = Object.fromEntries(place.entries(["kind", "model", "token", "token_id"]));
  if (!model) throw place.error(`${place.path}: model is missing`);
  if (Boolean(token) === Boolean(id))
    throw place.error(`${place.path}: either token or token_id is expected`);
  return { kind: "model_token", model: readModel(model), token: token?.text(), id: id?.wholeNumber() };
}
