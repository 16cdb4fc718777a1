// The account of sampling runs, the grid of an ablation, and weights as files: arithmetic on made-up steps, no GPU.
import { describe, expect, test } from "vitest";
import { defaults } from "../../base/params";
import { bytesSource } from "../../formats/source";
import { initialValues } from "../../nn/init";
import { gridOf, gridPoints } from "./engine/video/ablate";
import { compareRuns, runTimes } from "./engine/video/compare";
import { makeGeometry, recallsOf, rowCounts } from "./engine/video/geometry";
import { rotarySplit } from "./engine/video/layers";
import { modelSpecs } from "./engine/video/model";
import { clipValues } from "./engine/video/render";
import { configOf } from "./engine/video/training";
import { encodeWeights, readWeights, type VideoWeights } from "./engine/video/weights";
import {
  clipParams,
  type LayerReport,
  SIZES,
  type SparseSettings,
  type StepReport,
  sparseParams,
  type VideoConfig,
} from "./protocol-video";
import { type AblationRow, clipsOf, encodeRows, parseRows, rowKey } from "./protocol-video-ablate";

const config: VideoConfig = { frames: 2, height: 8, width: 8, dim: 16, layers: 2, heads: 2 };

describe("account", () => {
  const layer = (ms: LayerReport["ms"], kept: number): LayerReport => ({
    ms,
    kept,
    uniformRecall: null,
    tiers: null,
    maskRecall: null,
    maskOverlap: null,
    recallGauge: null,
    truth: null,
  });
  const step = (
    number: number,
    output: StepReport["output"],
    search: StepReport["search"],
    ms: number,
    layers: LayerReport[],
  ) => ({ step: number, t: 0, output, search, ms, layers }) satisfies StepReport;
  const clip = new Float32Array(clipValues(config));
  const dense = [1, 2, 3, 4].map((n) =>
    step(n, "dense", "none", 100, [layer({ dense: 40 }, 1), layer({ dense: 40 }, 1)]),
  );
  const sparse = [
    step(1, "dense", "none", 100, [layer({ dense: 40 }, 1), layer({ dense: 40 }, 1)]),
    step(2, "dense", "two-pass", 142, [
      layer({ dense: 40, search: 20, select: 1 }, 1),
      layer({ dense: 40, search: 20, select: 1 }, 1),
    ]),
    step(3, "sparse", "none", 45, [layer({ sparse: 10 }, 0.2), layer({ sparse: 15 }, 0.3)]),
    step(4, "sparse", "cached", 87, [
      layer({ search: 20, select: 1, sparse: 10 }, 0.2),
      layer({ search: 20, select: 1, sparse: 15 }, 0.3),
    ]),
  ];

  test("times by phase, beside what counting says", () => {
    const { totalMs, phases } = runTimes(sparse, 40);
    expect(totalMs).toBe(374);
    const of = (phase: string) => phases.find((p) => p.phase === phase);
    expect(of("dense")).toEqual({
      phase: "dense",
      calls: 4,
      ms: 160,
      msPerCall: 40,
      share: 1,
      theoretical: 1,
    });
    expect(of("search")).toMatchObject({ calls: 4, ms: 80, share: 0.5, theoretical: 0.5 });
    expect(of("sparse")).toMatchObject({ calls: 4, ms: 50, share: 12.5 / 40, theoretical: 0.25 });
    expect(of("select")).toMatchObject({ ms: 4, share: null, theoretical: null });
    expect(of("rest")).toMatchObject({ calls: 4, ms: 80, theoretical: null });
  });

  test("speed-up, Amdahl's bound and the cost of searching", () => {
    const found = compareRuns({ clip, steps: dense }, { clip, steps: sparse }, config, "adaspa");
    expect(found.attentionShare).toBeCloseTo(0.8, 12);
    // Two dense, two half passes of search, twice a quarter: 3.5 of 4.
    expect(found.attentionWork).toBeCloseTo(3.5 / 4, 12);
    expect(found.speedup).toBeCloseTo(400 / 374, 12);
    expect(found.bound).toBeCloseTo(1 / (0.2 + 0.8 * 0.875), 12);
    expect(found.ofBound).toBeCloseTo(400 / 374 / (1 / 0.9), 12);
    expect(found.searchShare).toBeCloseTo(84 / 400, 12);
    expect(found.searchTheory).toBeCloseTo(0.8 / 4, 12);
    expect(found.kept).toBeCloseTo(0.25, 12);
    expect(found).toMatchObject({ meanPsnr: null, meanSsim: 1 });
    expect(
      compareRuns({ clip, steps: dense }, { clip, steps: sparse }, config, "window").attentionWork,
    ).toBeCloseTo(2.5 / 4, 12);
  });
});

