// The worker's side as the panel uses it, without a browser: samples, forms of recipes, a merge into private files, a
// look inside.
import { describe, expect, test } from "vitest";
import { plainContext } from "../../base/task";
import { memoryFolder } from "../../formats/folder";
import { mergeService } from "./engine/service";
import { goldenFolder } from "./golden-folders";
import type { MergeRequest } from "./protocol";
import type { MergeEvents, MergeService, TensorLook } from "./protocol-service";

const context: Parameters<MergeService["methods"]>[1] = { ...plainContext(), emit: () => {} };

function service() {
  const out = memoryFolder("merge");
  const made = mergeService({
    folder: async () => out,
    clear: async () => out.files.clear(),
    file: async (name) => new File([new Uint8Array(out.files.get(name)!)], name),
  });
  return { made, files: () => [...out.files.keys()].sort() };
}

const RECIPE = `merge_method: task_arithmetic
base_model: base
models:
  - model: math
    parameters:
      weight: 0.5
  - model: code
    parameters:
      weight: 0.5
dtype: bfloat16
`;

const request = (text: string): MergeRequest => ({
  text,
  file: "recipe",
  settings: { mode: "exact", seed: 0, chunkBytes: 1 << 22, shardBytes: 5e9, truncateVocabulary: false },
});

async function withSamples() {
  const one = service();
  for (const name of ["base", "math", "code"])
    await one.made.open({ name, source: { kind: "sample" } }, context);
  return one;
}

test("samples are models that can be merged, also into files of an earlier merge", async () => {
  const { made, files } = await withSamples();
  const info = await made.open({ name: "math", source: { kind: "sample" } }, context);
  expect(info).toMatchObject({
    architecture: "LlamaForCausalLM",
    layers: 6,
    vocabulary: 98,
    head: "tied",
    notes: [],
  });
  const { faults, output } = await made.preflight(request(RECIPE), context);
  expect(faults).toEqual([]);
  for (const text of [RECIPE, RECIPE.replace("0.5", "0.6")]) {
    const result = await made.merge({ request: request(text), target: { kind: "private" } }, context);
    expect(result).toMatchObject({ tensors: output.tensors, resumed: 0, nonFinite: [] });
  }
  expect(files()).toEqual([
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  expect(await (await made.file({ name: "README.md" }, context)).text()).toContain("weight: 0.6");
});

test("a model is found by the last part of a name too, as recipes from a hub have it", async () => {
  const { made } = await withSamples();
  const { faults, models } = await made.preflight(
    request(RECIPE.replace("model: math", "model: org/math")),
    context,
  );
  expect(faults).toEqual([]);
  expect(models.map((model) => model.path)).toEqual(["base", "org/math", "code"]);
});

test("the differences of the samples lie where their description puts them", async () => {
  const { made } = await withSamples();
  const looks: TensorLook[] = [];
  const watching = {
    ...context,
    emit: <N extends keyof MergeEvents>(_name: N, data: MergeEvents[N]) => void looks.push(data),
  };
  await made.merge({ request: request(RECIPE), target: { kind: "private" } }, context);
  const { left } = await made.look({ base: "base", models: ["math", "code", "merged"] }, watching);
  expect(left).toBe(0);
  const of = (layer: number, kind: string) => looks.find((l) => l.layer === layer && l.kind === kind)!;
  const mlp = "mlp.up_proj.weight";
  expect(of(5, mlp).difference[0]).toBeCloseTo(0.1, 2);
  expect(of(0, mlp).difference[0]).toBeCloseTo(0.02, 2);
  // 0.49 of each step is common: the cosine is about one half; with the sum of both (1 + c) / √(2 + 2c).
  expect(of(3, "self_attn.q_proj.weight").cosine[0]).toBeCloseTo(0.5, 1);
  expect(of(5, mlp).cosine).toHaveLength(3);
  const { cosine } = of(0, "mlp.gate_proj.weight");
  expect(cosine[1]).toBeCloseTo(Math.sqrt((1 + cosine[0]) / 2), 1);
});

test("norms and cosines are those of a plain computation", async () => {
  const { made } = service();
  const names = ["base", "math", "code"];
  for (const name of names) {
    const folder = goldenFolder(name);
    const files = await Promise.all(
      (await folder.list()).map(async (file) => {
        const source = await folder.open(file.name);
        return new File([await source.read(0, source.size)], file.name);
      }),
    );
    await made.open({ name, source: { kind: "files", files } }, context);
  }
  const looks: TensorLook[] = [];
  const emit = (_name: string, data: unknown) => void looks.push(data as TensorLook);
  await made.look({ base: "base", models: ["math", "code"] }, { ...context, emit });
  const { goldenModel } = await import("./golden-models");
  const [base, math, code] = names.map((name) => goldenModel(name).get("model.norm.weight")!.values);
  const difference = (x: Float32Array): number[] => [...x].map((v, i) => v - base[i]);
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, v, i) => sum + v * b[i], 0);
  const [a, b] = [difference(math), difference(code)];
  const found = looks.find((look) => look.tensor === "model.norm.weight")!;
  expect(found.layer).toBeUndefined();
  expect(found.difference[0]).toBeCloseTo(Math.sqrt(dot(a, a) / dot([...base], [...base])), 12);
  expect(found.cosine[0]).toBeCloseTo(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)), 12);
});

describe("a recipe as a form", () => {
  const { made } = service();
  test("of whole models and single values", async () => {
    expect((await made.read({ text: RECIPE }, context)).form).toEqual({
      method: "task_arithmetic",
      base: "base",
      models: [
        { path: "math", parameters: { weight: 0.5 } },
        { path: "code", parameters: { weight: 0.5 } },
      ],
      ...{ shared: {}, dtype: "bfloat16", outDtype: null, tokenizer: null },
    });
  });
  test.each([
    ["a gradient", RECIPE.replace("weight: 0.5", "weight: [0, 1]")],
    ["a filter", RECIPE.replace("weight: 0.5", "weight: [{ filter: mlp, value: 1 }, { value: 0 }]")],
    ["stages", `name: x\n${RECIPE}---\n${RECIPE}`],
    ["tokens", `${RECIPE}tokenizer: { source: base, pad_to_multiple_of: 8 }\n`],
  ])("not of %s", async (_what, text) => {
    expect((await made.read({ text }, context)).form).toBeNull();
  });
  test("a model that is not there is named", async () => {
    await expect(made.preflight(request(RECIPE), context)).rejects.toThrow(
      "There is no model “base” on the page; there are none",
    );
  });
});
