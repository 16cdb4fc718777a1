// The shell's logic without a page: addresses, registry, keys, device words, and what comparing runs shows.
import { describe, expect, test } from "vitest";
import { choice, int } from "../base/params";
import type { RunRecord } from "../runs/record";
import type { MetricRow } from "../runs/store";
import type { Workflow } from "../workflows/define";
import { adapterStatus, gateStatus } from "./device-gate";
import { buildRegistry } from "./registry";
import { parseRoute, workflowHash } from "./router";
import { canResume, diffRows, overlay, paramWords, runHash, summaryWords } from "./runs-page/compare";
import { mosaicTiles } from "./shell/Logo";
import { readKey } from "./shell/shortcuts";
import { keepOthers, readQuery } from "./workflow-page/query";

const spec = {
  heads: int(8, { min: 1, max: 64, help: "h" }),
  block: choice("64", ["32", "64", "128"], { help: "h" }),
};

describe("addresses", () => {
  test.each([
    ["", "gallery"],
    ["#/", "gallery"],
    ["#/runs", "runs"],
    ["#/gpu?x=1", "gpu"],
    ["#/about/", "about"],
    ["#/nothing", "unknown"],
    ["#/toString", "unknown"],
    ["#/w", "unknown"],
    ["#/w/a/b", "unknown"],
    ["#/w/%E0%A4%A", "unknown"],
  ])("%s is %s", (hash, page) => expect(parseRoute(hash).page).toBe(page));
  test("a workflow's address holds its id and query, both ways", () => {
    const hash = workflowHash("a b", new URLSearchParams({ heads: "12", text: "x?y&z" }));
    const route = parseRoute(hash);
    expect([route.page, route.id]).toEqual(["workflow", "a b"]);
    expect(Object.fromEntries(route.query)).toEqual({ heads: "12", text: "x?y&z" });
    expect(workflowHash("a")).toBe("#/w/a");
  });
  test("broken and unknown entries become problems, the rest is used", () => {
    const { values, problems } = readQuery(
      spec,
      new URLSearchParams("heads=12&block=17&colour=red&resume=r1"),
    );
    expect(values).toEqual({ heads: 12, block: "64" });
    expect(problems).toEqual(['block: one of 32, 64, 128 is needed, got "17"', "colour: no such parameter"]);
  });
  test("writing parameters keeps what is not a parameter", () => {
    const query = keepOthers(spec, { heads: 9, block: "64" }, "#/w/x?heads=3&resume=r1&colour=red");
    expect(query.toString()).toBe("heads=9&resume=r1");
  });
});

describe("registry", () => {
  const workflow = (id: string): Workflow => ({ id }) as Workflow;
  test("sorted by folder", () => {
    const found = buildRegistry({
      "../workflows/b/index.ts": workflow("b"),
      "../workflows/a/index.ts": workflow("a"),
    });
    expect(found.map((w) => w.id)).toEqual(["a", "b"]);
  });
  test("an id that is not its folder's name, or is taken, is refused", () => {
    expect(() => buildRegistry({ "../workflows/a/index.ts": workflow("b") })).toThrow(
      'The id of a workflow must be its folder\'s name "a", got "b": ../workflows/a/index.ts.',
    );
    const twice = { "../one/a/index.ts": workflow("a"), "../two/a/index.ts": workflow("a") };
    expect(() => buildRegistry(twice)).toThrow(
      'Two workflows have the id "a": ../one/a/index.ts and ../two/a/index.ts.',
    );
  });
});

test("keys", () => {
  const key = (k: string, more = {}): Parameters<typeof readKey>[0] => ({
    key: k,
    hasMod: false,
    hasAlt: false,
    ...more,
  });
  expect(readKey(key("K", { hasMod: true }), false)).toBe("palette");
  expect(readKey(key("?"), false)).toBe("keys");
  expect(readKey(key("g"), false)).toBe("g");
  expect(readKey(key("g"), true)).toBe("gallery");
  expect(readKey(key("r"), true)).toBe("runs");
  expect(readKey(key("r"), false)).toBeUndefined();
  expect(readKey(key("toString"), true)).toBeUndefined();
  expect(readKey(key("g", { hasAlt: true }), false)).toBeUndefined();
});

