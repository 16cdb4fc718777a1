// The laboratory on a real adapter: goldens through the device path, a whole session, cancel, and a device lost mid-run.
import { afterAll, describe, expect, test } from "vitest";
import { defaults } from "../../base/params";
import { plainContext, type TaskContext } from "../../base/task";
import { openNodeGpu } from "../../cli/node-gpu";
import { openTensorFile } from "../../formats/open";
import { bytesSource } from "../../formats/source";
import { openGpu } from "../../gpu/gpu";
import { analyse } from "./engine/analysis";
import { type Head, prepareHead, searchHead, sparseHead } from "./engine/head";
import { synthInput } from "./engine/input";
import { keepCount, toMask } from "./engine/lists";
import { planTriple } from "./engine/plan";
import { attentionSession } from "./engine/session";
import { type GoldenCase, goldenCases, goldenInputs, goldenTensors } from "./golden/load";
import type { AttentionEvents, HeadResult, TripleInfo } from "./protocol";
import { params, type Settings, STRATEGIES, type SynthSettings, synthParams } from "./protocol-params";

const { gpu: source } = await openNodeGpu();
const gpu = await openGpu(source);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  gpu.close();
});

const signal = new AbortController().signal;
const settings: Settings = { ...defaults(params), block: "32", sparsity: 0.75 };
const small: SynthSettings = { ...defaults(synthParams), heads: 3, length: 512, dim: 32, text: 40 };

function context(parts: Partial<TaskContext> = {}): {
  context: TaskContext<AttentionEvents>;
  heads: HeadResult[];
} {
  const heads: HeadResult[] = [];
  const emit = (name: string, data: unknown): void => {
    if (name === "head") heads.push(data as HeadResult);
  };
  return { context: plainContext({ emit, ...parts }) as unknown as TaskContext<AttentionEvents>, heads };
}

/** Largest |got - want| relative to 1 + |want|. */
function difference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let worst = 0;
  for (let i = 0; i < got.length; i++)
    worst = Math.max(worst, Math.abs(got[i] - want[i]) / (1 + Math.abs(want[i])));
  return worst;
}

function goldenHeads(item: GoldenCase): Head[] {
  const { q, k, v } = goldenInputs(item);
  const [frames, height, width, text] = item.grid;
  const { heads, length, dim } = item;
  const triple: TripleInfo = {
    id: "golden",
    step: null,
    layer: null,
    names: { q: "q", k: "k", v: "v" },
    heads,
    batch: 1,
    length,
    dim,
    dtype: "F32",
  };
  const own = { ...settings, block: `${item.block}` as Settings["block"], sparsity: item.sparsity };
  const grid = { frames, height, width, text, known: true, from: "metadata" as const };
  const plan = planTriple(triple, grid, own);
  return Array.from({ length: heads }, (_, h) => {
    const part = (a: Float32Array): Float32Array<ArrayBuffer> =>
      a.slice(h * length * dim, (h + 1) * length * dim);
    return prepareHead({ q: part(q), k: part(k), v: part(v) }, dim, plan, grid, own);
  });
}

describe.each(Object.entries(goldenCases))("golden %s on the device", (_, item) => {
  const golden = goldenTensors(item);
  const { length, dim } = item;
  const perHead = (name: string, h: number) =>
    golden[name].slice((golden[name].length / item.heads) * h, (golden[name].length / item.heads) * (h + 1));
  const pick = (out: Float32Array) =>
    [...golden.rows].flatMap((r) => [...out.subarray(r * dim, (r + 1) * dim)]);

  test("dense, LSE, masses, selection and sparse agree with NumPy to 1e-5", async () => {
    for (const [h, head] of goldenHeads(item).entries()) {
      const found = await searchHead(gpu, head, "fused", null, { signal });
      expect(difference(pick(found.out), perHead("dense_out", h))).toBeLessThan(1e-5);
      expect(difference(found.lse, perHead("lse", h))).toBeLessThan(1e-5);
      expect(difference(found.mass, perHead("block_mass", h))).toBeLessThan(1e-4);
      expect(found.massError).toBeLessThan(1e-3);
      const sparse = await sparseHead(
        gpu,
        head,
        found.mass,
        keepCount(item.sparsity, head.plan.sink.keyFrom),
        true,
        { signal },
      );
      expect([...toMask(sparse.lists)]).toEqual([...perHead("kept", h)]);
      expect(difference(pick(sparse.out), perHead("sparse_out", h))).toBeLessThan(1e-5);
      expect(difference(sparse.lse, perHead("sparse_lse", h))).toBeLessThan(1e-5);
    }
    expect(gpu.pool.stats().liveBuffers).toBe(0);
  });

  test("the one-pass search on a stale LSE gives the same output and a fresh LSE", async () => {
    const [head] = goldenHeads(item);
    const stale = Float32Array.from(perHead("lse", 0), (x, i) => x + (i % 7) * 0.1 - 0.3);
    stale.fill(-40, 0, 3); // far off: the guard must redo this row block
    const found = await searchHead(gpu, head, "one-pass", stale, { signal });
    expect(found.redone).toBe(1);
    expect(difference(pick(found.out), perHead("dense_out", 0))).toBeLessThan(1e-5);
    for (let r = 0; r < head.plan.sample.tokens.length; r++) {
      const sum = found.mass
        .subarray(r * head.plan.keys, (r + 1) * head.plan.keys)
        .reduce((a, b) => a + b, 0);
      expect(Math.abs(sum - head.plan.sample.tokens[r])).toBeLessThan(0.02);
    }
    expect(length).toBe(head.plan.sample.rows.length);
  });
});

