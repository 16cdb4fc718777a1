// Finding q, k and v by name, the grid, and what is said of inputs that do not fit.
import { describe, expect, test } from "vitest";
import type { TesseraError } from "../../base/errors";
import { defaults } from "../../base/params";
import { encodeSafetensors } from "../../formats/safetensors";
import { type ByteSource, bytesSource } from "../../formats/source";
import type { FileDType } from "../../formats/tensor-data";
import { fromFile, openInput, synthFile, synthInput } from "./engine/input";
import { DEFAULT_PATTERNS, matchNames } from "./engine/names";
import { inspect, planTriple, resolveGrid } from "./engine/plan";
import { synthGrid } from "./engine/synth";
import { params, type Settings, synthParams } from "./protocol-params";

const entry = (name: string, shape: readonly number[] = [2, 64, 16], dtype: FileDType = "F32") => ({
  name,
  dtype,
  shape,
  bytes: shape.reduce((a, b) => a * b, 4),
});
const triple = (name: (role: string) => string) => ["q", "k", "v"].map((role) => entry(name(role)));
const form = { frames: 0, height: 0, width: 0, textTokens: -1 };

describe("names", () => {
  test.each([
    ["{role}", triple((r) => r), ["attention"]],
    ["{role}", ["query", "key", "value"].map((n) => entry(n)), ["attention"]],
    ["{any}.{role}", ["queries", "keys", "values"].map((n) => entry(`attn.${n}`)), ["attn"]],
    [
      "layers.{layer}.{role}",
      [0, 10, 2].flatMap((l) => triple((r) => `layers.${l}.${r}`)),
      ["layer 0", "layer 2", "layer 10"],
    ],
    ["step{step}.layer{layer}.{role}", triple((r) => `step3.layer1.${r}`), ["step 3 layer 1"]],
    [
      "{any}.{layer}.{any}.{role}_proj",
      triple((r) => `model.layers.7.self_attn.${r}_proj`),
      ["layer 7 model.layers self_attn"],
    ],
    ["{any}.{role}_proj", triple((r) => `mid.attn.${r}_proj`), ["mid.attn"]],
    ["{any}.to_{role}", triple((r) => `block.to_${r}`), ["block"]],
  ])("%s is found by itself", (pattern, entries, ids) => {
    const match = matchNames(entries, "");
    expect(DEFAULT_PATTERNS).toContain(match.pattern);
    expect(match.pattern).toBe(pattern);
    expect(match.triples.map((t) => t.id)).toEqual(ids);
  });
  test("a pattern of one's own, with the rest told why not", () => {
    const match = matchNames([...triple((r) => `t${r}_s4`), entry("mask")], "t{role}_s{step}");
    expect(match.triples[0]).toMatchObject({ id: "step 4", step: 4, layer: null });
    expect(match.uses.at(-1)?.why).toBe("its name does not match t{role}_s{step}");
  });
  test("batch and heads", () => {
    const match = matchNames(
      ["q", "k", "v"].map((n) => entry(n, [3, 2, 64, 16])),
      "",
    );
    expect(match.triples[0]).toMatchObject({ batch: 3, heads: 6, length: 64, dim: 16 });
  });
  test.each([
    [
      "q, k and v must have one shape, but q is [2, 64, 16], k is [2, 77, 16], v is [2, 64, 16]",
      [entry("q"), entry("k", [2, 77, 16]), entry("v")],
    ],
    ["v is missing beside q, k", [entry("q"), entry("k")]],
    [
      "k holds I32; F32, F16, BF16 or F64 is needed",
      [entry("q"), entry("k", [2, 64, 16], "I32"), entry("v")],
    ],
    [
      "q is [64, 16]; [H, L, D] or [B, H, L, D] is needed (split merged heads before saving)",
      ["q", "k", "v"].map((n) => entry(n, [64, 16])),
    ],
    ["q is [2, 0, 16], which holds nothing", ["q", "k", "v"].map((n) => entry(n, [2, 0, 16]))],
    [
      "q has a head width of 6; a multiple of 4 up to 256 is needed",
      ["q", "k", "v"].map((n) => entry(n, [2, 64, 6])),
    ],
  ])("refused: %s", (why, entries) => {
    expect(() => matchNames(entries, "")).toThrow(`No usable q, k, v: ${why}.`);
  });
  test("a refusal brings the table of tensors, each with its reason", () => {
    let fields: unknown;
    try {
      matchNames([entry("x.q"), entry("x.k"), entry("mask", [3, 3])], "");
    } catch (error) {
      fields = (error as TesseraError).fields;
    }
    expect(fields).toMatchObject({
      tensors: [
        { name: "x.q", dtype: "F32", shape: [2, 64, 16], why: "v is missing beside x.q, x.k" },
        { name: "x.k", why: "v is missing beside x.q, x.k" },
        { name: "mask", use: null, why: "its name does not match {any}.{role}" },
      ],
    });
  });
  test("nothing alike lists what there is", () => {
    expect(() => matchNames([entry("weight", [3, 3])], "")).toThrow("Tensors found: weight F32[3, 3]");
    expect(() => matchNames([entry("q")], "layer{layer}")).toThrow(
      'A naming pattern holds {role} exactly once, e.g. layers.{layer}.{role}; got "layer{layer}"',
    );
  });
});

