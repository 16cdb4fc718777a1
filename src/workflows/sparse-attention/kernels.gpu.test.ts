// The attention laboratory's kernels against float64 references and against each other, in both forms and element types.
import { afterAll, describe, expect, test } from "vitest";
import { f16ToF32, f32ToF16 } from "../../base/half";
import { Random } from "../../base/random";
import { openNodeGpu } from "../../cli/node-gpu";
import { openGpu } from "../../gpu/gpu";
import { attention } from "../../ops/attention";
import { scoped } from "../../tensor/scope";
import { type DType, type Tensor, upload } from "../../tensor/tensor";
import {
  blockMass,
  denseWithMass,
  fusedAttention,
  planBlocks,
  readLists,
  selectBlocks,
  sparseAttention,
  uploadLists,
} from "./engine/kernels";
import { allBlocks, type BlockLists, fromMask, noSink, topk } from "./engine/lists";
import * as reference from "./engine/reference";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => gpu.close());

const LABELS = ["attention", ...["mass", "sparse", "fused-mass"].map((n) => `sparse-attention/${n}`)];
const forms = gpu.has("subgroups") ? ["rows", "quad", "tiled"] : ["rows", "tiled"];
const types: DType[] = gpu.has("shader-f16") ? ["f32", "f16"] : ["f32"];

interface Case {
  heads: number;
  lq: number;
  lk: number;
  d: number;
  block: number;
}
const CASES: Case[] = [
  { heads: 2, lq: 200, lk: 200, d: 16, block: 32 },
  { heads: 1, lq: 130, lk: 198, d: 64, block: 64 },
  { heads: 1, lq: 140, lk: 261, d: 32, block: 128 },
];

/** Seeded q, k, v on the device and, per head, on the CPU as the device sees them. */
function inputs({ heads, lq, lk, d }: Case, dtype: DType) {
  const make = (n: number, stream: number, scale: number): Float64Array => {
    const random = new Random(20_260_102, stream);
    const round = dtype === "f16" ? (x: number) => f16ToF32(f32ToF16(x)) : Math.fround;
    return Float64Array.from({ length: heads * n * d }, () => round(random.normal() * scale));
  };
  const [q, k, v] = [make(lq, 1, 2), make(lk, 2, 1), make(lk, 3, 1)];
  const head = (h: number): reference.HeadArrays => ({
    q: q.subarray(h * lq * d, (h + 1) * lq * d),
    k: k.subarray(h * lk * d, (h + 1) * lk * d),
    v: v.subarray(h * lk * d, (h + 1) * lk * d),
    rows: lq,
    keys: lk,
    dim: d,
    scale: 1 / Math.sqrt(d),
  });
  const device = (x: Float64Array, n: number): Tensor => upload(gpu, x, [heads, n, d], dtype);
  return {
    q: device(q, lq),
    k: device(k, lk),
    v: device(v, lk),
    heads: Array.from({ length: heads }, (_, h) => head(h)),
  };
}

/** Largest difference over the largest magnitude. */
function difference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).toBe(expected.length);
  let top = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    top = Math.max(top, Math.abs(expected[i]));
    worst = Math.max(worst, Number.isNaN(got[i]) ? Number.POSITIVE_INFINITY : Math.abs(got[i] - expected[i]));
  }
  return worst / top;
}

const joined = (parts: readonly ArrayLike<number>[]): number[] => parts.flatMap((p) => Array.from(p));

/** Some blocks of every row: the diagonal and a pattern that differs from row to row, with unequal counts. */
function someBlocks(heads: number, rows: number, keys: number): BlockLists {
  const mask = Uint8Array.from({ length: heads * rows * keys }, (_, i) => {
    const [row, key] = [Math.floor(i / keys), i % keys];
    return key === row % keys || (row * 7 + key * 3) % 4 === 0 ? 1 : 0;
  });
  return fromMask(mask, heads, rows, keys);
}

const oneHead = (lists: BlockLists, h: number): BlockLists => {
  const offsets = lists.offsets.slice(h * lists.rows, (h + 1) * lists.rows + 1);
  const indices = lists.indices.slice(offsets[0], offsets[lists.rows]);
  return { ...lists, heads: 1, offsets: offsets.map((o) => o - offsets[0]), indices };
};

async function withForm(form: string, body: () => Promise<void>): Promise<void> {
  for (const label of LABELS) gpu.tuner.force(label, form);
  try {
    await scoped(gpu, body);
  } finally {
    for (const label of LABELS) gpu.tuner.force(label, undefined);
  }
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
}

