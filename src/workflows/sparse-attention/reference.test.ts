// The CPU reference against NumPy in float64: outputs, LSE, masses, top-k, tiers, sparse outputs, recall.
import { describe, expect, test } from "vitest";
import { outputError } from "./engine/bound";
import { fromMask, headRecall, keepCount, rowRecalls, toMask, topk } from "./engine/lists";
import { attention, blockMass, type HeadArrays, lseRecalls, sparseAttention } from "./engine/reference";
import { assignTiers } from "./engine/tiers";
import { blockBoxes, gatherRows, sampleBlocks, scatterRows, textSink, tokenOrder } from "./engine/tokens";
import { type GoldenCase, goldenCases, goldenInputs, goldenTensors } from "./golden/load";
import type { Grid } from "./protocol";

const gridOf = ({ grid: [frames, height, width, text] }: GoldenCase): Grid => ({
  frames,
  height,
  width,
  text,
  known: true,
  from: "metadata",
});

function heads(item: GoldenCase): HeadArrays[] {
  const { q, k, v } = goldenInputs(item);
  const { length, dim } = item;
  return Array.from({ length: item.heads }, (_, h) => {
    const part = (a: Float32Array) => a.subarray(h * length * dim, (h + 1) * length * dim);
    return { q: part(q), k: part(k), v: part(v), rows: length, keys: length, dim, scale: 1 / Math.sqrt(dim) };
  });
}

/** Golden values are stored in f32: half a unit in the last place relative, and the same of 1 absolute. */
function expectClose(got: ArrayLike<number>, want: ArrayLike<number>): void {
  expect(got.length).toBe(want.length);
  let worst = 0;
  for (let i = 0; i < got.length; i++)
    worst = Math.max(worst, Math.abs(got[i] - want[i]) / (1 + Math.abs(want[i])));
  expect(worst).toBeLessThan(2 ** -23);
}

describe.each(Object.entries(goldenCases))("golden %s", (_, item) => {
  const golden = goldenTensors(item);
  const { length, dim, block: side } = item;
  const sample = sampleBlocks(length, side, Number.POSITIVE_INFINITY, 0);
  const nk = Math.ceil(length / side);
  const sink = textSink(gridOf(item), sample, nk, true);
  const keep = keepCount(item.sparsity, sink.keyFrom);
  const all = heads(item);
  const results = all.map((a) => {
    const dense = attention(a);
    const mass = blockMass(a, dense.lse, side);
    const lists = topk(mass, nk, nk, keep, sink);
    return { dense, mass, lists, sparse: sparseAttention(a, lists, side) };
  });
  const join = (parts: readonly Float64Array[]): number[] => parts.flatMap((p) => [...p]);
  const rows = [...golden.rows];
  const pick = (outs: readonly Float64Array[]): number[] =>
    outs.flatMap((o) => rows.flatMap((r) => [...o.subarray(r * dim, (r + 1) * dim)]));

  test("text begins and the budget is where NumPy has it", () => {
    expect(sink.keyFrom).toBe(item.firstText);
    expect(keep).toBe(item.keep);
  });
  test("dense outputs and LSE", () => {
    expectClose(pick(results.map((r) => r.dense.out)), golden.dense_out);
    expectClose(join(results.map((r) => r.dense.lse)), golden.lse);
  });
  test("block masses, and each row block sums to its tokens", () => {
    const mass = join(results.map((r) => r.mass));
    expectClose(mass, golden.block_mass);
    for (let i = 0; i < mass.length; i += nk) {
      const sum = mass.slice(i, i + nk).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(sample.tokens[(i / nk) % nk], 9);
    }
  });
  test("row-wise top-k with text sink is the same set", () => {
    expect(results.flatMap((r) => [...toMask(r.lists)])).toEqual([...golden.kept]);
  });
  test("sparse outputs and their LSE", () => {
    expectClose(pick(results.map((r) => r.sparse.out)), golden.sparse_out);
    expectClose(join(results.map((r) => r.sparse.lse)), golden.sparse_lse);
  });
  test("recall from masses, from LSEs, and the tiers it leads to", () => {
    const recalls = results.map((r) => headRecall(rowRecalls(r.mass, r.lists, sample.tokens), sample.tokens));
    for (const [h, r] of recalls.entries()) {
      expect(r).toBeCloseTo(item.recall[h], 12);
      const byLse = lseRecalls(results[h].sparse.lse, results[h].dense.lse);
      expect(byLse.reduce((a, b) => a + b, 0) / length).toBeCloseTo(r, 9);
    }
    const tiers = assignTiers(recalls, item.sparsity, item.tierThreshold);
    for (const [h, s] of tiers.sparsity.entries()) expect(s).toBeCloseTo(item.tierSparsity[h], 12);
    const tiered = results.flatMap((r, h) => [
      ...toMask(topk(r.mass, nk, nk, keepCount(tiers.sparsity[h], sink.keyFrom), sink)),
    ]);
    expect(tiered).toEqual([...golden.kept_tiers]);
  });
  test("output error stays under 2(1 - recall)·max|v| in every row", () => {
    for (const [h, r] of results.entries()) {
      const top = Math.max(...Array.from(all[h].v, Math.abs));
      const { use, max } = outputError(r.sparse.out, r.dense.out, lseRecalls(r.sparse.lse, r.dense.lse), top);
      expect(max).toBeGreaterThan(0);
      expect(use).toBeGreaterThan(0);
      expect(use).toBeLessThanOrEqual(1);
    }
  });
});