describe("blocks", () => {
  const settings: SparseSettings = { ...defaults(sparseParams), block: "128" };

  test("the caption's block is kept by every row and keeps every block, also when it is not a whole block", () => {
    const geometry = makeGeometry(SIZES.XS, settings, 2);
    expect(geometry).toMatchObject({ heads: 8, batch: 2, length: 1088, blocks: 9 });
    expect(geometry.sample.tokens[8]).toBe(64);
    const counts = rowCounts(geometry, [0.5, 0, ...new Array(6).fill(0.9)]);
    expect(counts.slice(0, 9)).toEqual([...new Array(8).fill(4 + 1), 9]);
    expect(counts.slice(9, 18)).toEqual(new Array(9).fill(9));
    expect(counts.slice(18, 27)).toEqual([...new Array(8).fill(1 + 1), 9]);
    const without = makeGeometry(SIZES.XS, { ...settings, textSink: false }, 1);
    expect(rowCounts(without, [0.5, 0.5, 0.5, 0.5]).slice(0, 9)).toEqual(new Array(9).fill(5));
  });

  test("recall weighs rows by their tokens", () => {
    const geometry = makeGeometry({ ...SIZES.XS, heads: 1 }, settings, 1);
    const sums = Array.from({ length: 9 }, (_, r) => (r < 8 ? [64, 128] : [64, 64])).flat();
    expect(recallsOf(geometry, sums)).toEqual([(1024 * 0.5 + 64) / 1088]);
  });

  test("heads split their pairs about 1 : 1.5 : 1.5", () => {
    expect([32, 64, 8, 12, 16, 128].map(rotarySplit)).toEqual([
      [4, 6, 6],
      [8, 12, 12],
      [2, 1, 1],
      [2, 2, 2],
      [2, 3, 3],
      [16, 24, 24],
    ]);
  });
});

describe("ablation", () => {
  const lists = {
    sparsity: "0.8,0.9",
    block: "64",
    order: "raster",
    denseSteps: "10",
    searches: "10;10,30",
    rule: "adaspa,random",
    tiers: "true,false",
    lseReuse: "true,false",
    firstSearch: "two-pass",
    textSink: "true",
  };

  test("a grid is the product of its lists without points that are the same", () => {
    const points = gridPoints(gridOf(lists), 50);
    // One search: reuse means nothing. Random: tiers mean nothing. 2 sparsities x (2 + 4 adaspa, 1 + 2 random).
    expect(points).toHaveLength(2 * (2 + 4 + 1 + 2));
    expect(new Set(points.map((p) => JSON.stringify(p))).size).toBe(points.length);
    expect(points[0]).toMatchObject({
      sparsity: 0.8,
      searches: "10",
      rule: "adaspa",
      tiers: true,
      lseReuse: true,
    });
    expect(() => gridOf({ ...lists, block: "64,48" })).toThrow(
      'block: one of 32, 64, 128 is needed, got "48"',
    );
    expect(() => gridPoints(gridOf(lists), 20)).toThrow(/steps count from 1 to 20, got 30/);
  });

  test("a point is known by weights, settings and clips; a torn line is run again", () => {
    const clip = defaults(clipParams);
    const [first, second] = gridPoints(gridOf(lists), 50);
    const key = rowKey("0000abcd", first, clip, 4);
    expect(rowKey("0000abcd", { ...first }, { ...clip }, 4)).toBe(key);
    const others = [
      rowKey("1", first, clip, 4),
      rowKey("0000abcd", second, clip, 4),
      rowKey("0000abcd", first, { ...clip, steps: 20 }, 4),
      rowKey("0000abcd", first, { ...clip, prompt: "red circle stays" }, 4),
      rowKey("0000abcd", first, clip, 5),
    ];
    expect(new Set([key, ...others]).size).toBe(6);
    // Points of the same weights and clips can be compared.
    expect(clipsOf(key)).toEqual({ weights: "0000abcd", ...clip, clips: 4 });
    const groups = [key, ...others].map((one) => JSON.stringify(clipsOf(one)));
    expect(new Set(groups).size).toBe(5);
    expect(groups[2]).toBe(groups[0]);
    const row = { key, settings: first, psnr: 30, ssim: 0.9, denseMs: 2, sparseMs: 1 } as AblationRow;
    const file = new TextDecoder().decode(encodeRows([row]));
    expect(file.endsWith("\n")).toBe(true);
    expect(parseRows(file + file.slice(0, 20))).toEqual([row]);
    expect(parseRows("")).toEqual([]);
    // A file from elsewhere: other JSON, keys that say nothing, figures that are none.
    const odd = ["null", "3", "[]", `{"key":"x"}`, file.replace('"ssim":0.9', '"ssim":"a"')];
    expect(parseRows([...odd, JSON.stringify({ ...row, key: "{}" })].join("\n"))).toEqual([]);
  });
});

