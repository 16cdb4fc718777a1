// Runs that are stored as they go: head by head, opened again, gone on with, and what is said when storage fails.
import { beforeEach, expect, test } from "vitest";
import { TesseraError } from "../../../base/errors";
import { workDone } from "../../../base/idle";
import { memoryFolder } from "../../../runs/folder";
import { type RunStore, runStore } from "../../../runs/store";
import { storeKeeper } from "./keep";
import { EXAMPLES } from "./state";
import { createLab, type Lab } from "./store";
import {
  analysis,
  DEVICE,
  type FakeClient,
  FILE,
  fakeClient,
  head,
  inputInfo,
  SETTINGS,
  settle,
} from "./testing";

let fake: FakeClient;
let lab: Lab;
const now = () => lab.state.getState();

async function load(layers = 1): Promise<void> {
  void lab.load(FILE);
  await fake.next("load").answer(inputInfo(layers));
}

async function start(): Promise<ReturnType<FakeClient["next"]>> {
  void lab.analyse(SETTINGS);
  await settle();
  return fake.next("analyse");
}

let store: RunStore;
const opened = () => {
  fake = fakeClient();
  lab = createLab(
    fake.client,
    storeKeeper(async () => store),
  );
};
const onlyRun = async () => (await store.list())[0];
beforeEach(() => {
  store = runStore(memoryFolder());
  opened();
});

test("a run is kept head by head and opens again with its figures", async () => {
  void lab.load({ kind: "synth", settings: EXAMPLES.software });
  await fake.next("load").answer({ ...inputInfo(), synthetic: true });
  const call = await start();
  call.emit("device", DEVICE);
  call.emit("head", head(0, 0));
  await workDone();
  expect(await onlyRun()).toMatchObject({
    state: "running",
    params: SETTINGS,
    workflow: "sparse-attention",
  });
  call.emit("head", head(0, 1, { recall: 0.7 }));
  await call.answer(analysis([head(0, 0), head(0, 1, { recall: 0.7 })]));
  await workDone();
  expect((await onlyRun()).state).toBe("done");
  const { id, summary, adapter } = await onlyRun();
  expect(summary).toMatchObject({ kept: 0.25, skipped: 0.75, heads: 2 });
  expect(summary.recall).toBeCloseTo(0.8, 12);
  expect(adapter).toBe("test adapter");
  expect((await store.metrics(id)).map((row) => row.recall)).toEqual([0.9, 0.7]);

  opened();
  await lab.reopen(id);
  expect(now()).toMatchObject({
    saved: { id, state: "done" },
    heads: { length: 2 },
    ran: { analyse: SETTINGS },
    source: { kind: "synth" },
  });
  await lab.select("layer 0", 1);
  expect(now()).toMatchObject({ selected: { head: 1 }, map: { state: "none" } });
  expect(fake.calls).toEqual([]);
  void lab.analyse(SETTINGS);
  await fake.next("load").answer(inputInfo());
  expect(now()).toMatchObject({ saved: undefined, heads: [] });
  await fake.next("analyse").fail(new TesseraError("input", "bad"));
  await workDone();
  expect((await store.list()).map((r) => r.state).sort()).toEqual(["done", "failed"]);
});

test("a stored run of a file asks for the file", async () => {
  await load();
  await (await start()).answer(analysis([head(0, 0), head(0, 1)]));
  await workDone();
  expect((await onlyRun()).state).toBe("done");
  const { id } = await onlyRun();
  opened();
  await lab.reopen(id);
  void lab.measure(SETTINGS, { triple: "layer 0", heads: 0, sparsities: [] });
  await settle();
  expect(now().job).toMatchObject({ state: "failed", error: { code: "no-input" } });
});

test("a run that goes on stays one record", async () => {
  await load(2);
  const call = await start();
  call.emit("head", head(0, 0));
  call.emit("head", head(0, 1));
  lab.cancel();
  await call.fail(new TesseraError("cancelled", "Cancelled by the user."));
  await workDone();
  expect((await onlyRun()).state).toBe("cancelled");
  void lab.goOn();
  await settle();
  const rest = fake.next("analyse");
  await workDone();
  expect((await onlyRun()).state).toBe("running");
  await rest.answer(analysis([head(1, 0), head(1, 1)]));
  await workDone();
  expect((await onlyRun()).state).toBe("done");
  expect(await store.list()).toHaveLength(1);
  expect((await onlyRun()).summary.heads).toBe(4);
});

test("storage that is full is told and touches no result", async () => {
  store = runStore(memoryFolder(10));
  opened();
  await load();
  await (await start()).answer(analysis([head(0, 0), head(0, 1)]));
  await workDone();
  expect(now().keepError).toMatchObject({ code: "storage-full" });
  expect(now()).toMatchObject({ job: { state: "done" }, heads: { length: 2 } });
});

test("results that are damaged, or of a run without results, are refused in words", async () => {
  const { id } = await store.create({
    workflow: "sparse-attention",
    name: "night",
    params: {},
    adapter: "",
    codeVersion: "0",
  });
  await lab.reopen(id);
  expect(now().input).toMatchObject({ state: "failed", error: { code: "run-artefact" } });
  for (const [text, words] of [
    ["{", "they are damaged"],
    ["null", "another version of Tessera wrote them"],
    ['{"version":1,"ran":{}}', "parts of them are missing"],
  ]) {
    await store.writeArtefact(id, "results.json", new TextEncoder().encode(text), "application/json");
    await lab.reopen(id);
    expect(now().input.error).toMatchObject({ code: "run-artefact" });
    expect(String(now().input.error)).toContain(words);
  }
});
