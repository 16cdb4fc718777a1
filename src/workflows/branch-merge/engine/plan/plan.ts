// Recipe and models → the list of tensors that the output will have, each with its sources and parameter values. It
// reads headers and tokenizers only. What cannot be merged is listed, all of it at once.
import { TesseraError } from "../../../../base/errors";
import type { FileDType, TensorEntry } from "../../../../formats/tensor-data";
import type { MergeMethod, Mode } from "../methods/method";
import { isAfterLayers, isBuffer, isHead, isVocabulary, layerOf } from "../model/names";
import type { Model } from "../model/open";
import type { DTypeName, ModelRef, Recipe } from "../recipe/recipe";
import type { Value } from "../recipe/settings";
import { type Piece, pieces } from "./slices";
import { unknownParameters, valuesFor } from "./values";
import { type Alignment, alignVocabularies, type Vocabulary } from "./vocabulary";

export interface UsedModel {
  ref: ModelRef;
  model: Model;
}

export interface PlannedTensor {
  name: string;
  shape: readonly number[];
  /** Of the output. */
  dtype: FileDType;
  /** `copy`: taken from the first source as it is, such as tables of integers. */
  action: "merge" | "copy";
  /** Index in the plan's models, and the tensor's name there. */
  sources: readonly { model: number; tensor: string }[];
  /** Which of the sources is the base. */
  base: number | undefined;
  shared: Readonly<Record<string, Value>>;
  values: readonly Readonly<Record<string, Value>>[];
  /** Rows are tokens and are put together from the models' rows. */
  alignment?: Alignment;
}

export interface Plan {
  recipe: Recipe;
  method: MergeMethod;
  mode: Mode;
  models: readonly UsedModel[];
  /** The model whose config.json, tokenizer and names the output takes. */
  donor: number;
  tensors: readonly PlannedTensor[];
  /** Tensors of the models that are not in the output, with the reason. */
  skipped: readonly { model: string; tensor: string; why: string }[];
  /** Why it cannot be merged; empty when it can. */
  faults: readonly string[];
  notes: readonly string[];
  /** Which layer of which model leads each layer of the output. */
  layers: readonly { model: number; layer: number }[];
  vocabulary?: Vocabulary;
  /** The output head is the embedding. */
  isTied: boolean;
}

export interface PlanOptions {
  mode: Mode;
  /** Without tokenizer settings, embeddings of different length are cut to the shortest. */
  truncateVocabulary?: boolean;
}

const FILE_DTYPE: Readonly<Record<DTypeName, FileDType>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
};
const FLOATS: readonly FileDType[] = ["F64", "F32", "F16", "BF16"];

/**
 * @param models every model that the recipe names, in its order.
 * @throws TesseraError `recipe` for what the recipe itself cannot mean, `model` for a tokenizer that is missing.
 */
export async function planMerge(
  recipe: Recipe,
  method: MergeMethod,
  models: readonly UsedModel[],
  options: PlanOptions,
): Promise<Plan> {
  const at = (ref: ModelRef): number => models.findIndex((one) => one.ref.text === ref.text);
  const donor = recipe.base ? at(recipe.base) : 0;
  const vocabulary = recipe.tokenizer && (await alignVocabularies(recipe, models, donor));
  const planner = new Planner(recipe, method, models, options, vocabulary);
  const list = pieces(recipe, models, at);
  for (const piece of list) planner.add(piece);
  for (const { ref } of models) {
    if (ref.revision) planner.notes.add(`the revision ${ref.revision} is not looked at: ${ref.text}`);
    for (const note of models[at(ref)].model.notes) planner.notes.add(`${ref.text}: ${note}`);
  }
  for (const note of vocabulary?.notes ?? []) planner.notes.add(note);
  for (const words of unknownParameters(recipe, method)) planner.notes.add(words);
  const head = planner.tensors.some((tensor) => isHead(tensor.name));
  return {
    recipe,
    method,
    mode: options.mode,
    models,
    donor,
    tensors: planner.tensors,
    skipped: planner.skipped,
    faults: [...planner.faults],
    notes: [...planner.notes],
    layers: list
      .filter((piece) => piece.part === "layer")
      .map(({ sources, base }) => ({ model: sources[base ?? 0].model, layer: sources[base ?? 0].layer! })),
    vocabulary,
    isTied: !head && models[donor].model.embedding !== undefined,
  };
}

class Planner {
  readonly tensors: PlannedTensor[] = [];
  readonly skipped: { model: string; tensor: string; why: string }[] = [];
  readonly faults = new Set<string>();
  readonly notes = new Set<string>();
  private readonly done = new Set<string>();

  constructor(
    private readonly recipe: Recipe,
    private readonly method: MergeMethod,
    private readonly models: readonly UsedModel[],
    private readonly options: PlanOptions,
    private readonly vocabulary: Vocabulary | undefined,
  ) {}

  /** All tensors of one layer of the output, or of what stands before or after the layers. */
  add(piece: Piece): void {
    this.checkModels(piece);
    const names = piece.sources.map(({ model, layer }) =>
      this.namesOf(this.models[model].model, layer, piece),
    );
    const lead = piece.base ?? 0;
    const leadModel = this.models[piece.sources[lead].model].model;
    for (const [rest, tensor] of names[lead])
      this.plan(piece, piece.outName(rest, leadModel), rest, names, tensor);
    for (const [i, own] of names.entries()) {
      for (const [rest, tensor] of own) {
        if (names[lead].has(rest)) continue;
        // An output head that only some models hold as a tensor of its own: the others' embedding stands for it.
        if (isHead(rest) && leadModel.embedding && !this.models[piece.sources[i].model].model.config.isTied) {
          if (!this.done.has(rest)) this.plan(piece, rest, rest, names, tensor);
          continue;
        }
        const why = isHead(rest) ? "it is the embedding" : `${leadModel.name} has no such tensor`;
        this.skipped.push({ model: this.models[piece.sources[i].model].ref.text, tensor, why });
      }
    }
  }

