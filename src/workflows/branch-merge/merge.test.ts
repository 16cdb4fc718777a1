// Whole merges of folders in memory: against what mergekit made of the same recipes and models, and what must hold of
// every merge: chunk size does not matter, a broken merge goes on, nothing unfinished looks like a model.
import { describe, expect, test } from "vitest";
import { encodeHalf } from "../../base/half";
import { plainContext } from "../../base/task";
import { type InputFolder, memoryFolder, type OutputFolder } from "../../formats/folder";
import { encodeSafetensors } from "../../formats/safetensors";
import { toFloat32 } from "../../formats/tensor-data";
import { findMethod } from "./engine/methods/index";
import { openAdapter } from "./engine/model/adapter";
import { type Model, openModel } from "./engine/model/open";
import { readTokenizer } from "./engine/model/tokenizer";
import type { Surroundings } from "./engine/plan/stages";
import { merge, preflight } from "./engine/session";
import { goldenFolder } from "./golden-folders";
import { type GoldenOutput, goldenOutput, goldenRecipe, STRIDE } from "./golden-models";
import type { MergeRequest } from "./protocol";

const around = (folders: Record<string, InputFolder> = {}): Surroundings => ({
  openModel: (path) => openModel(folders[path] ?? goldenFolder(path)),
  openAdapter: (path) => openAdapter(folders[path]),
  method: findMethod,
});

const request = (text: string, change: Partial<MergeRequest["settings"]> = {}): MergeRequest => ({
  text,
  file: "recipe.yaml",
  settings: {
    ...{ mode: "mergekit", seed: 1, chunkBytes: 4096, shardBytes: 5e9, truncateVocabulary: false },
    ...change,
  },
});

async function values(model: Model, name: string): Promise<Float32Array> {
  const { shape } = model.tensors.get(name)!;
  const count = shape.reduce((all, n) => all * n, 1);
  return toFloat32(await model.read(name, 0, count));
}

/** Rows of a vocabulary tensor in the order in which the golden file keeps them. */
function inTokenOrder(x: Float32Array, rows: number, order: readonly number[]): Float32Array {
  const width = x.length / rows;
  const rest = Array.from({ length: rows - order.length }, (_, i) => order.length + i);
  const all = [...order, ...rest].flatMap((row) => [...x.subarray(row * width, (row + 1) * width)]);
  return Float32Array.from(all);
}

/** Sampled elements that are off by more than 1e-6 of the tensor's largest value. */
async function wrongElements(model: Model, golden: GoldenOutput): Promise<string[]> {
  const tokenizer = golden.tokens && (await readTokenizer(model));
  const wrong: string[] = [];
  for (const [name, { shape, values: sample }] of golden.tensors) {
    expect(model.tensors.get(name)?.shape, name).toEqual(shape);
    let got = await values(model, name);
    if (tokenizer && /embed_tokens|lm_head/.test(name)) {
      const order = golden.tokens!.map((token) => tokenizer.ids.get(token) ?? Number.NaN);
      got = inTokenOrder(got, shape[0], order);
    }
    const largest = Math.max(...sample.map(Math.abs));
    for (const [i, expected] of sample.entries())
      if (!(Math.abs(got[i * STRIDE] - expected) <= 1e-6 * largest)) wrong.push(`${name} ${i * STRIDE}`);
  }
  return wrong;
}

describe("as mergekit merged them", () => {
  test.each([
    ["linear", []],
    ["passthrough-slices", []],
    ["slices", []],
    ["task_arithmetic-gradient", []],
    ["model_stock-filter", []],
    ["out-bfloat16", []],
    // The score of this element lies 3e-4 below the threshold in float64; mergekit's float32 moves scores by 8e-4.
    ["stages", ["model.layers.0.self_attn.v_proj.weight 644"]],
    ["tokenizer-base", []],
    ["tokenizer-model", []],
    ["tokenizer-tokens", []],
    ["tokenizer-union", []],
  ])("%s", async (name, undecided) => {
    const golden = await goldenOutput(name);
    const out = memoryFolder("out");
    await merge(request(goldenRecipe(name)), around(), out, plainContext());
    const model = await openModel(out);
    expect([...model.tensors.keys()].sort()).toEqual([...golden.tensors.keys()].sort());
    expect(model.config.layers).toBe(golden.layers);
    expect(model.config.vocabulary).toBe(golden.vocabulary);
    expect(await wrongElements(model, golden)).toEqual(undecided);
    expect([...out.files.keys()].filter((file) => /intermediate|progress|incomplete/.test(file))).toEqual([]);
  });
});