for (const dtype of types) {
  const close = dtype === "f16" ? 2e-3 : 1e-5;
  for (const form of forms) {
    for (const shape of CASES) {
      const { heads, lq, lk, block } = shape;
      const [rows, keys] = [lq, lk].map((n) => Math.ceil(n / block));
      const tokensOf = (row: number): number => Math.min(block, lq - (row % rows) * block);

      describe(`${dtype} ${form} ${lq}x${lk} block ${block}`, () => {
        test("sparse attention with every block is dense attention, and any list the masked reference", () =>
          withForm(form, async () => {
            const { q, k, v, heads: parts } = inputs(shape, dtype);
            const dense = attention(q, k, v);
            const all = uploadLists(gpu, allBlocks(heads, rows, keys));
            const full = sparseAttention(q, k, v, all.plan, all.list, { block });
            expect(difference(await full.o.readFloats(), await dense.o.readFloats())).toBeLessThan(close);
            expect(difference(await full.lse.readFloats(), await dense.lse.readFloats())).toBeLessThan(1e-5);

            const lists = someBlocks(heads, rows, keys);
            const some = uploadLists(gpu, lists);
            const sparse = sparseAttention(q, k, v, some.plan, some.list, { block });
            const expected = parts.map((a, h) => reference.sparseAttention(a, oneHead(lists, h), block));
            expect(difference(await sparse.o.readFloats(), joined(expected.map((e) => e.out)))).toBeLessThan(
              close,
            );
            expect(
              difference(await sparse.lse.readFloats(), joined(expected.map((e) => e.lse))),
            ).toBeLessThan(1e-5);
          }));

        test("masses are those of the reference and sum to the rows of each block", () =>
          withForm(form, async () => {
            const { q, k, v, heads: parts } = inputs(shape, dtype);
            const mass = await denseWithMass(q, k, v, { block }).mass.readFloats();
            const expected = joined(
              parts.map((a) => reference.blockMass(a, reference.attention(a).lse, block)),
            );
            expect(difference(mass, expected)).toBeLessThan(1e-5);
            for (let row = 0; row < heads * rows; row++) {
              const sum = mass.subarray(row * keys, (row + 1) * keys).reduce((a, b) => a + b, 0);
              expect(Math.abs(sum - tokensOf(row))).toBeLessThan(1e-3);
            }
          }));

        test("one fused pass gives what two give, and repairs row blocks whose cache is wrong", () =>
          withForm(form, async () => {
            const { q, k, v, heads: parts } = inputs(shape, dtype);
            const two = denseWithMass(q, k, v, { block });
            const fresh = await two.lse.readFloats();
            const drifted = fresh.map((x, i) => x + 1.3 * Math.sin(i));
            const wrong = [3, lq - 1];
            drifted[wrong[0]] = 1e4; // every weight underflows
            drifted[wrong[1]] -= 300; // every weight would overflow
            const fused = fusedAttention(q, k, v, upload(gpu, drifted, two.lse.shape), { block });
            const flags = wrong.map((row) => Math.floor(row / block));
            const redo = Array.from({ length: heads * rows }, (_, row) => (flags.includes(row) ? 1 : 0));
            expect(Array.from(await fused.redo.read())).toEqual(redo);
            expect(difference(await fused.o.readFloats(), await two.o.readFloats())).toBeLessThan(close);
            expect(difference(await fused.lse.readFloats(), fresh)).toBeLessThan(1e-5);

            const mass = await fused.mass.readFloats();
            const stale = joined(
              parts.map((a, h) => reference.blockMass(a, drifted.subarray(h * lq, (h + 1) * lq), block)),
            );
            const own = await two.mass.readFloats();
            for (let i = 0; i < mass.length; i++) {
              const want = redo[Math.floor(i / keys)] ? own[i] : stale[i];
              expect(Math.abs(mass[i] - want) / want).toBeLessThan(1e-4);
            }
          }));
      });
    }

    test(`${dtype} ${form}: search, selection and sparse attention in a chain keep what the plan says`, () =>
      withForm(form, async () => {
        const shape = CASES[0];
        const { q, k, v } = inputs(shape, dtype);
        const { block } = shape;
        const dense = denseWithMass(q, k, v, { block });
        const [heads, rows, keys] = dense.mass.shape;
        for (const keep of [2, keys]) {
          const plan = planBlocks(gpu, new Array(heads * rows).fill(keep), heads, rows, keys);
          const { list, kept } = selectBlocks(dense.mass, plan);
          const sparse = sparseAttention(q, k, v, plan, list, { block });
          const [sparseLse, denseLse] = [await sparse.lse.readFloats(), await dense.lse.readFloats()];
          // Recall from the difference of the two log-sum-exps is the kept mass (a row's mass is 1 in all).
          const recall = (row: number): number => {
            const at = Math.floor(row / rows) * shape.lq + (row % rows) * block;
            const count = Math.min(block, shape.lq - (row % rows) * block);
            return Array.from({ length: count }, (_, i) =>
              Math.exp(sparseLse[at + i] - denseLse[at + i]),
            ).reduce((a, b) => a + b, 0);
          };
          const sums = await kept.readFloats();
          for (let row = 0; row < heads * rows; row++)
            expect(Math.abs(recall(row) - sums[2 * row])).toBeLessThan(1e-3);
          if (keep === keys) {
            expect(difference(await sparse.o.readFloats(), await dense.o.readFloats())).toBeLessThan(
              dtype === "f16" ? 2e-3 : 1e-5,
            );
          }
        }
      }));
  }
}

