// The attention laboratory through the real page: a file of q, k and v gives the figures that the command line gives,
// every view opens, masks come out whole, and a run that is over can be found, shown, moved, renamed and deleted.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type App, runWords, test } from "../../../e2e/app";
import { layoutFaults, pageFaults } from "../../../e2e/page-checks";
import { openTensorFile } from "../../formats/open";
import { bytesSource } from "../../formats/source";
import { formatNumber, formatPercent } from "../../ui/format";
import type { HeadResult } from "./protocol";

const folder = mkdtempSync(join(tmpdir(), "tessera-lab-"));
const file = join(folder, "qkv.safetensors");
const HASH = "#/w/sparse-attention?sparsity=0.75&block=32";
/** What the command line says about the same file, on Dawn in Node. */
let told: { heads: HeadResult[]; summary: { recall: number; kept: number; skipped: number } };

beforeAll(() => {
  const shape = ["--heads", "3", "--length", "512", "--dim", "32", "--text", "40"];
  job("synth", ...shape, "--out", file);
  told = JSON.parse(job("analyse", file, "--block", "32", "--sparsity", "0.75")) as typeof told;
});
afterAll(() => rmSync(folder, { recursive: true }));

function job(command: string, ...words: string[]): string {
  const args = ["src/cli/run.mjs", "src/cli/job.ts", "sparse-attention", command, ...words, "--json"];
  return execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

const button = (app: App, name: string | RegExp) =>
  app.page.getByRole("button", { name, exact: typeof name === "string" });

/** Cells of a table by its accessible name, row by row. */
async function rows(app: App, name: string): Promise<string[][]> {
  const found = await app.page.getByRole("table", { name, exact: true }).locator("tbody tr").all();
  return Promise.all(found.map((row) => row.locator("td").allTextContents()));
}

async function analyse(app: App): Promise<void> {
  await app.page.locator("input[type=file]").setInputFiles(file);
  await app.page.getByText("One q, k, v triple of 3 heads, 512 tokens, width 32, F32").waitFor();
  await button(app, "Run analysis").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
}

/** The columns of the table of heads that both sides print, as the page prints them. */
function figures({ head, recall, uniformRecall, kept, skipped, outputError }: HeadResult): string[] {
  const shares = [recall, uniformRecall, kept, skipped].map((share) => formatPercent(share));
  return [String(head), ...shares, formatNumber(outputError ?? Number.NaN)];
}
const headRows = async (app: App): Promise<string[][]> =>
  (await rows(app, "All heads")).map((cells) => [cells[1], ...cells.slice(3, 8)]);

test("a file gives the command line's figures, every view opens, the mask has the kept blocks", async ({
  visit,
}) => {
  const app = await visit(HASH);
  await analyse(app);
  const { recall, kept, skipped } = told.summary;
  const shares = `kept ${formatPercent(kept)}, skipped ${formatPercent(skipped)}`;
  expect(await runWords(app)).toContain(`3 heads, recall ${formatPercent(recall)}, ${shares}`);
  expect(await headRows(app)).toEqual(told.heads.map(figures));

  for (const name of ["Tensors", "Overview", "Block map", "Curves", "Time", "Error", "The paper"]) {
    await app.page.getByRole("tab", { name, exact: true }).click();
    await app.idle();
    const panel = app.page.getByRole("tabpanel", { name, exact: true });
    expect(await panel.getByRole("heading", { level: 2 }).count(), name).toBeGreaterThan(0);
    expect(await app.page.getByRole("alert").allTextContents(), name).toEqual([]);
    expect(await pageFaults(app.page), name).toEqual([]);
    await app.page.setViewportSize({ width: 390, height: 844 });
    await app.idle();
    // Charts follow a change of width by an observer, which may come after the frames that idle waits for.
    await expect.poll(() => layoutFaults(app.page), { message: `${name} on a phone` }).toEqual([]);
    await app.page.setViewportSize({ width: 1440, height: 900 });
  }

  await button(app, "Export").click();
  const download = app.page.waitForEvent("download");
  await app.page.getByRole("menuitem", { name: /^FlexAttention/ }).click();
  const bytes = new Uint8Array(readFileSync(await (await download).path()));
  const npz = await openTensorFile(bytesSource(bytes, "mask.npz"));
  // 512 tokens are whole blocks of 32: all kept blocks are full ones.
  expect(npz.entries.find((e) => e.name === "full_kv_indices")?.shape).toEqual([1, 3, 16, 16]);
  const counts = Array.from((await npz.read("full_kv_num_blocks")).data as Int32Array);
  const partial = Array.from((await npz.read("kv_num_blocks")).data as Int32Array);
  expect(partial.every((count) => count === 0)).toBe(true);
  for (const { head, kept: share } of told.heads) {
    const own = counts.slice(head * 16, (head + 1) * 16);
    expect(own.reduce((a, b) => a + b)).toBe(share * 16 * 16);
  }
});

test("curves and times are drawn as they come, and keep what they promise", async ({ visit }) => {
  const app = await visit(HASH);
  await analyse(app);
  await app.page.getByRole("tab", { name: "Curves", exact: true }).click();
  await button(app, "Draw curves").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in .+ 24 curves$/);
  expect(await pageFaults(app.page)).toEqual([]);
  await app.page.getByRole("tab", { name: "Time", exact: true }).click();
  await button(app, "Measure").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in .+ \d+ times measured$/);
  expect(await pageFaults(app.page)).toEqual([]);
});