describe("grid", () => {
  test("metadata, form over metadata, none", () => {
    expect(resolveGrid({ f: "2", h: "4", w: "7", t: "8" }, form, 64)).toMatchObject({
      frames: 2,
      text: 8,
      known: true,
      from: "metadata",
    });
    expect(resolveGrid({ f: "2" }, { ...form, height: 4, width: 8 }, 64)).toMatchObject({
      text: 0,
      known: true,
      from: "form",
    });
    expect(resolveGrid({}, form, 64)).toMatchObject({
      frames: 64,
      height: 1,
      text: 0,
      known: false,
      from: "none",
    });
  });
  test("a product that does not fit is told with its arithmetic", () => {
    expect(() => resolveGrid({ f: "2", h: "4", w: "7", t: "9" }, form, 64)).toThrow(
      "f·h·w + t = 2·4·7 + 9 = 65, but the tensors have 64 tokens; correct f, h, w or t.",
    );
  });
  test("the generator's grid fills every length", () => {
    for (const [length, text] of [
      [64, 64],
      [200, 0],
      [1024, 64],
      [4096, 64],
      [131_072, 226],
    ]) {
      const grid = synthGrid(length, text);
      expect(grid.frames * grid.height * grid.width + grid.text).toBe(length);
      expect(grid.text).toBeGreaterThanOrEqual(length === 64 ? 63 : text);
    }
  });
});

describe("plan", () => {
  const settings: Settings = defaults(params);
  test("131,072 tokens of width 128 fit a binding of 128 MiB by sampling rows", () => {
    const data = synthInput({ ...defaults(synthParams), heads: 24, length: 131_072, dim: 128 });
    const cost = inspect(data.info, data.info.grid, settings, data.info.triples, {
      bindingLimit: 128 << 20,
      rate: 1e12,
    });
    expect(cost).toMatchObject({ rows: 4096, length: 131_072, fits: true, largestBuffer: 64 << 20 });
    expect(cost.sampling).toContain("4096 of 131072 query rows");
    // dense 4, search 2, sparse 4 times the kept share, per head M·L·D.
    const pairs = 24 * 4096 * 131_072 * 128;
    expect(cost.flops).toBeGreaterThan(6 * pairs);
    expect(cost.flops).toBeLessThan(7 * pairs);
    expect(cost.seconds).toBeCloseTo(cost.flops / 1e12, 9);
  });
  test("tiers under one third are refused before the run", () => {
    const [first] = synthInput(defaults(synthParams)).info.triples;
    const grid = synthGrid(4096, 64);
    expect(() => planTriple(first, grid, { ...settings, sparsity: 0.2 })).toThrow(
      "tiers: need a sparsity of at least 1/3, got 0.2",
    );
  });
});