  private checkModels({ sources, base, slice }: Piece): void {
    const { id, base: wants, models: range } = this.method;
    const where = slice?.where ?? this.recipe.where;
    if (wants === "required" && base === undefined) {
      this.faults.add(`${id} needs a base_model, one of the models that are merged: ${where}`);
      return;
    }
    const isAnchor = wants !== "none" && base !== undefined;
    const count = sources.length - (isAnchor ? 1 : 0);
    const [least, most] = range;
    if (count >= least && count <= most) return;
    const expected =
      least === most
        ? `${least}`
        : most === Number.POSITIVE_INFINITY
          ? `${least} or more`
          : `${least} to ${most}`;
    const beside = isAnchor ? " beside the base" : "";
    this.faults.add(
      `${id} merges ${expected} ${most === 1 ? "model" : "models"}${beside}, got ${count}: ${where}`,
    );
  }

  /** Name without the layer's prefix → tensor, for the part of the model that the piece is about. */
  private namesOf(model: Model, layer: number | undefined, piece: Piece): Map<string, string> {
    const found = new Map<string, string>();
    for (const name of model.tensors.keys()) {
      const place = layerOf(name, model.layers);
      if (piece.part === "layer") {
        if (place?.layer === layer) found.set(place!.rest, name);
      } else if (!place && isAfterLayers(name) === (piece.part === "after")) found.set(name, name);
    }
    if (model.config.isTied && model.head) found.delete(model.head);
    return found;
  }

  private plan(
    piece: Piece,
    name: string,
    rest: string,
    names: readonly ReadonlyMap<string, string>[],
    lead: string,
  ): void {
    this.done.add(name);
    const leadAt = piece.base ?? 0;
    const model = (i: number): Model => this.models[piece.sources[i].model].model;
    const tensors = names.map((own, i) => own.get(rest) ?? (isHead(name) ? model(i).embedding : undefined));
    const entry = (i: number): TensorEntry | undefined =>
      tensors[i] === undefined ? undefined : model(i).tensors.get(tensors[i]!);
    const first = entry(leadAt) ?? entry(tensors.indexOf(lead))!;
    const source = (i: number) => ({ model: piece.sources[i].model, tensor: tensors[i]! });
    if (!FLOATS.includes(first.dtype) || isBuffer(name)) {
      const from = tensors[leadAt] === undefined ? tensors.indexOf(lead) : leadAt;
      const { dtype, shape } = first;
      this.tensors.push({
        ...{ name, shape, dtype, action: "copy", sources: [source(from)] },
        ...{ base: undefined, shared: {}, values: [] },
      });
      return;
    }
    const missing = tensors.flatMap((tensor, i) => (tensor === undefined ? [model(i).name] : []));
    if (missing.length) {
      this.faults.add(`${name} is missing in ${missing.join(" and ")}`);
      return;
    }
    const shape = this.shapeOf(
      name,
      tensors.map((_, i) => entry(i)!),
      piece.sources.map((one) => one.model),
    );
    if (!shape) return;
    const { dtype, outDtype } = this.recipe;
    const chosen = outDtype ?? dtype;
    const values = valuesFor(this.recipe, this.method, piece, name, tensors as string[], (words) =>
      this.faults.add(words),
    );
    this.tensors.push({
      name,
      shape: shape.shape,
      dtype: chosen ? FILE_DTYPE[chosen] : first.dtype === "F64" ? "F32" : first.dtype,
      action: "merge",
      sources: tensors.map((_, i) => source(i)),
      base: piece.base,
      ...values,
      alignment: shape.alignment,
    });
  }

  private shapeOf(
    name: string,
    entries: readonly TensorEntry[],
    models: readonly number[],
  ): { shape: readonly number[]; alignment?: Alignment } | undefined {
    const [{ shape }] = entries;
    const rest = (entry: TensorEntry): string => entry.shape.slice(1).join(", ");
    const words = (): string =>
      entries
        .map((entry, i) => `[${entry.shape.join(", ")}] in ${this.models[models[i]].model.name}`)
        .join(", ");
    const isSame = entries.every((entry) => entry.shape.join() === shape.join());
    if (isVocabulary(name) && entries.every((entry) => rest(entry) === rest(entries[0]))) {
      const { alignment } = this.vocabulary ?? {};
      if (alignment) return { shape: [alignment.rows, ...shape.slice(1)], alignment };
      if (isSame) return { shape };
      const rows = Math.min(...entries.map((entry) => entry.shape[0]));
      if (this.options.truncateVocabulary) {
        this.notes.add(
          `${name} is cut to ${rows} rows; that is right only if these rows mean the same tokens in every model`,
        );
        return { shape: [rows, ...shape.slice(1)] };
      }
      this.faults.add(
        `${name} has different numbers of tokens: ${words()}; say in the recipe how to align them, for example tokenizer: {source: base}`,
      );
      return undefined;
    }
    if (isSame) return { shape };
    this.faults.add(`${name} has different shapes: ${words()}`);
    return undefined;
  }
}

/** @throws TesseraError `merge-plan` with every fault of the plan. */
export function refuseFaults({ faults }: Plan): void {
  if (faults.length === 0) return;
  const more = faults.length > 5 ? ` (and ${faults.length - 5} more)` : "";
  throw new TesseraError(
    "merge-plan",
    `These models cannot be merged so: ${faults.slice(0, 5).join("; ")}${more}`,
    {
      faults: [...faults],
    },
  );
}
