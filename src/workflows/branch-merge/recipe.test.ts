// Recipes: what is read, and that every fault is named with file, line, what is expected and what was got.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TesseraError } from "../../base/errors";
import { readRecipes, referencedModels } from "./engine/recipe/recipe";
import { evaluate, type MethodParameter, type Setting } from "./engine/recipe/settings";

const read = (text: string) => readRecipes(text, "r.yaml");
const minimal = "merge_method: linear\nmodels:\n  - model: a\n";

test("every golden recipe is read", () => {
  const folder = new URL("golden/recipes/", import.meta.url);
  for (const file of readdirSync(folder)) {
    const recipes = readRecipes(readFileSync(new URL(file, folder), "utf8"), file);
    expect(recipes.at(-1)!.name).toBeUndefined();
  }
});

test("models, slices, precedence and long forms", () => {
  const [recipe] = read(`
merge_method: ties
base_model: { model: { path: org/base, revision: main } }
slices:
  - sources:
      - { model: a@v1+lora, layer_range: [0, 4], parameters: { density: [0.1, 0.9] } }
    parameters: { weight: 0.5 }
tokenizer: { source: union, tokens: { <x>: { source: { kind: zero } } }, pad_to_multiple_of: 64 }
dtype: bfloat16
`);
  expect(recipe.base).toMatchObject({ path: "org/base", revision: "main", text: "org/base@main" });
  expect(recipe.slices![0].sources[0]).toMatchObject({
    model: { path: "a", revision: "v1", lora: "lora" },
    layers: [0, 4],
  });
  expect(recipe.tokenizer).toMatchObject({ source: "union", padToMultipleOf: 64 });
  expect(referencedModels(recipe).map((model) => model.text)).toEqual(["org/base@main", "a@v1+lora"]);
});

test("one module is the whole model, whatever it is called", () => {
  const [recipe] = read("merge_method: linear\nmodules:\n  default:\n    models: [{ model: a }]\n");
  expect(recipe.models![0].model.path).toBe("a");
});

test("several recipes come in the order of their needs", () => {
  const stage = (name: string, models: string[]) =>
    `${name && `name: ${name}\n`}merge_method: linear\nmodels: [${models.map((m) => `{model: ${m}}`).join(", ")}]\n`;
  const text = [stage("", ["x", "y"]), stage("x", ["y", "a"]), stage("y", ["a", "b"])].join("---\n");
  expect(read(text).map((recipe) => recipe.name)).toEqual(["y", "x", undefined]);
  expect(() => read([stage("x", ["y"]), stage("y", ["x"])].join("---\n"))).toThrow("needs its own result");
});

