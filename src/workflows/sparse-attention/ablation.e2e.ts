// The ablation through the real page: a grid of three points that is cancelled after the first, gone on with, cut off by a
// reload after the second, taken up again, looked at, exported, and read in again.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type App, runWords, test } from "../../../e2e/app";
import { layoutFaults, pageFaults } from "../../../e2e/page-checks";
import { initialValues } from "../../nn/init";
import { modelSpecs } from "./engine/video/model";
import { encodeWeights } from "./engine/video/weights";
import { parseRows } from "./protocol-video-ablate";
import { button, folder, saved } from "./video-testing";

const NAME = "random.safetensors";
const weights = join(folder, NAME);
const config = { frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2 };
{
  // No training: every weight is random, so that the gates of attention are open and the two clips differ.
  const values = new Map(
    Object.entries(modelSpecs(config)).map(([name, { shape }], i) => [
      name,
      { shape, data: initialValues({ kind: "normal", std: 0.2 }, shape, 1, i) },
    ]),
  );
  const origin = { steps: 1, seed: 1, loss: 1, validationLoss: 1, settings: {} };
  writeFileSync(weights, encodeWeights({ config, values, origin }, "F32"));
}

/** So many steps that a cancel and a reload come before the next point ends. */
const GRID = {
  part: "video",
  clipSteps: "40",
  gridSparsity: "0.5,0.75,0.875",
  gridSearches: "2",
  gridDenseSteps: "1",
  gridTiers: "false",
  gridLseReuse: "true",
};
const hash = `#/w/sparse-attention?${new URLSearchParams(GRID)}`;

const input = (app: App, label: string) => app.page.locator(`input[type=file][aria-label="${label}"]`);
const points = (app: App) => app.page.getByRole("button", { name: /^Point \d+: / });

async function ablationTab(app: App): Promise<void> {
  await app.page.getByRole("tab", { name: "Ablation", exact: true }).click();
  await app.idle();
}

test("a grid is cancelled, gone on with, taken up after a reload, chosen from and exported", async ({
  visit,
}) => {
  const app = await visit(hash);
  await ablationTab(app);
  await input(app, "Drop weights of a training").setInputFiles(weights);
  // Other weights begin with a tab of their own.
  await app.page.getByText(/^1 step, loss /).waitFor();
  await ablationTab(app);
  await app.page.getByText(/^3 points: .+FLOP, time not known before the first run\.$/).waitFor();

  await button(app, "Run the grid").click();
  await points(app).first().waitFor();
  await button(app, "Cancel").click();
  await app.idle();
  expect(await runWords(app)).toBe("Cancelled; what was computed is kept");
  expect(await points(app).count()).toBe(1);
  await app.page.getByText("The ablation can go on: 2 of 3 points are left").waitFor();
  await app.page.getByText(/^3 points, 2 of them not done: .+FLOP, about .+\.$/).waitFor();

  await button(app, "Go on with what is left").click();
  await points(app).nth(1).waitFor();
  await app.reload();
  await app.page.getByText(`An ablation was interrupted: ${NAME}`).waitFor();
  // The second point may not have reached the disk.
  await app.page.getByText(/: weights and [12] of 3 points\./).waitFor();
  await button(app, "Go on with what is left").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in .+\. 3 of 3 points$/);
  expect(await points(app).count()).toBe(3);
  expect(await app.page.getByText("The ablation can go on").count()).toBe(0);
  expect(await button(app, "Run the grid").isDisabled()).toBe(true);

  const lines = await saved(app, /^Points \(JSONL\)/);
  const rows = parseRows(readFileSync(lines, "utf8"));
  expect(rows.map((row) => row.settings.sparsity)).toEqual([0.5, 0.75, 0.875]);
  expect(rows.every((row) => row.psnr !== null && row.psnr < 100 && row.steps === 40)).toBe(true);
  const csv = readFileSync(await saved(app, /^Points \(CSV\)/), "utf8")
    .trim()
    .split("\r\n");
  expect(csv).toHaveLength(4);
  expect(csv[2].split(",")).toContain(String(rows[1].psnr));

  await app.page.getByRole("table", { name: "All points" }).locator("tbody tr").nth(1).click();
  const second = app.page.getByRole("button", { name: /^Point 2: Sparsity 75 %; / });
  expect(await second.getAttribute("aria-pressed")).toBe("true");
  const figure = app.page.locator('button[aria-label^="Mean PSNR: "]');
  expect(await figure.getAttribute("aria-label")).toBe(`Mean PSNR: ${rows[1].psnr} dB`);
  await button(app, "Use these settings").click();
  await app.idle();
  const address = await app.page.evaluate<string>("location.hash");
  expect(address).toContain("sparseSparsity=0.75");
  expect(address).toContain("sparseTiers=false");

  expect(await pageFaults(app.page)).toEqual([]);
  await app.page.setViewportSize({ width: 390, height: 844 });
  await app.idle();
  await expect.poll(() => layoutFaults(app.page), { message: "on a phone" }).toEqual([]);

  // Results of other weights are shown as well.
  const other = await visit("#/w/sparse-attention?part=video");
  await ablationTab(other);
  await input(other, "Drop results of an ablation").setInputFiles(lines);
  await points(other).nth(1).waitFor();
  await other.idle();
});