test("keeping every block reproduces dense attention", async () => {
  const { context: quiet } = context();
  const dataset = synthInput(small);
  const result = await analyse(gpu, dataset, { ...settings, sparsity: 0, tiers: false }, [], quiet, () => {});
  for (const head of result.heads) {
    expect(head.kept).toBe(1);
    expect(head.recall).toBeCloseTo(1, 4);
    expect(head.outputError).toBeLessThan(1e-5);
  }
});

describe("session", () => {
  const session = attentionSession(async () => source);
  afterAll(() => session.close({}, context().context));

  test("nothing to do is said in words", async () => {
    const { context: quiet } = context();
    await expect(session.analyse({ settings, triples: [] }, quiet)).rejects.toMatchObject({
      code: "no-input",
    });
    await session.load({ kind: "synth", settings: small }, quiet);
    await expect(session.map({ triple: "attention", head: 0 }, quiet)).rejects.toMatchObject({
      code: "no-result",
    });
  });

  test.each(["raster", "tile-4x4x4"] as const)(
    "analyse in %s order: recall two ways, bound, map, exports",
    async (order) => {
      const { context: watched, heads } = context();
      const info = await session.load({ kind: "synth", settings: small }, watched);
      expect(info.synthetic).toBe(true);
      const plan = await session.inspect({ settings, triples: [] }, watched);
      expect(plan).toMatchObject({ heads: 3, rows: 512, sampling: null });
      const result = await session.analyse({ settings: { ...settings, order }, triples: [] }, watched);
      expect(heads).toEqual(result.heads);
      for (const head of heads) {
        expect(head.kept + head.skipped).toBe(1);
        expect(head.lseRecall).toBeCloseTo(head.recall, 4);
        expect(head.massError).toBeLessThan(1e-3);
        expect(head.boundUse).toBeLessThanOrEqual(1.001);
        expect(head.outputError).toBeGreaterThan(0);
      }
      const map = await session.map({ triple: "attention", head: 1 }, watched);
      expect(map.kept.reduce((a, b) => a + b, 0) / map.kept.length).toBeCloseTo(heads[1].kept, 12);
      const results = await session.exportFile({ format: "results", triple: "attention" }, watched);
      const file = await openTensorFile(bytesSource(results.bytes, results.name));
      expect((await file.read("dense_out")).shape).toEqual([3, 512, 32]);
      const csv = new TextDecoder().decode(
        (await session.exportFile({ format: "csv", triple: "attention" }, watched)).bytes,
      );
      expect(csv.trim().split("\n").length).toBe(4);
      expect((await session.inspect({ settings, triples: [] }, watched)).seconds).toBeGreaterThan(0);
    },
  );

  test("recall with the LSE of another step is that of fresh masses, for a mask that does not depend on them", async () => {
    const { context: quiet } = context();
    await session.load({ kind: "synth", settings: { ...small, steps: 2 } }, quiet);
    const fixed: Settings = { ...settings, strategy: "random", tiers: false };
    const triples = ["step 1 layer 0"];
    const fresh = await session.analyse({ settings: fixed, triples }, quiet);
    for (const search of ["cached", "one-pass"] as const) {
      const stale = await session.analyse({ settings: { ...fixed, search }, triples }, quiet);
      for (const [i, head] of stale.heads.entries()) {
        expect(head.massError).toBeGreaterThan(1e-2);
        expect(head.recall).toBeCloseTo(fresh.heads[i].recall, 4);
      }
    }
  });

  test("token order does not change dense outputs", async () => {
    const { context: quiet } = context();
    await session.load({ kind: "synth", settings: small }, quiet);
    const outs = [];
    for (const order of ["raster", "tile-1x8x8"] as const) {
      await session.analyse({ settings: { ...settings, order }, triples: [] }, quiet);
      const { bytes } = await session.exportFile({ format: "results", triple: "attention" }, quiet);
      outs.push((await (await openTensorFile(bytesSource(bytes))).read("dense_out")).data as Float32Array);
    }
    expect(difference(outs[0], outs[1])).toBeLessThan(1e-5);
  });

  test("sampled rows give nearly the recall of all rows, and no mask export", async () => {
    const { context: quiet } = context();
    await session.load({ kind: "synth", settings: small }, quiet);
    const all = await session.analyse({ settings, triples: [] }, quiet);
    const some = await session.analyse({ settings: { ...settings, sampleRows: 256 }, triples: [] }, quiet);
    expect(some.rows).toBeGreaterThanOrEqual(224);
    expect(some.rows).toBeLessThan(512);
    expect(Math.abs(some.summary.recall - all.summary.recall)).toBeLessThan(0.15);
    await expect(
      session.exportFile({ format: "flex-attention", triple: "attention" }, quiet),
    ).rejects.toMatchObject({ code: "export" });
  });

  test("curves: exact mass is never beaten by a block rule, all reach 1 at sparsity 0, the oracle lies above", async () => {
    const { context: quiet } = context();
    await session.load({ kind: "synth", settings: { ...small, steps: 2 } }, quiet);
    const sparsities = [0, 0.5, 0.8];
    const request = {
      triple: "step 1 layer 0",
      heads: [0, 2],
      strategies: STRATEGIES,
      blocks: ["32"] as const,
      sparsities,
    };
    const { curves, left } = await session.curves({ settings, curves: request }, quiet);
    expect(left).toEqual([]);
    expect(curves.length).toBe(2 * STRATEGIES.length);
    for (const head of [0, 2]) {
      const of = (s: string) => curves.find((c) => c.head === head && c.strategy === s);
      const exact = of("adaspa")?.recall ?? [];
      for (const rule of STRATEGIES) {
        const recall = of(rule)?.recall ?? [];
        expect(recall[0]).toBeCloseTo(1, 4);
        for (const [i, r] of recall.entries()) {
          if (rule !== "oracle") expect(r).toBeLessThanOrEqual(exact[i] + 1e-5);
        }
      }
      expect(of("oracle")?.recall[2]).toBeGreaterThan(exact[2] - 0.05);
      expect(of("random")?.recall[2]).toBeLessThan(exact[2]);
    }
    expect(curves.find((c) => c.strategy === "stale-lse")?.note).toBe("LSE of another step");
  });

  test("measure: every kernel has a time, and the verdict names kept and skipped", async () => {
    const { context: quiet } = context();
    await session.load({ kind: "synth", settings: small }, quiet);
    const found = await session.measure(
      { settings, measure: { triple: "attention", heads: 0, sparsities: [0.5] } },
      quiet,
    );
    expect(found.times.map((t) => t.name)).toEqual([
      "dense",
      "search",
      "dense+mass",
      "sparse",
      "select",
      "sparse",
    ]);
    for (const row of found.times) expect(row.ms).toBeGreaterThan(0);
    expect(found.verdict).toMatch(/% of the blocks skipped \(\d+ % kept\)/);
    expect(found.slower).toBe(found.verdict.startsWith("Warning"));
  });

  test("cancel keeps the heads that are done", async () => {
    const stop = new AbortController();
    const seen: HeadResult[] = [];
    const { context: watched } = context({
      signal: stop.signal,
      emit: (name, data) => {
        if (name !== "head") return;
        seen.push(data as HeadResult);
        stop.abort();
      },
    });
    await session.load({ kind: "synth", settings: small }, watched);
    await expect(session.analyse({ settings, triples: [] }, watched)).rejects.toMatchObject({
      code: "cancelled",
      fields: { done: 1, total: 3 },
    });
    expect(seen.length).toBe(1);
    expect((await session.map({ triple: "attention", head: 0 }, watched)).mass.length).toBe(16 * 16);
  });
});

