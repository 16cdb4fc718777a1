// What the browser tests of the video transformer's page share: a tiny model, its address, what is saved from the page. For
// tests only.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { App } from "../../../e2e/app";

/** What the page saves, for the life of the test file. */
export const folder = mkdtempSync(join(tmpdir(), "tessera-video-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** One block of 32 wide tokens: seconds on a software adapter. */
const TINY = {
  part: "video",
  trainSteps: "4",
  // So high that four steps open the gates of attention: the two clips must differ.
  trainLearningRate: "0.1",
  trainSeed: "1",
  previewEvery: "0",
  clipSteps: "4",
  sparseDenseSteps: "1",
  sparseSearches: "2",
  sparseSparsity: "0.75",
  gridSearches: "2",
  modelFrames: "8",
  modelHeight: "16",
  modelWidth: "16",
  modelDim: "32",
  modelLayers: "1",
  modelHeads: "2",
};
export const hash = (more: Record<string, string> = {}): string =>
  `#/w/sparse-attention?${new URLSearchParams({ ...TINY, ...more })}`;

export const button = (app: App, name: string) => app.page.getByRole("button", { name, exact: true });

/** Saves an item of the export menu and gives its path. */
export async function saved(app: App, item: RegExp): Promise<string> {
  await button(app, "Export").click();
  const download = app.page.waitForEvent("download");
  await app.page.getByRole("menuitem", { name: item }).click();
  const file = await download;
  const path = join(folder, file.suggestedFilename());
  await file.saveAs(path);
  await app.idle();
  return path;
}

/** Losses by step, in full precision, as the page saves them. */
export async function savedLosses(app: App): Promise<string[]> {
  const lines = readFileSync(await saved(app, /^Metrics/), "utf8")
    .trim()
    .split("\r\n");
  return lines.slice(1).map((line) => line.split(",").slice(0, 2).join(" "));
}