/** Bytes of all weights, without the names of their files. */
const weightsOf = (folder: { files: Map<string, Uint8Array> }): Buffer =>
  Buffer.concat(
    [...folder.files].filter(([name]) => name.endsWith(".safetensors")).map(([, bytes]) => bytes),
  );

test.each(["slices", "stages", "tokenizer-tokens", "task_arithmetic-gradient", "ties"])(
  "%s does not depend on the size of chunks",
  async (name) => {
    const outputs: Buffer[] = [];
    for (const chunkBytes of [256, 1000, 1 << 20]) {
      const out = memoryFolder("out");
      await merge(request(goldenRecipe(name), { chunkBytes, mode: "exact" }), around(), out, plainContext());
      outputs.push(weightsOf(out));
    }
    expect(outputs[1].equals(outputs[0])).toBe(true);
    expect(outputs[2].equals(outputs[0])).toBe(true);
  },
);

describe("a merge that is broken off", () => {
  const settings = { shardBytes: 20_000, chunkBytes: 1024 };
  const text = goldenRecipe("stages");

  /** Passes everything on and fails when a file would be written past so many bytes in all. */
  const failing = (folder: OutputFolder, limit: number): OutputFolder => {
    let written = 0;
    return {
      ...folder,
      async writeAt(name, at, bytes) {
        written += bytes.length;
        if (written > limit) throw new Error("pulled");
        await folder.writeAt(name, at, bytes);
      },
    };
  };

  test("goes on at the tensor and gives the same bytes", async () => {
    const whole = memoryFolder("out");
    await merge(request(text, settings), around(), whole, plainContext());
    const out = memoryFolder("out");
    let attempts = 0;
    let resumed = 0;
    for (; ; attempts++) {
      expect(attempts).toBeLessThan(40);
      try {
        const result = await merge(request(text, settings), around(), failing(out, 15_000), plainContext());
        resumed = result.resumed;
        break;
      } catch (error) {
        expect((error as Error).message).toBe("pulled");
        expect([...out.files.keys()]).not.toContain("config.json");
        expect([...out.files.keys()]).not.toContain("model.safetensors.index.json");
        expect([...out.files.keys()]).toContain("merge-progress.json");
      }
    }
    expect(attempts).toBeGreaterThan(5);
    expect(resumed).toBeGreaterThan(20);
    expect(out.files).toEqual(whole.files);
  });

  test("cannot be mistaken for another merge or a model", async () => {
    const out = memoryFolder("out");
    const run = (change = {}, from = text): Promise<unknown> =>
      merge(request(from, { ...settings, ...change }), around(), failing(out, 30_000), plainContext());
    await expect(run()).rejects.toThrow("pulled");
    await expect(run({ mode: "exact" })).rejects.toThrow("with another mode");
    await expect(run({}, `${text}\n`)).rejects.toThrow("with another recipe");
    await expect(openModel(out)).rejects.toThrow("unfinished merge");
    await expect(
      merge(request(text), around(), memoryFolder("m", { "config.json": new Uint8Array() }), plainContext()),
    ).rejects.toThrow("The output needs an empty folder, config.json stands in this one: m");
  });

  test("tells that the disk is full, and goes on when it is not", async () => {
    const out = memoryFolder("out", {}, 40_000);
    const advice = /The disk is full: out.* The \d+ tensors that are finished are kept/;
    await expect(merge(request(text, settings), around(), out, plainContext())).rejects.toThrow(advice);
    const larger = memoryFolder("out", Object.fromEntries(out.files));
    const { resumed } = await merge(request(text, settings), around(), larger, plainContext());
    expect(resumed).toBeGreaterThan(0);
  });

  test("by the user keeps what is finished", async () => {
    const out = memoryFolder("out");
    const controller = new AbortController();
    const context = plainContext({
      signal: controller.signal,
      report: ({ done, total }) => done > total / 2 && controller.abort(),
    });
    await expect(merge(request(text, settings), around(), out, context)).rejects.toMatchObject({
      code: "cancelled",
    });
    const { resumed } = await merge(request(text, settings), around(), out, plainContext());
    expect(resumed).toBeGreaterThan(0);
  });
});

