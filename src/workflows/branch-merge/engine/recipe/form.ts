// A recipe as a form shows it: one method, whole models, one value for each parameter. Recipes that say more are left to
// their text.
import type { FormValue, RecipeForm } from "../../protocol-service";
import type { Recipe } from "./recipe";
import type { Settings } from "./settings";

/** Undefined for a recipe that a form cannot show whole. */
export function toForm(recipes: readonly Recipe[]): RecipeForm | undefined {
  const [recipe] = recipes;
  const { models, tokenizer } = recipe;
  if (recipes.length > 1 || recipe.name !== undefined || !models || recipe.chatTemplate) return undefined;
  if (Object.keys(recipe.moduleParameters).length) return undefined;
  if (
    tokenizer &&
    (typeof tokenizer.source !== "string" || tokenizer.tokens.size || tokenizer.padToMultipleOf)
  )
    return undefined;
  const shared = plain(recipe.parameters);
  const own = models.map(({ model, parameters }) => ({ path: model.text, parameters: plain(parameters) }));
  if (!shared || own.some((one) => !one.parameters)) return undefined;
  return {
    method: recipe.method,
    base: recipe.base?.text ?? null,
    models: own as RecipeForm["models"],
    shared,
    dtype: recipe.dtype ?? null,
    outDtype: recipe.outDtype ?? null,
    tokenizer: (tokenizer?.source as "union" | "base" | undefined) ?? null,
  };
}

function plain(settings: Settings): Record<string, FormValue> | undefined {
  const values: Record<string, FormValue> = {};
  for (const [name, { entries }] of Object.entries(settings)) {
    const [{ filter, value }] = entries;
    if (entries.length > 1 || filter !== undefined || typeof value === "object") return undefined;
    values[name] = value;
  }
  return values;
}
