// Plans every recipe of a file. A recipe may name the result of an earlier one, which is planned as a model whose
// tensors are known and not yet there.
import { TesseraError } from "../../../../base/errors";
import { memoryFolder } from "../../../../formats/folder";
import { smallFiles } from "../merge/finish";
import { tensorBytes } from "../merge/layout";
import type { MergeMethod } from "../methods/method";
import { type Adapter, withAdapter } from "../model/adapter";
import { readConfig } from "../model/config";
import { findLayers, isEmbedding, isHead } from "../model/names";
import type { Model, ModelTensor } from "../model/open";
import { type ModelRef, type Recipe, referencedModels } from "../recipe/recipe";
import { type Plan, type PlanOptions, planMerge, type UsedModel } from "./plan";

/** What the plans need from outside. */
export interface Surroundings {
  /** The model that a recipe names. @throws TesseraError when there is none or it cannot be opened. */
  openModel(path: string): Promise<Model>;
  /** The adapter that a recipe names behind a plus sign. @throws TesseraError as `openModel` does. */
  openAdapter(path: string): Promise<Adapter>;
  /** @throws TesseraError `recipe` when there is none of this name. */
  method(id: string): MergeMethod;
}

/**
 * One plan for each recipe, in order.
 * @param result gives the model that the plan of this number has made; asked when its tensors are read.
 * @throws TesseraError `recipe`, `model`, and what folders and files throw.
 */
export async function planStages(
  recipes: readonly Recipe[],
  around: Surroundings,
  options: PlanOptions,
  result: (stage: number) => Promise<Model>,
): Promise<Plan[]> {
  const plans: Plan[] = [];
  const opened = new Map<string, Promise<Model>>();
  const once = (text: string, open: () => Promise<Model>): Promise<Model> => {
    const found = opened.get(text) ?? open();
    opened.set(text, found);
    return found;
  };
  const model = (ref: ModelRef): Promise<Model> => {
    const stage = recipes.findIndex((recipe) => recipe.name === ref.path);
    if (stage >= 0) return planned(plans[stage], ref.path, () => result(stage));
    const base = once(ref.path, () => around.openModel(ref.path));
    const { lora } = ref;
    if (lora === undefined) return base;
    return once(ref.text, async () => withAdapter(await base, await around.openAdapter(lora)));
  };
  for (const recipe of recipes) {
    const method = methodOf(recipe, around);
    const models: UsedModel[] = [];
    for (const ref of referencedModels(recipe)) models.push({ ref, model: await model(ref) });
    plans.push(await planMerge(recipe, method, models, options));
  }
  return plans;
}

function methodOf(recipe: Recipe, around: Surroundings): MergeMethod {
  try {
    return around.method(recipe.method);
  } catch (error) {
    throw error instanceof TesseraError
      ? new TesseraError(error.code, `${error.message}: ${recipe.where}`, error.fields)
      : error;
  }
}

async function planned(plan: Plan, name: string, real: () => Promise<Model>): Promise<Model> {
  const tensors = new Map<string, ModelTensor>();
  for (const tensor of plan.tensors) {
    const { shape, dtype } = tensor;
    tensors.set(tensor.name, { name: tensor.name, shape, dtype, bytes: tensorBytes(tensor), file: "" });
  }
  const files = Object.fromEntries(await smallFiles(plan, ""));
  const folder = memoryFolder(name, files);
  const json = files["config.json"] && JSON.parse(new TextDecoder().decode(files["config.json"]));
  const names = [...tensors.keys()];
  const bytes = [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0);
  return {
    name,
    folder,
    config: readConfig(json, names),
    tensors,
    layers: findLayers(names),
    shards: [],
    embedding: names.find(isEmbedding),
    head: names.find(isHead),
    bytes,
    parameters: [...tensors.values()].reduce(
      (sum, { shape }) => sum + shape.reduce((all, n) => all * n, 1),
      0,
    ),
    dtypes: [],
    notes: [],
    read: async (tensor, from, to) => (await real()).read(tensor, from, to),
  };
}