describe("numbers", () => {
  const folder = (name: string, tensors: Parameters<typeof encodeSafetensors>[0]): InputFolder =>
    memoryFolder(name, { "model.safetensors": encodeSafetensors(tensors) });
  const f32 = (name: string, ...data: number[]) => ({
    ...{ name, dtype: "F32" as const, shape: [data.length], data: Float32Array.from(data) },
  });
  const text =
    "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]\n";
  const run = async (a: InputFolder, b: InputFolder, more = "") => {
    const out = memoryFolder("out");
    const result = await merge(
      request(text + more, { mode: "exact", chunkBytes: 16 }),
      around({ a, b }),
      out,
      plainContext(),
    );
    return { result, model: await openModel(out), out };
  };

  test("bf16 and f16 are rounded to nearest even", async () => {
    const x = Float32Array.of(
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      1 + 2 ** -11,
      3e-6,
      -65519,
      1 + 2 ** -8 + 2 ** -20,
    );
    const one = folder("a", [f32("x", ...x)]);
    for (const [dtype, kind] of [
      ["bfloat16", "bf16"],
      ["float16", "f16"],
    ] as const) {
      const { model } = await run(one, one, `out_dtype: ${dtype}\n`);
      expect((await model.read("x", 0, 6)).data).toEqual(encodeHalf(x, kind));
    }
  });

  test("NaN and infinities are counted and located, also those that the type makes", async () => {
    const values = [1, 2, 3, 4, 5, Number.NaN, Number.POSITIVE_INFINITY, 70000];
    const one = folder("a", [f32("w", 1, 2), f32("x", ...values)]);
    const { result } = await run(one, one, "out_dtype: float16\n");
    expect(result.nonFinite).toEqual([{ tensor: "x", nan: 1, infinite: 2, first: 5 }]);
  });

  test("tables of whole numbers are copied, with the bits of the first model", async () => {
    const ids = {
      name: "position_ids",
      dtype: "I64" as const,
      shape: [9],
      data: BigInt64Array.from([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 2n ** 60n]),
    };
    const { model } = await run(folder("a", [ids, f32("x", 1)]), folder("b", [f32("x", 2)]));
    expect((await model.read("position_ids", 0, 9)).data).toEqual(ids.data);
  });

  const language = (name: string, isTied: boolean, head: number[] | undefined, rows = 2): InputFolder => {
    const sides = { dtype: "F32" as const, shape: [rows, 1] };
    const values = { data: Float32Array.from({ length: rows }, (_, i) => i + 1) };
    const tensors = [{ name: "model.embed_tokens.weight", ...sides, ...values }];
    if (head) tensors.push({ name: "lm_head.weight", ...sides, data: Float32Array.from(head) });
    return memoryFolder(name, {
      "model.safetensors": encodeSafetensors(tensors),
      "config.json": new TextEncoder().encode(
        JSON.stringify({ tie_word_embeddings: isTied, vocab_size: rows }),
      ),
    });
  };

  test("where one model has a head of its own the embedding of the other counts as its head", async () => {
    const { model } = await run(language("a", true, undefined), language("b", false, [10, 20]));
    expect((await model.read("lm_head.weight", 0, 2)).data).toEqual(Float32Array.of(5.5, 11));
    expect(model.config.isTied).toBe(false);
  });

  test("tied heads stay tied, stored or not", async () => {
    const { model } = await run(language("a", true, [7, 7]), language("b", true, undefined));
    expect([...model.tensors.keys()]).toEqual(["model.embed_tokens.weight"]);
    expect(model.config.isTied).toBe(true);
  });

  test("embeddings of different length are cut when that is asked for", async () => {
    const out = memoryFolder("out");
    const folders = { a: language("a", true, undefined, 3), b: language("b", true, undefined) };
    const { notes } = await merge(
      request(text, { mode: "exact", truncateVocabulary: true }),
      around(folders),
      out,
      plainContext(),
    );
    const model = await openModel(out);
    expect((await model.read("model.embed_tokens.weight", 0, 2)).data).toEqual(Float32Array.of(1, 2));
    expect(model.config.vocabulary).toBe(2);
    expect(notes[0]).toContain("is cut to 2 rows");
  });

  test("an output in several files has an index, and config.json says what changed", async () => {
    const out = memoryFolder("out");
    const recipe = `${goldenRecipe("passthrough-slices").replace("[0, 2]", "[0, 1]")}out_dtype: bfloat16\n`;
    await merge(request(recipe, { shardBytes: 10_000 }), around(), out, plainContext());
    const model = await openModel(out);
    expect(model.shards.length).toBeGreaterThan(3);
    expect(model.config.json).toMatchObject({ num_hidden_layers: 2, torch_dtype: "bfloat16" });
    expect(new TextDecoder().decode(out.files.get("README.md"))).toContain(recipe.trim());
  });
});