describe("weights", () => {
  const weights: Omit<VideoWeights, "id"> = {
    config,
    origin: { steps: 3, seed: 1, loss: 0.5, validationLoss: 0.6, settings: { batch: 2 } },
    values: new Map(
      Object.entries(modelSpecs(config)).map(([name, spec], i) => [
        name,
        { shape: spec.shape, data: initialValues({ kind: "normal", std: 1 }, spec.shape, 4, i) },
      ]),
    ),
  };

  test("F32 files give the same values, F16 files the nearest halves", async () => {
    const read = async (dtype: "F32" | "F16") => readWeights(bytesSource(encodeWeights(weights, dtype), "w"));
    const exact = await read("F32");
    expect({ ...exact, id: undefined }).toEqual({ ...weights, id: undefined });
    const half = await read("F16");
    expect(half.id).not.toBe(exact.id);
    for (const [name, { data }] of half.values) {
      const wanted = weights.values.get(name)!.data;
      for (let i = 0; i < data.length; i++) {
        expect(Math.abs(data[i] - wanted[i])).toBeLessThanOrEqual(Math.abs(wanted[i]) * 2 ** -11 + 2 ** -25);
      }
    }
    expect((await read("F16")).id).toBe(half.id);
  });

  test("other files and impossible sizes are refused in words", async () => {
    const { encodeSafetensors } = await import("../../formats/safetensors");
    const file = (metadata: Record<string, string>) =>
      bytesSource(encodeSafetensors([], metadata), "w.safetensors");
    await expect(readWeights(file({}))).rejects.toThrow(/the file says nothing; train some with/);
    const architecture = "tessera-video-transformer-1";
    await expect(readWeights(file({ architecture, config: "{" }))).rejects.toThrow(
      /no JSON object: w.safetensors/,
    );
    await expect(readWeights(file({ architecture, config: "null" }))).rejects.toThrow(/no JSON object/);
    await expect(readWeights(file({ architecture, config: "{}" }))).rejects.toThrow(
      /frames must be a whole number/,
    );
    const odd = JSON.stringify({ ...config, heads: 3 });
    await expect(readWeights(file({ architecture, config: odd }))).rejects.toThrow(/16 \/ 3/);
    expect(() => modelSpecs({ ...config, height: 10 })).toThrow("multiples of 4, got 10 and 8");
    expect(configOf({ size: "S", frames: 0, height: 0, width: 32, dim: 0, layers: 2, heads: 0 })).toEqual({
      ...SIZES.S,
      width: 32,
      layers: 2,
    });
  });
});
