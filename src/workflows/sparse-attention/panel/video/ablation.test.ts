// The ablation's part of the store and its words, with a session that the test drives: points stay, go on, are stored.
import { expect, test } from "vitest";
import { TesseraError } from "../../../../base/errors";
import { workDone } from "../../../../base/idle";
import { defaults } from "../../../../base/params";
import { memoryFolder } from "../../../../runs/folder";
import { runStore } from "../../../../runs/store";
import { clipParams, type SparseSettings, sparseParams } from "../../protocol-video";
import { type AblationRow, encodeRows, rowKey } from "../../protocol-video-ablate";
import { clipAsked, sparseAsked, videoParams } from "../../protocol-video-page";
import type { WeightsInfo } from "../../protocol-video-session";
import { DEVICE, fakeClient, type OpenCall, settle } from "../testing";
import { pointGroups, pointNames, rowsTable } from "./ablation-words";
import { type VideoKeeper, videoKeeper } from "./keep";
import { pointsLeft } from "./state";
import { createVideoLab, type VideoClient } from "./store";

const settings = defaults(videoParams);
const info = {
  id: "0000abcd",
  name: "w.safetensors",
  config: { frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2 },
  origin: null,
} as WeightsInfo;
const sparse = (change: Partial<SparseSettings>): SparseSettings => ({
  ...defaults(sparseParams),
  ...change,
});

function point(change: Partial<SparseSettings>, figures: Partial<AblationRow> = {}, seed = 0): AblationRow {
  const own = sparse(change);
  return {
    key: rowKey(info.id, own, { ...defaults(clipParams), seed }, 1),
    settings: own,
    clips: 1,
    steps: 50,
    psnr: 30,
    ssim: 0.9,
    denseMs: 100,
    sparseMs: 50,
    speedup: 2,
    attentionShare: null,
    attentionWork: 0.5,
    bound: null,
    searchShare: null,
    kept: 0.3,
    ...figures,
  };
}

function start(keeper?: VideoKeeper) {
  const fake = fakeClient();
  const lab = createVideoLab(fake.client as unknown as VideoClient, async () => new Blob(), keeper);
  const next = (method: string) =>
    fake.next(method as OpenCall["method"]) as Omit<OpenCall, "emit"> & {
      emit(name: string, data: unknown): void;
    };
  return { lab, next, get: lab.state.getState };
}

async function withWeights(keeper?: VideoKeeper) {
  const started = start(keeper);
  const loading = started.lab.loadWeights(new Blob(["abc"]), info.name);
  await settle();
  await started.next("loadWeights").answer(info);
  await loading;
  return started;
}

test("a grid that is cancelled keeps its points, says what is left, and going on does only that", async () => {
  const { lab, next, get } = await withWeights();
  const [one, two] = [point({ sparsity: 0.5 }), point({ sparsity: 0.8 })];
  const done = lab.ablate(settings);
  await settle();
  const call = next("ablate");
  expect(call.request).toEqual({ settings, done: [] });
  expect(get()).toMatchObject({ view: "ablation", job: { kind: "ablate", state: "running" } });
  call.emit("points", { keys: [one.key, two.key] });
  call.emit("row", one);
  lab.cancel();
  await call.fail(new TesseraError("cancelled", "Cancelled."));
  await done;
  expect(get().job.state).toBe("cancelled");
  expect(get().ablation.rows).toEqual([one]);
  expect(pointsLeft(get())).toEqual([two.key]);

  const on = lab.ablate(settings);
  await settle();
  const second = next("ablate");
  expect((second.request as { done: string[] }).done).toEqual([one.key]);
  second.emit("points", { keys: [one.key, two.key] });
  second.emit("row", two);
  await second.answer({ points: 2, run: 1, seconds: 1, device: DEVICE });
  await on;
  expect(get().ablation.rows).toEqual([one, two]);
  expect(pointsLeft(get())).toEqual([]);
  // Of other weights the points that are missing are not those of this grid.
  expect(
    pointsLeft({
      ...get(),
      ablation: { rows: [], asked: [one.key] },
      weights: { state: "ready", value: { ...info, id: "1" } },
    }),
  ).toEqual([]);
});