describe("preflight", () => {
  test("tells what would be read, written and held", async () => {
    const report = await preflight(
      request(goldenRecipe("tokenizer-tokens"), { chunkBytes: 1 << 24 }),
      around(),
    );
    expect(report).toMatchObject({
      faults: [],
      method: { id: "linear" },
      output: { layers: 2, vocabulary: 96, isTied: false },
    });
    const out = memoryFolder("out");
    const { bytes, rates } = await merge(
      request(goldenRecipe("linear"), { chunkBytes: 1 << 24 }),
      around(),
      out,
      plainContext(),
    );
    const plain = await preflight(request(goldenRecipe("linear"), { chunkBytes: 1 << 24 }), around());
    expect(plain.bytesToWrite).toBe(bytes);
    expect(plain.bytesToRead).toBe(rates.bytesRead);
    expect(plain.output.shards[0].bytes).toBe(out.files.get("model.safetensors")!.length);
  });

  test("counts the passes over tensors that are larger than a chunk", async () => {
    const text = goldenRecipe("slerp");
    const { bytesToRead, stages } = await preflight(request(text, { chunkBytes: 256 }), around());
    const { rates } = await merge(
      request(text, { chunkBytes: 256 }),
      around(),
      memoryFolder("out"),
      plainContext(),
    );
    expect(stages[0].passes).toBeGreaterThan(1);
    expect(rates.bytesRead).toBe(bytesToRead);
  });

  test("lists every fault at once", async () => {
    const text =
      "merge_method: linear\nmodels: [{model: tbase}, {model: tmath}, {model: qbase}]\nparameters: {wieght: 1}\n";
    const { faults, notes } = await preflight(request(text.replace(", {model: qbase}", "")), around());
    expect(faults).toEqual([
      "model.embed_tokens.weight has different numbers of tokens: [64, 32] in tbase, [72, 32] in tmath; say in the recipe how to align them, for example tokenizer: {source: base}",
      "linear needs the parameter weight of tbase: recipe.yaml:1:15",
      "linear needs the parameter weight of tmath: recipe.yaml:1:15",
      "lm_head.weight has different numbers of tokens: [64, 32] in tbase, [72, 32] in tmath; say in the recipe how to align them, for example tokenizer: {source: base}",
    ]);
    expect(notes).toContain("linear has no parameter wieght; it takes weight, normalize");
    await expect(preflight(request(text), around())).rejects.toThrow(
      "A slice needs as many layers of each model, got 2 of tbase, 2 of tmath, 3 of qbase: recipe.yaml:1:1",
    );
    await expect(
      preflight(request("merge_method: slurp\nmodels: [{model: base}]\n"), around()),
    ).rejects.toThrow(/There is no merge method “slurp”.*recipe.yaml:1:1/);
  });
});
