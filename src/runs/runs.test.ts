// Runs that last: state, metrics, artefacts, crashes between and within writes, full storage, export and import.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { crc32 } from "../base/crc32";
import { type Folder, memoryFolder } from "./folder";
import { beatLiveness } from "./liveness";
import { nodeFolder } from "./node-folder";
import { parseRecord } from "./record";
import { readSealed, writeSealed } from "./sealed";
import { type RunStore, runStore } from "./store";
import { exportRun, importRun } from "./transfer";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);
const someRun = {
  workflow: "toy",
  name: "First",
  params: { size: 3 },
  seed: 7,
  adapter: "a GPU",
  codeVersion: "abc",
};

/** Holds nothing: what a store sees whose tab was closed. */
const nobody = { hold: async () => () => {}, isHeld: async () => false };

function store(folder: Folder, parts: { now?: () => number } = {}): RunStore {
  let count = 0;
  return runStore(folder, { liveness: nobody, now: () => 1000, newId: () => `run-${++count}`, ...parts });
}

describe.each([
  ["memory", async () => memoryFolder()],
  ["disk", async () => nodeFolder(await mkdtemp(join(tmpdir(), "runs-")))],
])("in %s", (_name, make) => {
  test("a run keeps its record, metrics and files", async () => {
    const folder = await make();
    let clock = 1;
    const runs = store(folder, { now: () => clock++ });
    const first = await runs.create(someRun);
    const second = await runs.create({ ...someRun, name: "Second" });
    await runs.appendMetrics(first.id, [
      { step: 0, loss: 2.5 },
      { step: 1, loss: Number.NaN },
    ]);
    await runs.appendMetrics(first.id, [{ step: 2, rate: 0.1 }]);
    await runs.writeArtefact(first.id, "out.json", bytes("{}"), "application/json");
    await runs.update(first.id, { summary: { loss: 2.5 } });
    await runs.finish(first.id, "done");
    await runs.rename(first.id, "Better name");

    const again = store(folder);
    expect((await again.list()).map((r) => r.name)).toEqual(["Second", "Better name"]);
    expect(await again.get(first.id)).toMatchObject({
      ...someRun,
      name: "Better name",
      state: "done",
      summary: { loss: 2.5 },
      artefacts: [{ name: "out.json", bytes: 2, type: "application/json" }],
      metricNames: ["step", "loss", "rate"],
    });
    expect(await again.metrics(first.id)).toEqual([
      { step: 0, loss: 2.5 },
      { step: 1, loss: null },
      { step: 2, rate: 0.1 },
    ]);
    expect(text(await again.readArtefact(first.id, "out.json"))).toBe("{}");
    await again.removeArtefact(first.id, "out.json");
    await expect(again.readArtefact(first.id, "out.json")).rejects.toMatchObject({ code: "run-artefact" });
    await again.remove(first.id);
    await again.remove(second.id);
    expect(await again.list()).toEqual([]);
    expect(await folder.list("")).toEqual([]);
    await expect(again.get(first.id)).rejects.toMatchObject({ code: "run-missing" });
  });

  test("reads cut at the end, appends add, and removing nothing is no error", async () => {
    const folder = await make();
    expect(await folder.read("a/b")).toBeUndefined();
    await folder.append("a/b", bytes("one"));
    await folder.append("a/b", bytes("two"));
    expect(text(await folder.read("a/b"))).toBe("onetwo");
    expect(text(await folder.read("a/b", 2, 99))).toBe("etwo");
    expect(await folder.list("a")).toEqual(["a/b"]);
    await folder.write("a/b", bytes("x"));
    expect(text(await folder.read("a/b"))).toBe("x");
    await folder.remove("a");
    await folder.remove("a");
    expect(await folder.list("")).toEqual([]);
  });
});

test("a run whose tab was closed is interrupted; resumed, it runs again without its old error", async () => {
  const folder = memoryFolder();
  const runs = store(folder);
  const { id } = await runs.create(someRun);
  expect((await runs.get(id)).state).toBe("running");
  const later = store(folder);
  expect((await later.list())[0].state).toBe("interrupted");
  await later.finish(id, "failed", { code: "device-lost", message: "gone", fields: {} });
  expect((await later.get(id)).error?.code).toBe("device-lost");
  const resumed = await later.resume(id, "another GPU");
  expect(resumed).toMatchObject({ state: "running", adapter: "another GPU" });
  expect(resumed.error).toBeUndefined();
});