test("a run whose tab was closed in mid-grid opens with its points and weights, and is gone on with", async () => {
  const runs = runStore(memoryFolder());
  const keeper = videoKeeper(async () => runs);
  const first = await withWeights(keeper);
  const [one, two] = [point({ sparsity: 0.5 }), point({ sparsity: 0.8 })];
  void first.lab.ablate({ ...settings, gridSparsity: "0.5,0.8" });
  await settle();
  const call = first.next("ablate");
  call.emit("points", { keys: [one.key, two.key] });
  call.emit("row", one);
  await workDone();
  // The call never ends: nothing of what follows comes from its end.
  const [record] = await runs.list();
  const file = await runs.readArtefact(record.id, "ablation.jsonl");
  expect(new TextDecoder().decode(file)).toBe(`${JSON.stringify(one)}\n`);

  const second = start(keeper);
  await second.lab.reopen(record.id);
  const shown = second.get();
  expect(shown).toMatchObject({ view: "ablation", weights: { state: "ready", value: info } });
  expect(shown.ablation.rows).toEqual([one]);
  expect(pointsLeft(shown)).toEqual([two.key]);
  void second.lab.ablate(shown.ran.ablate!);
  await settle();
  const load = second.next("loadWeights");
  expect(await (load.request as { blob: Blob }).blob.text()).toBe("abc");
  await load.answer(info);
  expect(second.next("ablate").request).toEqual({
    settings: { ...settings, gridSparsity: "0.5,0.8" },
    done: [one.key],
  });
});

test("a grid whose page was closed is found and goes on with what is left; one that is whole is not", async () => {
  const folder = memoryFolder();
  const nobody = { hold: async () => () => {}, isHeld: async () => false };
  const keeper = () => videoKeeper(async () => runStore(folder, { liveness: nobody }));
  const first = await withWeights(videoKeeper(async () => runStore(folder)));
  const [one, two] = [point({ sparsity: 0.5 }), point({ sparsity: 0.8 })];
  void first.lab.ablate({ ...settings, gridSparsity: "0.5,0.8" });
  await settle();
  const call = first.next("ablate");
  call.emit("points", { keys: [one.key, two.key] });
  call.emit("row", one);
  await workDone();

  const second = start(keeper());
  await second.lab.findInterrupted();
  const found = second.get().interrupted!;
  expect(found).toMatchObject({ kind: "ablate", name: info.name, done: 1, of: 2 });
  const on = second.lab.takeUp(found);
  await workDone();
  await settle();
  await second.next("loadWeights").answer(info);
  const again = second.next("ablate");
  expect(again.request).toEqual({ settings: found.settings, done: [one.key] });
  again.emit("row", two);
  await workDone();

  const third = start(keeper());
  await third.lab.findInterrupted();
  expect(third.get().interrupted).toBeUndefined();
  await again.answer({ device: DEVICE });
  await on;
  expect(second.get().ablation.rows).toEqual([one, two]);
});

test("points stay when other weights are taken or trained", async () => {
  const { lab, next, get } = await withWeights();
  const one = point({ sparsity: 0.5 });
  await lab.addPoints(new Blob([encodeRows([one])]), "a.jsonl");
  const loading = lab.loadWeights(new Blob(["x"]), "x.safetensors");
  await settle();
  await next("loadWeights").answer({ ...info, id: "1" });
  await loading;
  void lab.train(settings);
  expect(get().ablation.rows).toEqual([one]);
});

