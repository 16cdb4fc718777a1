// The form of a recipe and its text say the same, for every method and for names that YAML would take for something else.
import { describe, expect, test } from "vitest";
import { METHODS } from "./engine/methods/index";
import { toForm } from "./engine/recipe/form";
import { readRecipes } from "./engine/recipe/recipe";
import { begun, fitted, recipeText } from "./panel/recipe-text";
import type { MethodInfo, RecipeForm } from "./protocol-service";

const read = (form: RecipeForm): RecipeForm | undefined => toForm(readRecipes(recipeText(form), "recipe"));
const methods = METHODS as readonly MethodInfo[];
const method = (id: string): MethodInfo => methods.find((one) => one.id === id)!;

describe.each(methods.map((one) => one.id))("%s", (id) => {
  test("begins with a form that is read back, with as many models as it takes", () => {
    const form = begun(method(id), ["a", "b", "c"]);
    expect(read(form)).toEqual(form);
    const { base, models } = method(id);
    expect(form.base === null).toBe(base !== "required");
    expect(form.models.length).toBeLessThanOrEqual(models[1]);
    expect(form.models.length).toBeGreaterThanOrEqual(Math.min(models[0], 3));
  });
  test("knows every parameter that it is given, and has those that it needs", () => {
    const form = fitted(begun(method("ties"), ["a", "b", "c"]), method(id));
    for (const [name, { scope, default: value }] of Object.entries(method(id).parameters)) {
      const places = scope === "shared" ? [form.shared] : form.models.map((model) => model.parameters);
      if (value === undefined) for (const place of places) expect(place[name], name).toBeDefined();
    }
    const known = Object.keys(method(id).parameters);
    const given = [form.shared, ...form.models.map((model) => model.parameters)].flatMap(Object.keys);
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
  });
});

test.each([
  "true",
  "null",
  "2024",
  "1.5",
  "a b",
  "a: b",
  "#1",
  "Qwen2.5-0.5B",
  "org/model",
  "- x",
  "ä",
  '"',
  "yes",
  "",
])("the name %j is read back", (name) => {
  const form = begun(method("linear"), [name || "x", "other"]);
  expect(read(form)).toEqual(form);
});

test("a base that is chosen, left out or removed moves between its place and the list", () => {
  const ties = begun(method("ties"), ["a", "b", "c"]);
  expect([ties.base, ties.models.map((model) => model.path)]).toEqual(["a", ["b", "c"]]);
  const linear = fitted(ties, method("linear"));
  expect([linear.base, linear.models.map((model) => model.path)]).toEqual([null, ["a", "b", "c"]]);
  const again = fitted({ ...linear, base: "b" }, method("ties"));
  expect([again.base, again.models.map((model) => model.path)]).toEqual(["b", ["a", "c"]]);
});