test("the gate says what is missing and what to do", async () => {
  expect(gateStatus(true, true).state).toBe("unknown");
  expect(gateStatus(false, false).detail).toContain("https or localhost");
  expect(gateStatus(false, true).detail).toContain("Use Chrome or Edge");
  const answers = (adapter: object | null) => ({ requestAdapter: async () => adapter as GPUAdapter | null });
  expect(await adapterStatus(answers({}))).toBeUndefined();
  expect(await adapterStatus(answers(null))).toMatchObject({
    state: "missing",
    detail: expect.stringContaining("block list"),
  });
});

test("a mosaic is the same for the same text and stays in range", () => {
  expect(mosaicTiles("hello")).toEqual(mosaicTiles("hello"));
  expect(mosaicTiles("hello")).not.toEqual(mosaicTiles("hallo"));
  expect(mosaicTiles("x").every((v) => v >= 0 && v <= 1)).toBe(true);
});

describe("runs", () => {
  const record = (change: Partial<RunRecord>): RunRecord => ({
    version: 2,
    id: "r1",
    workflow: "w",
    name: "n",
    createdAt: 0,
    updatedAt: 0,
    state: "done",
    params: { heads: 12, block: "64" },
    adapter: "a",
    codeVersion: "1",
    summary: {},
    artefacts: [],
    metricNames: [],
    ...change,
  });
  test("differences come first; what a run lacks is null", () => {
    expect(
      diffRows([
        { a: 1, b: "x", c: [1, 2] },
        { a: 1, b: "y", c: [1, 2], d: true },
      ]),
    ).toEqual([
      { name: "b", values: ["x", "y"], differs: true },
      { name: "d", values: [null, true], differs: true },
      { name: "a", values: [1, 1], differs: false },
      { name: "c", values: ["[1,2]", "[1,2]"], differs: false },
    ]);
  });
  test("metrics are laid over each other by step, or by row", () => {
    const runs: { name: string; rows: MetricRow[] }[] = [
      { name: "n", rows: [{ step: 10, loss: 2 }, { step: 20 }, { step: 30, loss: null }] },
      { name: "n", rows: [{ loss: 5 }] },
      { name: "m", rows: [{ other: 1 }] },
    ];
    expect(overlay(runs, "loss")).toEqual([
      { name: "n", x: [10, 30], y: [2, null] },
      { name: "n (2)", x: [0], y: [5] },
    ]);
  });
  test("words for the list", () => {
    expect(paramWords({ heads: 8, block: "64" }, spec)).toBe("defaults");
    expect(paramWords({ heads: 12, block: "64" }, spec)).toBe("heads 12");
    expect(paramWords({ a: 1, b: 2, c: 3, d: 4 }, undefined)).toBe("a 1, b 2, c 3, 1 more");
    expect(summaryWords({ recall: 0.97342, method: "top-k" })).toBe("recall 0.973, method top-k");
  });
  test("an unfinished run is resumed, a finished one shown, one under way elsewhere left alone", () => {
    const artefacts = [{ name: "results.json", bytes: 2, type: "application/json" }];
    expect(runHash(record({ artefacts }), spec)).toBe("#/w/w?heads=12&resume=r1");
    expect(runHash(record({ artefacts, state: "running" }), spec)).toBe("#/w/w?heads=12");
    expect(runHash(record({ state: "interrupted" }), spec)).toBe("#/w/w?heads=12&resume=r1");
    expect(runHash(record({}), spec)).toBe("#/w/w?heads=12");
    expect(canResume("running")).toBe(false);
  });
});