test("the plan is asked with the points that are there; without weights there is none", async () => {
  const bare = start();
  await bare.lab.planAblation(settings);
  expect(bare.get().plan).toEqual({ state: "none" });
  const { lab, next, get } = await withWeights();
  const one = point({ sparsity: 0.5 });
  await lab.addPoints(new Blob([encodeRows([one])]), "a.jsonl");
  const stale = lab.planAblation(settings);
  await settle();
  const first = next("planAblation");
  expect((first.request as { done: string[] }).done).toEqual([one.key]);
  const fresh = lab.planAblation(settings);
  await settle();
  const plan = { keys: ["k"], left: 1, flops: 5, seconds: null };
  await next("planAblation").answer(plan);
  await first.answer({ ...plan, left: 9 });
  await Promise.all([stale, fresh]);
  expect(get().plan).toEqual({ state: "ready", value: plan });
});

test("lines of a file join the points, a file without any is refused", async () => {
  const { lab, get } = start();
  const [one, two] = [point({ sparsity: 0.5 }), point({ sparsity: 0.8 })];
  await lab.addPoints(new Blob([encodeRows([one, two])]), "a.jsonl");
  await lab.addPoints(new Blob([encodeRows([{ ...two, psnr: 31 }])]), "b.jsonl");
  expect(get().ablation.rows.map((row) => row.psnr)).toEqual([30, 31]);
  await expect(lab.addPoints(new Blob(["no"]), "c.jsonl")).rejects.toThrow(
    /no line .* in this file: c\.jsonl/,
  );
});

test("points are numbered within what can be compared, and named by what tells them apart", () => {
  const rows = [
    point({ searches: "2,6", sparsity: 0.5 }),
    point({ searches: "2,6", sparsity: 0.5, lseReuse: false }, { sparseMs: 60, psnr: 35 }),
    point({ searches: "2", sparsity: 0.875 }, { sparseMs: 70, psnr: 20, ssim: 0.95 }),
    point({ searches: "2" }, {}, 7),
    point({ searches: "" }, { sparseMs: 100, psnr: null, ssim: 1 }),
  ];
  const [group, other] = pointGroups(rows);
  expect(other.points.map((p) => [p.mark, p.name])).toEqual([["1", "The only point"]]);
  expect(group.points.map((p) => [p.mark, p.name])).toEqual([
    ["1", "Sparsity 50 %, search at 2, 6, cached LSE"],
    ["2", "Sparsity 50 %, search at 2, 6, new LSE"],
    ["3", "Sparsity 87.5 %, search at 2"],
    ["4", "Sparsity 80 %, no search"],
  ]);
  expect(group.points.map((p) => p.share)).toEqual([0.5, 0.6, 0.7, 1]);
  // Equal clips are infinitely good; the third is slower and worse by PSNR, better by SSIM.
  expect(group.points.map((p) => p.isBest.psnr)).toEqual([true, true, false, true]);
  expect(group.points.map((p) => p.isBest.ssim)).toEqual([true, false, true, true]);
  expect(pointNames([sparse({}), sparse({ tiers: false })])).toEqual(["Tiers", "No tiers"]);
});

test("settings of a point are those of the form under its names; the CSV has them and the figures", () => {
  const row = point({ sparsity: 0.5, searches: "2,6" }, { psnr: null }, 3);
  expect(sparseAsked(row.settings)).toMatchObject({ sparseSparsity: 0.5, sparseSearches: "2,6" });
  expect(clipAsked({ ...defaults(clipParams), seed: 3 })).toMatchObject({ clipSeed: 3, clipSteps: 50 });
  for (const name of Object.keys({ ...sparseAsked(row.settings), ...clipAsked(defaults(clipParams)) }))
    expect(videoParams).toHaveProperty(name);
  const { header, cells } = rowsTable([row]);
  const at = (name: string) => cells[0][header.indexOf(name)];
  expect([at("sparsity"), at("searches"), at("psnr"), at("sparseMs"), at("weights"), at("seed")]).toEqual([
    0.5,
    "2,6",
    null,
    50,
    info.id,
    3,
  ]);
  expect(cells[0]).toHaveLength(header.length);
});
