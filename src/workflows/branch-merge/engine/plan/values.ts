// The values of a method's parameters for one tensor of the output, in mergekit's order of precedence: model, slice,
// module, recipe.
import type { MergeMethod } from "../methods/method";
import type { Recipe } from "../recipe/recipe";
import { evaluate, type Settings, type Value } from "../recipe/settings";
import type { Piece } from "./slices";

/**
 * @param tensors the tensor's name in each source: a model's own parameters are matched against it.
 * @param fault told of each parameter that the recipe must give and does not.
 * @throws TesseraError `recipe` when a value has the wrong type.
 */
export function valuesFor(
  recipe: Recipe,
  method: MergeMethod,
  piece: Piece,
  name: string,
  tensors: readonly string[],
  fault: (words: string) => void,
): { shared: Record<string, Value>; values: Record<string, Value>[] } {
  const common: (Settings | undefined)[] = [
    piece.slice?.parameters,
    recipe.moduleParameters,
    recipe.parameters,
  ];
  const shared: Record<string, Value> = {};
  const values: Record<string, Value>[] = piece.sources.map(() => ({}));
  for (const [id, parameter] of Object.entries(method.parameters)) {
    const value = (scopes: readonly (Settings | undefined)[], tensor: string, owner: string): Value => {
      const found = evaluate(id, parameter, scopes, tensor, piece.t);
      if (found === undefined) fault(`${method.id} needs the parameter ${id}${owner}: ${recipe.where}`);
      return found ?? null;
    };
    if (parameter.scope === "shared") {
      shared[id] = value(common, name, "");
      continue;
    }
    for (const [i, { source }] of piece.sources.entries()) {
      if (parameter.scope === "task" && i === piece.base) continue;
      values[i][id] = value([source.parameters, ...common], tensors[i], ` of ${source.model.text}`);
    }
  }
  return { shared, values };
}

/** Parameters that the recipe gives and the method does not know, in words. */
export function unknownParameters(recipe: Recipe, method: MergeMethod): string[] {
  const all: Settings[] = [
    recipe.parameters,
    recipe.moduleParameters,
    ...(recipe.models ?? []).map((source) => source.parameters),
    ...(recipe.slices ?? []).flatMap((slice) => [
      slice.parameters,
      ...slice.sources.map((source) => source.parameters),
    ]),
  ];
  const known = Object.keys(method.parameters);
  const unknown = new Set(
    all.flatMap((settings) => Object.keys(settings)).filter((id) => !known.includes(id)),
  );
  return [...unknown].map(
    (id) => `${method.id} has no parameter ${id}; it takes ${known.join(", ") || "none"}`,
  );
}
