// Model folders: what is opened, what is refused and why, and what is inferred from names.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type InputFolder, memoryFolder } from "../../formats/folder";
import { encodeSafetensors } from "../../formats/safetensors";
import { toFloat32 } from "../../formats/tensor-data";
import { findLayers, isAfterLayers, isVocabulary, layerOf } from "./engine/model/names";
import { openModel } from "./engine/model/open";
import { extended, readTokenizer, rowCount } from "./engine/model/tokenizer";
import { goldenFolder } from "./golden-folders";

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const shard = (...names: string[]): Uint8Array =>
  encodeSafetensors(names.map((name) => ({ name, dtype: "F32", shape: [1], data: Float32Array.of(1) })));
const index = (map: Record<string, string>): Uint8Array => text({ metadata: {}, weight_map: map });
const folder = (files: Record<string, Uint8Array>): InputFolder => memoryFolder("m", files);
const INDEX = "model.safetensors.index.json";
const torch = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../formats/golden/${name}`, import.meta.url)));
const [ONE, TWO] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

test("a folder with config and one file", async () => {
  const model = await openModel(goldenFolder("qmath"));
  expect(model).toMatchObject({
    name: "qmath",
    layers: { prefix: "model.layers.", count: 3 },
    embedding: "model.embed_tokens.weight",
    head: undefined,
    config: { architecture: "Qwen2ForCausalLM", isTied: true, vocabulary: 40, layers: 3 },
    notes: [],
  });
  expect(model.dtypes).toEqual([{ dtype: "F32", bytes: model.bytes }]);
});

test("PyTorch files make a model too, alone or with an index; beside safetensors they are left alone", async () => {
  const alone = await openModel(folder({ "pytorch_model.bin": torch("training.pth") }));
  expect([...alone.tensors.keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
  expect([...(toFloat32(await alone.read("1.weight", 0, 2)) as Float32Array)]).toEqual([1, 1]);
  const sharded = await openModel(
    folder({
      "pytorch_model.bin.index.json": index({ f32: "a.bin", "0.weight": "b.bin" }),
      ...{ "a.bin": torch("state.pt"), "b.bin": torch("training.pth") },
    }),
  );
  expect(sharded.shards.map(({ name }) => name)).toEqual(["a.bin", "b.bin"]);
  const both = await openModel(
    folder({ "model.safetensors": shard("a"), "pytorch_model.bin": torch("training.pth") }),
  );
  expect([...both.tensors.keys()]).toEqual(["a"]);
  expect(both.notes).toContain("not part of the model, left alone: pytorch_model.bin");
});

describe("what is not a whole model is refused, and why", () => {
  const both = { [ONE]: shard("a"), [TWO]: shard("b") };
  test.each([
    [{}, "There is no .safetensors and no PyTorch file in this folder: m"],
    [{ "pytorch_model.bin": torch("model-object.pt") }, "asks for torch.nn.modules.container.Sequential"],
    [
      { "training_args.bin": torch("state.pt") },
      "There is no .safetensors and no PyTorch file in this folder: m",
    ],
    [
      { "adapter_config.json": text({}), "adapter_model.safetensors": shard("a") },
      "This is an adapter, not a model; merge it into its base model first: m",
    ],
    [{ [ONE]: shard("a") }, "The files say that there are 2 of them, missing: 2; there is no index: m"],
    [
      { [INDEX]: index({ a: ONE, b: TWO }), [ONE]: shard("a") },
      `The index names files that are not there: ${TWO}: m`,
    ],
    [
      { ...both, [INDEX]: index({ a: ONE, c: TWO }) },
      `The index puts c in ${TWO}, which does not hold it (1 such tensors): m`,
    ],
    [{ [ONE]: shard("a"), [TWO]: shard("a") }, `The tensor a is in ${ONE} and in ${TWO}: m`],
    [{ "model.safetensors": shard() }, "The files hold no tensor: m"],
    [{ [INDEX]: text({}) }, `${INDEX} has no weight_map: m`],
    [
      { [INDEX]: index({ a: "../b.safetensors" }) },
      `${INDEX}: a is not assigned to a file of weights beside it: m`,
    ],
    [{ "model.safetensors": shard("a").subarray(0, 60) }, "it is cut short: m/model.safetensors"],
    [
      { "model.safetensors": shard("a"), "config.json": new TextEncoder().encode("[") },
      "config.json is not a JSON object",
    ],
    [
      { "model.safetensors": shard("a"), "model-00002-of-00002.safetensors.incomplete": shard() },
      "This is an unfinished merge (model-00002-of-00002.safetensors.incomplete); finish it first: m",
    ],
  ])("%#: %s", async (files, words) => {
    await expect(openModel(folder(files as Record<string, Uint8Array>))).rejects.toThrow(words);
  });
});

test("files that are not part of the model are named, and the index decides", async () => {
  const model = await openModel(
    folder({
      [ONE]: shard("a", "b"),
      [TWO]: shard("b"),
      "other.safetensors": shard("z"),
      [INDEX]: index({ a: ONE, b: TWO }),
    }),
  );
  expect([...model.tensors.values()].map(({ name, file }) => [name, file])).toEqual([
    ["a", ONE],
    ["b", TWO],
  ]);
  expect(model.notes[0]).toBe("not part of the model, left alone: other.safetensors");
});

test("layers and kinds are read from names", () => {
  const names = [
    "model.embed_tokens.weight",
    "model.layers.0.mlp.experts.0.w1.weight",
    "model.layers.0.mlp.experts.1.w1.weight",
    "model.layers.11.mlp.experts.0.w1.weight",
    "visual.blocks.0.w",
  ];
  const layers = findLayers(names);
  expect(layers).toEqual({ prefix: "model.layers.", count: 12 });
  expect(layerOf(names[2], layers)).toEqual({ layer: 0, rest: "mlp.experts.1.w1.weight" });
  expect(layerOf(names[4], layers)).toBeUndefined();
  expect(findLayers(["h.0.attn.w", "h.1.attn.w", "wte.weight"])).toEqual({ prefix: "h.", count: 2 });
  expect(
    [
      "model.norm.weight",
      "lm_head.weight",
      "transformer.ln_f.bias",
      "gpt_neox.final_layer_norm.weight",
    ].every(isAfterLayers),
  ).toBe(true);
  expect(
    ["model.embed_tokens.weight", "transformer.wpe.weight", "embeddings.LayerNorm.weight"].some(
      isAfterLayers,
    ),
  ).toBe(false);
  expect(["transformer.wte.weight", "lm_head.weight", "lm_head.bias"].every(isVocabulary)).toBe(true);
});

test("a vocabulary is extended behind its rows; tokens beyond the embedding go, with their merges", async () => {
  const files = {
    "model.safetensors": shard("a"),
    "config.json": text({ vocab_size: 3 }),
    "tokenizer.json": text({
      model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2, ba: 3 }, merges: ["a b", ["b", "a"]] },
      added_tokens: [{ id: 4, content: "<x>", special: true }],
    }),
  };
  const first = (await readTokenizer(await openModel(folder(files))))!;
  expect([...first.ids]).toEqual([
    ["a", 0],
    ["b", 1],
    ["ab", 2],
  ]);
  const more = extended(first, [{ token: "<y>", settings: { id: 9, content: "<y>", special: true } }]);
  expect(more.ids.get("<y>")).toBe(3);
  expect(rowCount(more.ids)).toBe(4);
  expect(more.json).toEqual({
    model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] },
    added_tokens: [{ id: 3, content: "<y>", special: true }],
  });
});
