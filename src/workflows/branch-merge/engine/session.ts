// The session: recipes and folders in, a preflight report or a merged model out. It runs unchanged in a worker and in
// Node; folders come from outside.
import type { TaskContext } from "../../../base/task";
import { type OutputFolder, prefixedFolder } from "../../../formats/folder";
import type { MergeRequest, MergeResult, ModelInfo, Preflight } from "../protocol";
import { layOut, tensorBytes } from "./merge/layout";
import { mergeStage } from "./merge/merge";
import { Meter } from "./merge/meter";
import { type MergeKey, PROGRESS, startProgress } from "./merge/progress";
import { isVocabulary } from "./model/names";
import { type Model, openModel } from "./model/open";
import { costOf } from "./plan/cost";
import { type Plan, refuseFaults } from "./plan/plan";
import { planStages, type Surroundings } from "./plan/stages";
import { readRecipes } from "./recipe/recipe";

/** Name in front of the files of an intermediate result. */
const stagePrefix = (stage: number): string => `intermediate-${stage + 1}-`;

async function plansOf(
  request: MergeRequest,
  around: Surroundings,
  result: (stage: number) => Promise<Model>,
): Promise<Plan[]> {
  const { mode, truncateVocabulary } = request.settings;
  return planStages(readRecipes(request.text, request.file), around, { mode, truncateVocabulary }, result);
}

/** What the merge would do; tensors are not read. @throws TesseraError for a recipe or a model that cannot be read. */
export async function preflight(request: MergeRequest, around: Surroundings): Promise<Preflight> {
  const plans = await plansOf(request, around, () =>
    Promise.reject(new Error("nothing is read in a preflight")),
  );
  const last = plans.at(-1)!;
  const { chunkBytes, shardBytes } = request.settings;
  const costs = await Promise.all(plans.map((plan) => costOf(plan, chunkBytes)));
  const total = (key: "bytesToRead" | "bytesToWrite"): number =>
    costs.reduce((sum, cost) => sum + cost[key], 0);
  const models = new Map<string, ModelInfo>();
  for (const plan of plans)
    for (const { ref, model } of plan.models)
      if (model.shards.length) models.set(ref.text, modelInfo(ref.text, model));
  const shards = layOut(last.tensors, shardBytes);
  const { id, title, formula, source } = last.method;
  return {
    faults: plans.flatMap((plan) => [...plan.faults]),
    notes: plans.flatMap((plan) => [...plan.notes]),
    method: { id, title, formula, source },
    mode: last.mode,
    models: [...models.values()],
    stages: plans.map((plan, i) => ({
      name: plan.recipe.name ?? "output",
      method: plan.method.id,
      tensors: plan.tensors.length,
      passes: costs[i].passes,
    })),
    output: {
      tensors: last.tensors.length,
      parameters: last.tensors.reduce((sum, { shape }) => sum + shape.reduce((all, n) => all * n, 1), 0),
      bytes: last.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
      layers: last.layers.length,
      vocabulary: last.tensors.find((tensor) => isVocabulary(tensor.name))?.shape[0] ?? null,
      isTied: last.isTied,
      shards: shards.map(({ name, size }) => ({ name, bytes: size })),
    },
    tensors: last.tensors.map(({ name, shape, dtype, action, sources }) => ({
      ...{ name, shape: [...shape], dtype, action },
      sources: sources.map(({ model, tensor }) => {
        const { text } = last.models[model].ref;
        return tensor === name ? text : `${text}: ${tensor}`;
      }),
    })),
    skipped: plans.flatMap((plan) => [...plan.skipped]),
    bytesToRead: total("bytesToRead"),
    bytesToWrite: total("bytesToWrite"),
    memory: Math.max(...costs.map((cost) => cost.memory)),
  };
}

/**
 * Merges into a folder that is empty or holds the beginning of this merge.
 * @throws TesseraError `merge-plan` for what cannot be merged, `merge-folder` for a folder that is not empty,
 * `storage-full`, `permission`, `cancelled`, and what reading models throws.
 */
export async function merge(
  request: MergeRequest,
  around: Surroundings,
  output: OutputFolder,
  context: Pick<TaskContext, "gate" | "report">,
): Promise<MergeResult> {
  const folderOf = (stage: number): OutputFolder =>
    stage === plans.length - 1 ? output : prefixedFolder(output, stagePrefix(stage));
  const results = new Map<number, Promise<Model>>();
  const result = (stage: number): Promise<Model> => {
    const found = results.get(stage) ?? openModel(folderOf(stage));
    results.set(stage, found);
    return found;
  };
  const plans = await plansOf(request, around, result);
  plans.forEach(refuseFaults);
  const whole = await startProgress(output, keyOf(request, plans), plans.length);
  const resumed = whole.stages.reduce((sum, { finished }) => sum + finished.length, 0);
  const meter = new Meter();
  const bytes = (plan: Plan): number => plan.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const count = { done: 0, total: plans.reduce((sum, plan) => sum + bytes(plan), 0) };
  try {
    for (const [i, plan] of plans.entries()) {
      const progress = whole.stages[i];
      await mergeStage({
        ...{ plan, recipe: request.text, settings: request.settings, folder: folderOf(i), home: output },
        ...{ whole, progress, meter, context, count },
      });
    }
    for (let i = 0; i + 1 < plans.length; i++)
      for (const { name } of await folderOf(i).list()) await folderOf(i).remove(name);
    await output.remove(PROGRESS);
  } finally {
    await output.settle();
  }
  const last = plans.at(-1)!;
  return {
    tensors: last.tensors.length,
    resumed,
    bytes: bytes(last),
    files: (await output.list())
      .map(({ name, size }) => ({ name, bytes: size }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    nonFinite: whole.stages.at(-1)!.nonFinite,
    notes: plans.flatMap((plan) => [...plan.notes]),
    skipped: plans.reduce((sum, plan) => sum + plan.skipped.length, 0),
    rates: meter.rates(),
  };
}

function keyOf({ text, settings }: MergeRequest, plans: readonly Plan[]): MergeKey {
  const { mode, seed, shardBytes, truncateVocabulary } = settings;
  const models: MergeKey["models"] = {};
  for (const plan of plans) {
    for (const { ref, model } of plan.models) {
      if (model.shards.length)
        models[ref.text] = Object.fromEntries(model.shards.map(({ name, size }) => [name, size]));
    }
  }
  return { recipe: text, mode, seed, shardBytes, truncateVocabulary, models };
}

/** A model as views show it. */
export function modelInfo(path: string, model: Model): ModelInfo {
  const { name, config, tensors, layers, shards, bytes, parameters, dtypes, notes, embedding, head } = model;
  return {
    path,
    name,
    architecture: config.architecture ?? null,
    tensors: tensors.size,
    parameters,
    bytes,
    layers: layers.count,
    vocabulary: embedding ? tensors.get(embedding)!.shape[0] : (config.vocabulary ?? null),
    head: head && !config.isTied ? "own" : embedding ? "tied" : "none",
    dtypes: [...dtypes],
    files: shards.length,
    notes: [...notes],
  };
}