test("a run that is over is listed; it is shown again, moved as a file, renamed, deleted and brought back", async ({
  visit,
}) => {
  const app = await visit(HASH);
  await analyse(app);
  const shown = await headRows(app);
  await app.reload();
  await app.go("#/runs");
  const names = async (): Promise<string[]> => (await rows(app, "All runs")).map((cells) => cells[1]);
  expect(await names()).toEqual(["qkv.safetensors"]);
  expect((await rows(app, "All runs"))[0][3]).toBe("Done");
  const menu = async (run: string, item: string): Promise<void> => {
    await button(app, `What to do with ${run}`).click();
    await app.page.getByRole("menuitem", { name: item, exact: true }).click();
  };

  const download = app.page.waitForEvent("download");
  await menu("qkv.safetensors", "Export");
  const saved = join(folder, "run.tessera.zip");
  await (await download).saveAs(saved);

  await menu("qkv.safetensors", "Rename");
  await app.page.getByRole("textbox", { name: "Name" }).fill("First look");
  await button(app, "Rename").click();
  await app.idle();
  expect(await names()).toEqual(["First look"]);

  await app.page.locator("input[type=file]").setInputFiles(saved);
  await app.page.getByText("Imported “qkv.safetensors”.").waitFor();
  await app.idle();
  expect((await names()).sort()).toEqual(["First look", "qkv.safetensors"]);

  // Both chosen: results and metrics side by side.
  await app.page.getByRole("checkbox", { name: "Choose First look" }).check();
  await app.page.getByRole("checkbox", { name: "Choose qkv.safetensors" }).check();
  await app.idle();
  const results = await rows(app, "Results");
  expect(results.find((cells) => cells[0] === "heads")).toEqual(["heads", "3", "3"]);
  expect(await pageFaults(app.page)).toEqual([]);

  await menu("qkv.safetensors", "Delete");
  await app.idle();
  expect(await names()).toEqual(["First look"]);
  await button(app, "Undo").click();
  await app.idle();
  expect((await names()).sort()).toEqual(["First look", "qkv.safetensors"]);

  await app.follow(app.page.getByRole("link", { name: "First look", exact: true }));
  expect(await headRows(app)).toEqual(shown);
  await app.page.getByText("Stored run: First look").waitFor();
});
