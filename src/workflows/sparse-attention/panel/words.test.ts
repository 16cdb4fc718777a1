// Words and series of the panel: places of blocks, changed settings, grids, curves, bars, what can be exported.
import { describe, expect, test } from "vitest";
import type { Curve } from "../protocol";
import { STRATEGIES } from "../protocol-params";
import { whyNoMask } from "./exports";
import { figures, PAPER_ROWS } from "./paper";
import {
  curveSeries,
  errorDots,
  headGrid,
  readCurves,
  rowBoundaries,
  sparseAsSet,
  sparseLines,
  timeBars,
} from "./series";
import { NOTHING, summarise } from "./state";
import { blockMap, DEVICE, head, inputInfo, SETTINGS, time } from "./testing";
import { blockWords, cellWords, changedSettings, flopsWords, gridWords, placesOf, tierWords } from "./words";

describe("places", () => {
  test("a short last block ends with the sequence", () => {
    expect(placesOf(1, 64, 100)).toEqual([64, 99]);
  });
  test("a block tells its tokens, frames, rows and columns, and its text", () => {
    const map = blockMap(0, 0);
    expect(blockWords(1, map)).toBe("tokens 64–127: frame 1, rows 0–7, columns 0–7");
    expect(blockWords(3, map)).toBe("tokens 192–255: text tokens 0–63");
    // 2 frames of 8 x 8 and 128 of text, in blocks of 96: the second holds both.
    const mixed = { ...map, side: 96, grid: { ...map.grid, frames: 2, text: 128 }, boxes: map.boxes };
    expect(blockWords(1, mixed)).toBe("tokens 96–191: frame 1, rows 0–7, columns 0–7, text tokens 0–63");
    expect(blockWords(1, { ...map, order: "tile-4x4x4" })).toContain(
      "places 64–127 of the tile order: frame 1",
    );
    const line = { frames: 192, height: 1, width: 1, text: 64, known: false, from: "none" } as const;
    expect(blockWords(1, { ...map, grid: line })).toBe("tokens 64–127");
    expect(blockWords(3, { ...map, grid: line })).toBe("tokens 192–255: text tokens 0–63");
  });
  test("a cell tells both blocks, its mass as a share of the row, and whether it is kept", () => {
    const map = blockMap(0, 0, { rows: 2, rowBlocks: Uint32Array.of(0, 2) });
    expect(cellWords(map, { row: 1, col: 1, value: 16 })).toBe(
      [
        "Query block 2: tokens 128–191: frame 2, rows 0–7, columns 0–7",
        "Key block 1: tokens 64–127: frame 1, rows 0–7, columns 0–7",
        "Mass 16 of 64 (25.0 % of the row), kept",
      ].join("\n"),
    );
    expect(cellWords(map, { row: 1, col: 2, value: 0 })).toContain("(0.0 % of the row), skipped");
  });
  test("grids, tiers and operations", () => {
    expect(gridWords(inputInfo().grid)).toBe("3 frames × 8 × 8 + 64 text tokens, from the input");
    expect(gridWords({ ...inputInfo().grid, known: false, text: 0 })).toBe("no video grid known");
    expect([-1, 0, 1].map((t) => tierWords(t as -1 | 0 | 1))).toEqual(["skips less", "as set", "skips more"]);
    expect([12, 6.1e12, 1.5e3].map(flopsWords)).toEqual(["12 FLOP", "6.10 TFLOP", "1.50 kFLOP"]);
  });
  test("a change matters to what depends on it", () => {
    const now = { ...SETTINGS, sparsity: 0.5, strategy: "pooled" as const, seed: 4 };
    expect(changedSettings("analyse", SETTINGS, now)).toEqual([
      "Sparsity (share skipped)",
      "Selection rule",
      "seed",
    ]);
    expect(changedSettings("curves", SETTINGS, now)).toEqual(["seed"]);
    expect(changedSettings("measure", SETTINGS, now)).toEqual(["Sparsity (share skipped)", "seed"]);
    expect(changedSettings("analyse", SETTINGS, { ...SETTINGS, pattern: "x" })).toEqual([]);
  });
});