test("a run that someone works on is not taken up by another, and stays as it is", async () => {
  const folder = memoryFolder();
  const first = runStore(folder, { liveness: beatLiveness(folder) });
  const { id } = await first.create(someRun);
  const second = runStore(folder, { liveness: beatLiveness(folder) });
  await expect(second.resume(id, "another GPU")).rejects.toMatchObject({ code: "run-held" });
  expect(await second.get(id)).toMatchObject({ state: "running", adapter: someRun.adapter });
  await first.finish(id, "cancelled");
  expect(await second.resume(id, "another GPU")).toMatchObject({ state: "running", adapter: "another GPU" });
});

test("a resumed run that does steps again continues its curve", async () => {
  const runs = store(memoryFolder());
  const { id } = await runs.create(someRun);
  const rows = (from: number, to: number, loss: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => ({ step: from + i, loss }));
  await runs.appendMetrics(id, rows(1, 5, 1));
  await runs.appendMetrics(id, rows(4, 6, 2));
  await runs.appendMetrics(id, rows(7, 7, 3));
  const found = await runs.metrics(id);
  expect(found.map((row) => `${row.step} ${row.loss}`)).toEqual([
    "1 1",
    "2 1",
    "3 1",
    "4 2",
    "5 2",
    "6 2",
    "7 3",
  ]);
});

test("without locks, a run is held while its time stamp is fresh", async () => {
  const folder = memoryFolder();
  let clock = 100_000;
  const liveness = beatLiveness(folder, () => clock);
  expect(await liveness.isHeld("r")).toBe(false);
  const release = await liveness.hold("r");
  expect(await liveness.isHeld("r")).toBe(true);
  await expect(liveness.hold("r")).rejects.toMatchObject({ code: "run-held", fields: { id: "r" } });
  clock += 20_000;
  expect(await liveness.isHeld("r")).toBe(false);
  clock -= 10_000;
  release();
  expect(await liveness.isHeld("r")).toBe(false);
});

/** Stops working at a chosen operation, half way through its bytes, and stays broken: a crash. */
function crashing(inner: Folder, at: number): Folder {
  let operation = 0;
  const crash = async (work: (part: (b: Uint8Array) => Uint8Array) => Promise<void>): Promise<void> => {
    operation++;
    if (operation < at) return work((b) => b);
    if (operation === at) await work((b) => b.subarray(0, b.length >> 1));
    throw new Error("crash");
  };
  return {
    list: inner.list,
    read: inner.read,
    write: (path, data) => crash((part) => inner.write(path, part(data))),
    append: (path, data) => crash((part) => inner.append(path, part(data))),
    remove: (path) => crash(() => inner.remove(path)),
  };
}

test("a sealed file is the old or the new content, wherever the crash falls", async () => {
  const outcomes = new Set<string>();
  for (let at = 1; at <= 3; at++) {
    const inner = memoryFolder();
    await writeSealed(inner, "f", bytes("first"));
    await writeSealed(inner, "f", bytes("old content"));
    await writeSealed(crashing(inner, at), "f", bytes("new content")).catch(() => {});
    const found = text(await readSealed(inner, "f"));
    expect(["old content", "new content"]).toContain(found);
    outcomes.add(found);
    await writeSealed(inner, "f", bytes("after the crash"));
    expect(text(await readSealed(inner, "f"))).toBe("after the crash");
  }
  expect([...outcomes].sort()).toEqual(["new content", "old content"]);
});

test("a state that is damaged after it was written leaves the one before it, where that is kept", async () => {
  for (const keepsBefore of [true, false]) {
    const folder = memoryFolder();
    const runs = store(folder);
    const { id } = await runs.create(someRun);
    for (const content of ["step 1", "step 2", "step 3"])
      await runs.writeArtefact(id, "state", bytes(content), "text/plain", { keepsBefore });
    expect(text(await runs.readArtefact(id, "state"))).toBe("step 3");
    const files = (await folder.list(id)).filter((path) => path.includes("state"));
    expect(files).toHaveLength(keepsBefore ? 2 : 1);
    for (const path of files) {
      const file = (await folder.read(path))!;
      if (text(file).endsWith("step 3")) await folder.write(path, file.subarray(0, file.length - 1));
    }
    const found = await runs.readArtefact(id, "state").then(text, ({ code }: { code: string }) => code);
    expect(found).toBe(keepsBefore ? "step 2" : "run-artefact");
  }
});

