// Every merge method that draws nothing, in mergekit mode, against mergekit's own merges of the tiny models.
import { describe, expect, test } from "vitest";
import { decodeHalf, encodeHalf } from "../../base/half";
import { findMethod } from "./engine/methods/index";
import { type Recipe, readRecipes } from "./engine/recipe/recipe";
import { evaluate, type Value } from "./engine/recipe/settings";
import { type GoldenModel, goldenModel, goldenOutput, goldenRecipe, STRIDE } from "./golden-models";
import { cut, mergeAll } from "./methods-testing";

/** Recipes of whole models without tokenizers: what methods and parameters alone decide. */
const CASES = [
  "arcee_fusion",
  "breadcrumbs",
  "breadcrumbs_ties",
  "karcher",
  "karcher-base",
  "linear",
  "linear-sum",
  "model_stock",
  "model_stock-filter",
  "multislerp",
  "multislerp-base",
  "nearswap",
  "nuslerp",
  "nuslerp-base",
  "nuslerp-rows",
  "out-bfloat16",
  "ram",
  "ramplus_tl",
  "sce",
  "sce-topk",
  "slerp",
  "slerp-near",
  "stages",
  "task_arithmetic",
  "task_arithmetic-gradient",
  "ties",
  "ties-rescale",
];

/**
 * Entries that are taken from the other model than in mergekit. Arcee Fusion's divergences carry the rounding noise of
 * float32 exponentials, 1e-3 of the divergence here, and that noise depends on the processor; a score that lies nearer to
 * the threshold than this (3e-4 without rounding) may fall on either side.
 */
const FLIPS: Readonly<Record<string, number>> = { stages: 1 };

async function mergeRecipe(recipe: Recipe, find: (name: string) => GoldenModel): Promise<GoldenModel> {
  const method = findMethod(recipe.method);
  const sources = [...recipe.models!];
  let base = sources.findIndex((source) => source.model.text === recipe.base?.text);
  // A base that is not listed comes last, without parameters.
  if (recipe.base && base < 0) base = sources.push({ model: recipe.base, parameters: {} }) - 1;
  const models = sources.map((source) => find(source.model.path));
  const layers = 1 + Math.max(...[...models[0].keys()].map((name) => layerOf(name) ?? 0));
  const merged = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  for (const [name, { shape }] of models[0]) {
    const t = (layerOf(name) ?? 0) / (layers - 1);
    const valuesOf = (isShared: boolean, source?: (typeof sources)[number]): Record<string, Value> => {
      const scopes = [source?.parameters, recipe.moduleParameters, recipe.parameters];
      return Object.fromEntries(
        Object.entries(method.parameters)
          .filter(([, { scope }]) => (scope === "shared") === isShared)
          .map(([id, parameter]) => [id, evaluate(id, parameter, scopes, name, t) ?? null]),
      );
    };
    const tensors = models.map((model) => model.get(name)!.values);
    const job = {
      name,
      shape,
      base: base < 0 ? undefined : base,
      shared: valuesOf(true),
      values: sources.map((source) => valuesOf(false, source)),
      seed: 0,
      mode: "mergekit" as const,
      chunks: (options?: { rows?: boolean }) => cut(tensors, shape, 100, options?.rows),
    };
    merged.set(name, { shape, values: await mergeAll(job, recipe.method) });
  }
  return merged;
}

function layerOf(name: string): number | undefined {
  const found = /layers\.(\d+)\./.exec(name);
  return found ? Number(found[1]) : undefined;
}

describe("as mergekit merges", () => {
  test.each(CASES)("%s", async (name) => {
    const named = new Map<string, GoldenModel>();
    const find = (path: string) => named.get(path) ?? goldenModel(path);
    let result: GoldenModel = new Map();
    let half = false;
    for (const recipe of readRecipes(goldenRecipe(name), `${name}.yaml`)) {
      result = await mergeRecipe(recipe, find);
      if (recipe.name) named.set(recipe.name, result);
      half = recipe.outDtype === "bfloat16";
    }
    const { tensors } = await goldenOutput(name);
    expect([...result.keys()].sort()).toEqual([...tensors.keys()].sort());
    const bound = 1e-6; // of a tensor's largest value
    let worst = 0;
    let flips = 0;
    for (const [tensor, { values, shape }] of result) {
      const expected = tensors.get(tensor)!;
      expect(shape).toEqual(expected.shape);
      const got = half ? decodeHalf(encodeHalf(values, "bf16"), "bf16") : values;
      const scale = expected.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (const [i, value] of expected.values.entries()) {
        const error = Math.abs(got[i * STRIDE] - value) / scale;
        if (error <= bound) worst = Math.max(worst, error);
        else flips++;
      }
    }
    process.stdout.write(
      `${name}: largest error ${worst.toExponential(1)} of the largest value, ${flips} outside\n`,
    );
    expect(flips).toBe(FLIPS[name] ?? 0);
  });
});