describe("heads", () => {
  test("the grid has a place for what is not done", () => {
    const expected = [
      { id: "layer 0", heads: 2 },
      { id: "layer 1", heads: 3 },
    ];
    const grid = headGrid([head(0, 1, { recall: 0.5 })], "recall", expected);
    expect(grid).toMatchObject({ triples: ["layer 0", "layer 1"], heads: 3 });
    expect([...grid.data]).toEqual([Number.NaN, 0.5, Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    expect(headGrid([], "tier")).toMatchObject({ triples: [], heads: 0 });
    expect([...headGrid([head(0, 0, { outputError: null })], "outputError").data]).toEqual([Number.NaN]);
  });
  test("means print both shares; an error that one head lacks is not averaged", () => {
    const two = [head(0, 0, { kept: 0.2 }), head(0, 1, { kept: 0.4, outputError: 0.3 })];
    const means = summarise(two);
    expect(means?.kept).toBeCloseTo(0.3, 12);
    expect(means?.skipped).toBeCloseTo(0.7, 12);
    expect(means?.outputError).toBeCloseTo(0.2, 12);
    expect(summarise([...two, head(0, 2, { outputError: null })])?.outputError).toBeNull();
    expect(summarise([])).toBeUndefined();
  });
  test("error dots stand at the mass lost", () => {
    const { relative, largest } = errorDots([
      head(0, 0, { recall: 0.75 }),
      head(0, 1, { outputError: null }),
    ]);
    expect(relative[0]).toMatchObject({ x: [0.25], y: [0.1], line: false });
    expect(largest.map((s) => [...(s.y as number[])])).toEqual([[0.2], [0.8]]);
    expect(errorDots([head(0, 0, { outputError: null })])).toEqual({ relative: [], largest: [] });
  });
  test("boundaries among sampled rows: the first row at or behind each, the last of several", () => {
    const map = blockMap(0, 0);
    expect(rowBoundaries(map)).toBe(map.boundaries);
    const sampled = { ...map, rows: 2, rowBlocks: Uint32Array.of(0, 2) };
    expect(rowBoundaries(sampled)).toEqual([{ at: 1, label: "frame 2" }]);
  });
});

describe("curves", () => {
  const curve = (h: number, strategy: Curve["strategy"], recall: number[], side = 64, note = ""): Curve => ({
    triple: "layer 0",
    head: h,
    strategy,
    side,
    skipped: [0.5, 0.78],
    recall,
    note,
  });
  const colours = STRATEGIES.map((s) => s);
  test("the mean over heads, one line per rule, in the order of the rules", () => {
    const all = [
      curve(0, "random", [0.4, 0.2]),
      curve(0, "adaspa", [1, 0.8]),
      curve(1, "adaspa", [0.9, 0.6]),
    ];
    const lines = curveSeries(all, "mean", colours);
    expect(lines.map((l) => [l.name, l.colour])).toEqual([
      ["Exact block mass", "adaspa"],
      ["Random", "random"],
    ]);
    expect(lines[0].y).toEqual([0.95, 0.7]);
    expect(curveSeries(all, 1, colours)).toMatchObject([{ name: "Exact block mass", y: [0.9, 0.6] }]);
  });
  test("sides have names and dashes of their own", () => {
    const all = [32, 64, 128].map((side) => curve(0, "adaspa", [1, 1], side));
    const lines = curveSeries(all, "mean", colours);
    expect(lines.map((l) => l.name)).toEqual([
      "Exact block mass, 32",
      "Exact block mass, 64",
      "Exact block mass, 128",
    ]);
    expect(new Set(lines.map((l) => JSON.stringify(l.dash))).size).toBe(3);
  });
  test("readings are taken at the nearest sparsity drawn, best first, with what the rule did", () => {
    const all = [
      curve(0, "random", [0.4, 0.2]),
      curve(0, "template", [1, 0.5], 64, "spatial template"),
      curve(1, "template", [0.9, 0.7], 64, "temporal template"),
    ];
    const drawn = { curves: all, curvesAt: [0.5, 0.8] };
    expect(readCurves(drawn, "mean", 0.85)).toEqual([
      expect.objectContaining({
        strategy: "template",
        heads: 2,
        note: "spatial template; temporal template",
      }),
      expect.objectContaining({ strategy: "random", recall: 0.2, skipped: 0.78 }),
    ]);
    expect(readCurves(drawn, "mean", 0.8)[0].recall).toBeCloseTo(0.6, 12);
    expect(readCurves(drawn, "mean", 0.6)[1].recall).toBe(0.4);
    expect(readCurves({ curves: [], curvesAt: [] }, "mean", 0.6)).toEqual([]);
  });
});

describe("times", () => {
  const times = [
    time("dense", null, 10, 1),
    time("search", null, 6, 0.5),
    time("sparse", 0.5, 8, 0.5),
    time("select", 0.75, 1, 0),
    time("sparse", 0.75, 4, 0.25),
  ];
  test("the sparse row as set is the one of the selection", () => {
    expect(sparseAsSet(times)?.ms).toBe(4);
    expect(sparseAsSet(times.slice(0, 3))).toBeUndefined();
  });
  test("bars: measured beside the share of dense by counting", () => {
    const { categories, series } = timeBars(times);
    expect(categories).toEqual(["Dense", "Search (masses)", "Select", "Sparse"]);
    expect(series.map((s) => s.values)).toEqual([
      [10, 6, 1, 4],
      [10, 5, 0, 2.5],
    ]);
  });
  test("lines ascend by the share skipped; without dense there are none", () => {
    const [measured, counted] = sparseLines([...times].reverse());
    expect([measured.x, measured.y, counted.y]).toEqual([
      [0.5, 0.75],
      [8, 4],
      [5, 2.5],
    ]);
    expect(sparseLines(times.slice(1))).toEqual([]);
  });
});

describe("the paper", () => {
  test("what was measured stands beside what the paper prints, and nothing before that", () => {
    expect(figures(NOTHING)).toEqual([]);
    const curve = (strategy: "adaspa" | "oracle", recall: number): Curve => ({
      ...{ triple: "layer 0", head: 0, strategy, side: 32, note: "" },
      skipped: [0.5, 0.88],
      recall: [1, recall],
    });
    const state = {
      ...NOTHING,
      ran: { analyse: SETTINGS },
      heads: [head(0, 0), head(0, 1, { recall: 0.7 })],
      curves: [curve("adaspa", 0.5), curve("oracle", 0.6)],
      curvesAt: [0.5, 0.9],
      measurement: {
        ...{
          triple: "layer 0",
          heads: 2,
          rows: 256,
          length: 256,
          dim: 16,
          side: 64,
          slower: false,
          verdict: "",
        },
        ...{ breakEven: 0.5, breakEvenWithSearch: null, device: DEVICE },
        times: [time("dense", null, 10, 1), time("select", 0.75, 1, 0), time("sparse", 0.75, 4, 0.25)],
      },
    };
    expect(figures(state).map((f) => [f.here, f.paper])).toEqual([
      ["0.8; kept 25.0 %, skipped 75.0 %", "0.8; not printed"],
      ["80.0 %, 70.0 %", "not printed at 0.8"],
      ["0.100", "not printed; the whole video has PSNR 29.07"],
      ["0.50", "0.52, 0.90, 1.00 (three heads, side 32, sparsity 0.9)"],
      ["0.60", "0.54, 0.93, 1.00 (three heads, side 32, sparsity 0.9)"],
      ["2.50× on test adapter (software)", "not printed; the whole generation 1.78×"],
    ]);
  });
  test("the table is the paper's: speed-ups follow from its own seconds", () => {
    for (const model of new Set(PAPER_ROWS.map((r) => r.model))) {
      const own = PAPER_ROWS.filter((r) => r.model === model);
      for (const r of own)
        expect(Math.abs(own[0].seconds / r.seconds - r.speedup)).toBeLessThanOrEqual(0.0051);
    }
    expect(PAPER_ROWS.find((r) => r.method === "AdaSpa")).toMatchObject({ psnr: 29.07, speedup: 1.78 });
  });
});

test("masks need all heads of the layer, all rows, and a run of this session", () => {
  const state = { ...NOTHING, input: { state: "ready" as const, value: inputInfo() } };
  expect(whyNoMask(state)).toBe("Run the analysis first");
  expect(whyNoMask({ ...state, heads: [head(0, 0)] })).toBe(
    "A mask needs all 2 heads of layer 0, 1 are done",
  );
  const heads = [head(0, 0), head(0, 1)];
  expect(whyNoMask({ ...state, heads })).toBeUndefined();
  expect(whyNoMask({ ...state, heads: heads.map((h) => ({ ...h, rows: 64 })) })).toBe(
    "Rows were sampled: set sampled rows to 256 and run again",
  );
  const saved = { id: "a", name: "b", state: "done" };
  expect(whyNoMask({ ...state, heads, saved })).toBe("Not kept with a stored run: run it again");
});