test("whatever operation crashes, the run can be read, its checkpoint is whole and later metrics are kept", async () => {
  for (let at = 1; at <= 12; at++) {
    const inner = memoryFolder();
    const { id } = await store(inner).create(someRun);
    await store(inner).writeArtefact(id, "checkpoint", bytes("step 1"), "application/octet-stream");
    const broken = store(crashing(inner, at));
    await broken.appendMetrics(id, [{ step: 2, loss: 0.25 }]).catch(() => {});
    await broken.writeArtefact(id, "checkpoint", bytes("step 2"), "application/octet-stream").catch(() => {});
    await broken.finish(id, "done").catch(() => {});

    const after = store(inner);
    expect(await after.broken()).toEqual([]);
    expect(["interrupted", "done"]).toContain((await after.get(id)).state);
    expect(["step 1", "step 2"]).toContain(text(await after.readArtefact(id, "checkpoint")));
    await after.appendMetrics(id, [{ step: 3, loss: 0.125 }]);
    expect((await after.metrics(id)).at(-1)).toEqual({ step: 3, loss: 0.125 });
  }
});

test("full storage is told with what was needed and what is free; what was there stays", async () => {
  const folder = memoryFolder(2000);
  const runs = store(folder);
  const { id } = await runs.create(someRun);
  await runs.writeArtefact(id, "checkpoint", bytes("small"), "text/plain");
  const error = await runs
    .writeArtefact(id, "checkpoint", new Uint8Array(5000), "text/plain")
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ code: "storage-full", fields: { needed: 5024, free: expect.any(Number) } });
  expect((error as { fields: { free: number } }).fields.free).toBeLessThan(2000);
  expect(text(await runs.readArtefact(id, "checkpoint"))).toBe("small");
});

test("an exported run comes in elsewhere unchanged, and under a new id where its own is taken", async () => {
  const here = store(memoryFolder());
  const { id } = await here.create(someRun);
  await here.appendMetrics(id, [{ step: 0, loss: 1 }]);
  await here.writeArtefact(id, "out.bin", new Uint8Array([1, 2, 3]), "application/octet-stream");
  const file = await exportRun(here, id);

  const there = store(memoryFolder());
  const imported = await importRun(there, file);
  expect(imported).toEqual({ ...(await here.get(id)), state: "interrupted" });
  expect(await there.metrics(id)).toEqual([{ step: 0, loss: 1 }]);
  expect([...(await there.readArtefact(id, "out.bin"))]).toEqual([1, 2, 3]);

  const twin = await importRun(here, file);
  expect(twin.id).not.toBe(id);
  expect((await here.list()).map((r) => r.id).sort()).toEqual([id, twin.id].sort());
});

test.each([
  ["not a zip", bytes("hello"), "run-file"],
  ["no record", zipSync({ "x.txt": bytes("x") }, { level: 0 }), "run-file"],
  ["compressed", zipSync({ "record.json": bytes("x".repeat(999)) }, { level: 9 }), "run-file"],
  ["broken record", zipSync({ "record.json": bytes("{") }, { level: 0 }), "run-record"],
])("an import is refused: %s", async (_name, file, code) => {
  const folder = memoryFolder();
  await expect(importRun(store(folder), file)).rejects.toMatchObject({ code });
  expect(folder.files.size).toBe(0);
});

test("records of version 1 are read; newer, wrong or hostile ones are refused by field", async () => {
  const runs = store(memoryFolder());
  const record = await runs.create(someRun);
  const { metricNames: _, ...old } = record;
  expect(parseRecord(bytes(JSON.stringify({ ...old, version: 1 })))).toEqual(record);
  const reading = (change: object) => () => parseRecord(bytes(JSON.stringify({ ...record, ...change })));
  expect(reading({ version: 3 })).toThrow("version is 3, this Tessera reads up to 2");
  expect(reading({ version: 0 })).toThrow("version 0 is not known");
  expect(reading({ state: "flying" })).toThrow("state must be one of");
  expect(reading({ id: "../../etc" })).toThrow("id has characters");
  expect(reading({ artefacts: [{ name: "../x", bytes: 1, type: "" }] })).toThrow("artefacts must be");
});

test("the checksum is CRC-32: its published check value", () => {
  expect(crc32(bytes("123456789"))).toBe(0xcbf43926);
});