describe("selection is the CPU's sort, exactly", () => {
  const scores = (n: number, ties: boolean): Float32Array => {
    const random = new Random(7, n);
    return Float32Array.from({ length: n }, () =>
      ties ? random.below(3) - 1 : Math.exp(3 * random.normal()),
    );
  };
  for (const [keys, sinkFrom] of [
    [1, 1],
    [7, 7],
    [64, 61],
    [65, 65],
    [300, 299],
    [2500, 2490],
  ]) {
    for (const ties of [false, true]) {
      test(`${keys} columns, sink from ${sinkFrom}${ties ? ", ties and negative scores" : ""}`, () =>
        withForm("group", async () => {
          const free = Array.from({ length: sinkFrom + 1 }, (_, i) => i);
          const budgets = keys <= 65 ? free : [0, 1, 2, 17, sinkFrom >> 1, sinkFrom - 1, sinkFrom];
          const rows = budgets.length;
          const values = scores(rows * keys, ties);
          const sink = { ...noSink(1, keys), keyFrom: sinkFrom };
          const expected = budgets.map((b, r) =>
            topk(values.subarray(r * keys, (r + 1) * keys), 1, keys, b, sink),
          );
          const plan = planBlocks(
            gpu,
            expected.map((e) => e.indices.length),
            1,
            rows,
            keys,
          );
          const { list, kept } = selectBlocks(upload(gpu, values, [1, rows, keys]), plan, sinkFrom);
          const got = await readLists(plan, list);
          expect(Array.from(got.indices)).toEqual(joined(expected.map((e) => e.indices)));
          const sums = await kept.readFloats();
          for (const [r, e] of expected.entries()) {
            const row = values.subarray(r * keys, (r + 1) * keys);
            const size = row.reduce((a, x) => a + Math.abs(x), 0);
            expect(Math.abs(sums[2 * r] - e.indices.reduce((a, j) => a + row[j], 0))).toBeLessThanOrEqual(
              1e-5 * size,
            );
            expect(Math.abs(sums[2 * r + 1] - row.reduce((a, x) => a + x, 0))).toBeLessThanOrEqual(
              1e-5 * size,
            );
          }
        }));
    }
  }
});

test("bad shapes and budgets are refused in words", () =>
  withForm("rows", async () => {
    const { q, k, v } = inputs(CASES[1], "f32");
    expect(() => blockMass(q, k, upload(gpu, [0], [1]), { block: 64 })).toThrow(
      "block mass: the cached lse must be f32[1, 130], got f32[1]",
    );
    expect(() => blockMass(q, k, q, { block: 40 })).toThrow(
      "the block side must be a multiple of 16 from 16 to 512, got 40",
    );
    expect(() => planBlocks(gpu, [5], 1, 1, 4)).toThrow("planBlocks: row 0 cannot keep 5 of 4 key blocks");
    const { plan, list } = uploadLists(gpu, allBlocks(1, 2, 2));
    expect(() => sparseAttention(q, k, v, plan, list, { block: 64 })).toThrow(
      "q and k have [1, 3, 4] heads, row blocks and key blocks, the plan is for [1, 2, 2]",
    );
  }));