describe("files", () => {
  const small = { ...defaults(synthParams), heads: 2, length: 128, dim: 16, text: 8, layers: 2, steps: 2 };
  const write = (settings = small) =>
    synthFile(
      settings,
      () => {},
      async () => {},
    );

  test.each([
    ["F32", 0],
    ["F16", 5e-4],
    ["BF16", 4e-3],
  ] as const)("a generated %s file reads back head by head", async (dtype, relative) => {
    const file = await openInput(bytesSource(await write({ ...small, dtype }), "qkv.safetensors"));
    const made = synthInput(small);
    expect(file.info.triples.map((t) => t.id)).toEqual(made.info.triples.map((t) => t.id));
    expect(file.info).toMatchObject({ synthetic: true, grid: { known: true, from: "metadata" } });
    for (const [i, t] of file.info.triples.entries()) {
      const [got, want] = [await file.head(t, 1), await made.head(made.info.triples[i], 1)];
      for (const role of ["q", "k", "v"] as const) {
        for (let n = 0; n < got[role].length; n++)
          expect(Math.abs(got[role][n] - want[role][n])).toBeLessThanOrEqual(
            relative * Math.abs(want[role][n]) + relative * 1e-3,
          );
      }
    }
  });
  test("the same settings give the same bytes", async () => {
    expect(await write()).toEqual(await write());
  });
  test("a value that is not finite is named with its place", async () => {
    const data = new Float32Array(2 * 4 * 8);
    data[32 + 2 * 8 + 5] = Number.NaN;
    const bytes = encodeSafetensors(
      ["q", "k", "v"].map((name) => ({ name, dtype: "F32" as const, shape: [2, 4, 8], data })),
    );
    const file = await openInput(bytesSource(bytes, "bad.safetensors"));
    await file.head(file.info.triples[0], 0);
    await expect(file.head(file.info.triples[0], 1)).rejects.toThrow(
      "q holds NaN at head 1, token 2, element 5",
    );
  });
  test("of a 20 GB file only the header and the head in hand are read", async () => {
    // 70 layers of [24, 32768, 64] in BF16, at odd positions: a one-byte tensor stands first.
    const shape = [24, 32_768, 64];
    const bytes = shape.reduce((a, b) => a * b, 2);
    const header: Record<string, object> = { note: { dtype: "U8", shape: [1], data_offsets: [0, 1] } };
    let end = 1;
    for (let layer = 0; layer < 70; layer++)
      for (const role of ["q", "k", "v"]) {
        header[`layer${layer}.${role}`] = { dtype: "BF16", shape, data_offsets: [end, end + bytes] };
        end += bytes;
      }
    const json = new TextEncoder().encode(JSON.stringify(header));
    const size = 8 + json.length + end;
    expect(size).toBeGreaterThan(20e9);
    let read = 0;
    const sparse: ByteSource = {
      name: "big.safetensors",
      size,
      async read(start, to) {
        read += to - start;
        const out = new Uint8Array(to - start); // zeros, as the file system gives for a hole
        if (start === 0) new DataView(out.buffer).setUint32(0, json.length, true);
        if (start === 0 && to > 8) out.set(json.subarray(0, to - 8), 8);
        if (start === 8) out.set(json.subarray(0, to - 8));
        return out;
      },
    };
    const file = await openInput(sparse);
    expect(file.info.triples.length).toBe(70);
    expect(read).toBeLessThan(2 * json.length);
    read = 0;
    const { v } = await file.head(file.info.triples[69], 23);
    expect(v.length).toBe(32_768 * 64);
    expect(read).toBe(3 * 32_768 * 64 * 2);
  });
  test("what cannot be read by parts and is too large to keep is refused with the way out", async () => {
    const shape = [8, 1 << 20, 64];
    const entry = { dtype: "F32" as const, shape, bytes: shape.reduce((a, b) => a * b, 4) };
    const file = {
      kind: "npz" as const,
      name: "big.npz",
      metadata: {},
      entries: ["q", "k", "v"].map((name) => ({ ...entry, name })),
      read: () => Promise.reject(new Error("must not be read")),
    };
    const data = fromFile(file, 3 * entry.bytes, "");
    await expect(data.head(data.info.triples[0], 0)).rejects.toThrow(
      "q takes 2.0 GiB and must be read whole from an npz file; save it as safetensors, which is read head by head: big.npz",
    );
  });
});