describe("a fault is named with its place", () => {
  test.each([
    ["", "a recipe is expected, got an empty file: r.yaml:1:1"],
    ["merge_method: [", "this is not plain YAML"],
    [
      `${minimal}weigth: 1\n`,
      "no such key “weigth”; known are name, merge_method, models, slices, modules, base_model, parameters, dtype, out_dtype, tokenizer, tokenizer_source, chat_template: r.yaml:4:1",
    ],
    ["models: [{model: a}]\n", "merge_method is missing: r.yaml:1:1"],
    ["merge_method: linear\n", "exactly one of models, slices and modules is expected, got none: r.yaml:1:1"],
    ["merge_method: linear\nmodels: 3\n", "models: a list is expected, got 3: r.yaml:2:9"],
    ["merge_method: linear\nmodels: []\n", "models: at least one entry is expected, got a list: r.yaml:2:9"],
    ["merge_method: linear\nmodels: [{}]\n", "models[0]: model is missing: r.yaml:2:10"],
    [
      `${minimal}dtype: float8\n`,
      'dtype: one of float32, float16, bfloat16 is expected, got "float8": r.yaml:4:8',
    ],
    [`${minimal}dtype: float16\ndtype: float32\n`, "this is not plain YAML: Map keys must be unique"],
    [
      `${minimal}parameters: &p { weight: 1 }\n`,
      "anchors and aliases are not taken; write the value out: r.yaml:4:16",
    ],
    ["a: &a [x]\nb: *a\n", "anchors and aliases are not taken; write the value out: r.yaml:1:7"],
    [`${minimal}parameters: !!python/object:os.system {}\n`, "this is not plain YAML: Unresolved tag"],
    [
      `${minimal}parameters:\n  weight:\n    - { filter: q, values: 1 }\n`,
      "parameters.weight[0]: no such key “values”; known are filter, value: r.yaml:6:20",
    ],
    [
      "merge_method: linear\nslices:\n  - sources:\n      - { model: a, layer_range: [3, 3] }\n",
      "two layers, the second one past the last are expected, got [3, 3]: r.yaml:4:34",
    ],
    [
      "merge_method: linear\nslices:\n  - sources:\n      - { model: a }\n",
      "slices[0].sources[0]: layer_range is missing: r.yaml:4:9",
    ],
    [
      `${minimal}base_model: a@b@c\n`,
      'base_model: a model like folder, folder@revision or folder+adapter is expected, got "a@b@c": r.yaml:4:13',
    ],
  ])("%j", (text, message) => {
    expect(() => read(text)).toThrow(message);
    try {
      read(text);
    } catch (error) {
      expect(error).toBeInstanceOf(TesseraError);
      expect((error as TesseraError).code).toBe("recipe");
    }
  });

  test("nesting without end", () => {
    const deep = `${minimal}parameters: ${"[".repeat(20_000)}\n`;
    expect(() => read(deep)).toThrow(TesseraError);
    expect(() => read(`${minimal}parameters: { weight: ${"[".repeat(99)}${"]".repeat(99)} }`)).toThrow(
      "nested too deeply",
    );
  });

  test("whatever the text, the outcome is recipes or a fault that is named", () => {
    const words = fc.constantFrom(
      ..."{}[]:-,&*!|>#\"'%@ \n\t".split(""),
      "merge_method",
      "models",
      "model",
      "linear",
      "1",
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 40 }), (parts) => {
        try {
          read(parts.join(""));
        } catch (error) {
          if (!(error instanceof TesseraError)) throw error;
        }
      }),
      { numRuns: 3000, seed: 20_260_101 },
    );
  });
});

describe("values of a parameter", () => {
  const number: MethodParameter = { kind: "number", default: 7, scope: "shared", help: "" };
  const setting = (...entries: Setting["entries"]): Setting => ({ entries, where: "r.yaml:9:1" });
  const at = (one: Setting, tensor: string, t: number) => evaluate("x", number, [{ x: one }], tensor, t);

  test("a list is interpolated over layers", () => {
    const gradient = setting({ value: [0, 1, 0.5] });
    expect([0, 0.25, 0.5, 0.75, 1].map((t) => at(gradient, "w", t))).toEqual([0, 0.5, 1, 0.75, 0.5]);
  });
  test("the first filter that is part of the name counts, then the next scope, then the default", () => {
    const one = setting({ filter: "mlp", value: 1 }, { filter: "q_proj", value: "2e-1" });
    expect(at(one, "layers.0.mlp.q_proj", 0)).toBe(1);
    expect(at(one, "layers.0.q_proj", 0)).toBe(0.2);
    expect(evaluate("x", number, [{ x: one }, { x: setting({ value: 3 }) }], "norm", 0)).toBe(3);
    expect(at(one, "norm", 0)).toBe(7);
  });
  test("yes-or-no lists are taken by index", () => {
    const flag: MethodParameter = { kind: "bool", default: false, scope: "shared", help: "" };
    const list = setting({ value: [true, false] });
    expect([0, 0.9, 1].map((t) => evaluate("x", flag, [{ x: list }], "w", t))).toEqual([true, true, false]);
  });
  test("a wrong type is named with its place", () => {
    expect(() => at(setting({ value: "much" }), "w", 0)).toThrow(
      'x: a number is expected, got "much": r.yaml:9:1',
    );
    expect(() => at(setting({ value: true }), "w", 0)).toThrow("x: a number is expected, got true");
  });
});
