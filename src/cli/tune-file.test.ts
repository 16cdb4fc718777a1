// The tuning file: what one store saves another loads, stores add to each other, and a broken file is an error to load.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fileTuneStore, tunePath } from "./tune-file";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tessera-tune-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("two stores on one file add to each other", async () => {
  const path = join(folder, "deep", "tuning.json");
  await fileTuneStore(path).save({ a: "quad" });
  await fileTuneStore(path).save({ b: "rows" });
  expect(await fileTuneStore(path).load()).toEqual({ a: "quad", b: "rows" });
});

test("a missing or broken file is a failure, which the tuner takes as nothing remembered", async () => {
  const path = join(folder, "tuning.json");
  await expect(fileTuneStore(path).load()).rejects.toThrow();
  writeFileSync(path, "{");
  await expect(fileTuneStore(path).load()).rejects.toThrow();
  await fileTuneStore(path).save({ a: "quad" });
  expect(await fileTuneStore(path).load()).toEqual({ a: "quad" });
});

test("the cache folder of the system is used", () => {
  expect(tunePath({ XDG_CACHE_HOME: "/cache" })).toBe(join("/cache", "tessera", "tuning.json"));
});