test("all blocks kept reproduces dense; lists and masks are the same thing", () => {
  const [a] = heads(goldenCases.tail);
  const lists = topk(new Float64Array(16), 4, 4, 4, { keyFrom: 4, rowIsText: new Uint8Array(4) });
  expect([...sparseAttention(a, lists, 64).out]).toEqual([...attention(a).out]);
  expect(fromMask(toMask(lists), 1, 4, 4)).toEqual(lists);
});

test("ties go to the lower index", () => {
  const lists = topk([1, 3, 3, 1, 3], 1, 5, 2, { keyFrom: 5, rowIsText: new Uint8Array(1) });
  expect([...lists.indices]).toEqual([1, 2]);
});

describe("tiers", () => {
  test("s = 0.8 gives 0.9, 0.8 and 0.7 with the mean unchanged", () => {
    const { sparsity, tier, n } = assignTiers([0.95, 0.5, 0.6, 0.7], 0.8);
    expect(n).toBe(1);
    expect(tier).toEqual([1, -1, 0, 0]);
    expect(sparsity.map((s) => s.toFixed(6))).toEqual(["0.900000", "0.700000", "0.800000", "0.800000"]);
  });
  test("n is clamped to half of the heads", () => {
    const { n, tier } = assignTiers([0.9, 0.91, 0.92, 0.93, 0.94], 0.8);
    expect(n).toBe(2);
    expect(tier).toEqual([-1, -1, 0, 1, 1]);
  });
  test("a sparsity under one third is refused", () => {
    expect(() => assignTiers([0.9, 0.9], 0.3)).toThrow(
      "Head-adaptive tiers need a sparsity of at least 1/3, got 0.3; raise it or turn tiers off.",
    );
  });
});

describe("token order", () => {
  const grid: Grid = { frames: 5, height: 9, width: 10, text: 7, known: true, from: "form" };
  test.each(["raster", "tile-1x8x8", "tile-4x4x4"] as const)(
    "%s is a permutation that can be undone",
    (kind) => {
      const order = tokenOrder(grid, 457, kind);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 457 }, (_, i) => i));
      const data = Float32Array.from({ length: 914 }, (_, i) => i);
      expect(scatterRows(gatherRows(data, 2, order), 2, order)).toEqual(data);
    },
  );
  test("a 4x4x4 tile holds 64 neighbours", () => {
    const order = tokenOrder({ ...grid, frames: 4, height: 8, width: 8, text: 0 }, 256, "tile-4x4x4");
    const tokens = [...order.subarray(0, 64)].map((i) => [
      Math.floor(i / 64),
      Math.floor((i % 64) / 8),
      i % 8,
    ]);
    for (const place of tokens) expect(Math.max(...place)).toBeLessThan(4);
  });
  test("blocks know their frames, rows and columns", () => {
    const boxes = (order: "raster" | "tile-4x4x4", side: number) => [
      ...blockBoxes(grid, tokenOrder(grid, 457, order), side),
    ];
    // Tokens 64 to 127 of 5 x 9 x 10: from (0, 6, 4) to (1, 3, 7), so all columns and rows.
    expect(boxes("raster", 64).slice(6, 12)).toEqual([0, 1, 0, 8, 0, 9]);
    // The second tile of four frames: columns 4 to 7.
    expect(boxes("tile-4x4x4", 64).slice(6, 12)).toEqual([0, 3, 0, 3, 4, 7]);
    // 450 video tokens: the last block of 32 holds two of them and then text, the last of 9 only text.
    expect(boxes("raster", 32).slice(-6)).toEqual([4, 4, 8, 8, 8, 9]);
    expect(blockBoxes(grid, tokenOrder(grid, 457, "raster"), 9).slice(-6)).toEqual(
      new Int32Array(6).fill(-1),
    );
  });
});

test("sampled row blocks are ascending, one per stretch, and repeat for a seed", () => {
  const a = sampleBlocks(1000, 64, 5, 3);
  expect(a).toEqual(sampleBlocks(1000, 64, 5, 3));
  expect(a.blocks.length).toBe(5);
  for (const [i, b] of a.blocks.entries()) {
    expect(b).toBeGreaterThanOrEqual(Math.floor((i * 16) / 5));
    expect(b).toBeLessThan(Math.floor(((i + 1) * 16) / 5));
  }
  expect(sampleBlocks(1000, 64, 99, 3).tokens.at(-1)).toBe(1000 - 15 * 64);
});
