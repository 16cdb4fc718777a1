// Which layers of which models make each layer of the output, and at what place of a gradient. It knows no tensor.
import { TesseraError } from "../../../../base/errors";
import type { Model } from "../model/open";
import type { ModelRef, OutputSlice, Recipe, Source } from "../recipe/recipe";

/** One layer of the output, or what stands before or after all layers. */
export interface Piece {
  part: "before" | "layer" | "after";
  /** Indices of models with their layer, and what the recipe says of each. */
  sources: readonly { model: number; layer?: number; source: Source }[];
  slice?: OutputSlice;
  /** Which of the sources is the base. */
  base: number | undefined;
  /** Place in a gradient, 0 to 1. */
  t: number;
  /** Name in the output of a tensor that is called `rest` inside its layer. */
  outName(rest: string, lead: Model): string;
}

/**
 * The pieces in the order of the output. Gradients run over the layers of a slice, t = i/(n-1), 1 where n is 1; what
 * stands outside the layers takes t = 0 and the sources of the first or of the last slice.
 * @throws TesseraError `recipe` for layers that a model lacks and for sources of different length.
 */
export function pieces(
  recipe: Recipe,
  models: readonly { ref: ModelRef; model: Model }[],
  at: (ref: ModelRef) => number,
): Piece[] {
  const slices = recipe.slices ?? [wholeModels(recipe, models, at)];
  const list: Piece[] = [];
  const outside = (part: "before" | "after", slice: OutputSlice): void => {
    const sources = slice.sources.map((source) => ({ model: at(source.model), source }));
    list.push({
      ...{ part, sources, slice, t: 0 },
      base: baseOf(recipe, slice),
      outName: (rest) => rest,
    });
  };
  outside("before", slices[0]);
  let layers = 0;
  for (const slice of slices) {
    const ranges = slice.sources.map((source) => rangeOf(source, models[at(source.model)].model, slice));
    const [from, to] = ranges[0];
    const count = to - from;
    if (ranges.some(([a, b]) => b - a !== count)) {
      const words = ranges.map(([a, b], i) => `${b - a} of ${slice.sources[i].model.text}`).join(", ");
      throw new TesseraError(
        "recipe",
        `A slice needs as many layers of each model, got ${words}: ${slice.where}`,
      );
    }
    for (let i = 0; i < count; i++) {
      const layer = layers++;
      list.push({
        part: "layer",
        sources: slice.sources.map((source, j) => ({
          model: at(source.model),
          layer: ranges[j][0] + i,
          source,
        })),
        slice,
        base: baseOf(recipe, slice),
        t: count > 1 ? i / (count - 1) : 1,
        outName: (rest, lead) => `${lead.layers.prefix}${layer}.${rest}`,
      });
    }
  }
  outside("after", slices.at(-1)!);
  return list;
}

/** Whole models as one slice over all their layers; a base that is not among them comes last. */
function wholeModels(
  recipe: Recipe,
  models: readonly { ref: ModelRef; model: Model }[],
  at: (ref: ModelRef) => number,
): OutputSlice {
  const listed = recipe.models!;
  const { base } = recipe;
  const all =
    base && !listed.some((source) => source.model.text === base.text)
      ? [...listed, { model: base, parameters: {} }]
      : listed;
  const sources = all.map((source) => ({
    ...source,
    layers: [0, models[at(source.model)].model.layers.count] as const,
  }));
  return { sources, parameters: {}, where: recipe.where };
}

function rangeOf(source: Source, model: Model, slice: OutputSlice): readonly [number, number] {
  const [from, to] = source.layers ?? [0, model.layers.count];
  if (to <= model.layers.count) return [from, to];
  throw new TesseraError(
    "recipe",
    `Layers ${from} to ${to} are asked for, ${source.model.text} has ${model.layers.count}: ${slice.where}`,
  );
}

function baseOf(recipe: Recipe, slice: OutputSlice): number | undefined {
  const base = slice.base ?? recipe.base;
  const found = base ? slice.sources.findIndex((source) => source.model.text === base.text) : -1;
  return found < 0 ? undefined : found;
}