test("a device lost in mid-run ends the run with what is done, and frees nothing twice", async () => {
  const lost = await openGpu(source);
  const kept: number[] = [];
  const { context: watched } = context();
  const run = analyse(lost, synthInput(small), settings, [], watched, (r) => {
    kept.push(r.result.head);
    lost.close();
  });
  await expect(run).rejects.toMatchObject({ code: "device-lost", fields: { done: 1, total: 3 } });
  expect(kept).toEqual([0]);
});

test("memory exhausted in mid-run ends the run with what is done; the next one has the room again", async () => {
  const full = await openGpu(source);
  const pop = full.device.popErrorScope.bind(full.device);
  const { context: watched } = context();
  const kept: number[] = [];
  const run = analyse(full, synthInput(small), settings, [], watched, (r) => {
    kept.push(r.result.head);
    // From here on the card is full: nothing of the pool is left, and nothing new is given.
    full.pool.trim();
    full.device.popErrorScope = async () => (await pop()) ?? ({ message: "no memory" } as GPUError);
  });
  await expect(run).rejects.toMatchObject({
    code: "out-of-memory",
    message: expect.stringMatching(/the device has no room for another .+ Choose a smaller size/),
    fields: { done: 1, total: 3, asked: expect.any(Number) },
  });
  expect(kept).toEqual([0]);
  expect(full.pool.stats().liveBuffers).toBe(0);
  full.device.popErrorScope = pop;
  const { heads } = await analyse(full, synthInput(small), settings, [], watched, () => {});
  expect(heads.map((h) => h.head)).toEqual([0, 1, 2]);
  full.close();
});
