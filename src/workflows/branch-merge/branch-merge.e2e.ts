// The merge workflow through the real page: folders from a disk or samples in, a model out that the command line makes
// too; faults at their line; a cancelled merge that goes on.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type App, runWords, test } from "../../../e2e/app";
import { layoutFaults, pageFaults } from "../../../e2e/page-checks";
import { encodeSafetensors } from "../../formats/safetensors";
import { goldenFolder } from "./golden-folders";

const folder = mkdtempSync(join(tmpdir(), "tessera-branch-"));
const models = join(folder, "models");
const HASH = "#/w/branch-merge?mode=mergekit";
/** As browsers without a picker for folders: inputs and private files. */
const PLAIN = { init: "delete window.showDirectoryPicker" };
const RECIPE = `merge_method: slerp
base_model: base
models:
  - model: base
  - model: math
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 1]
    - value: 0.5
dtype: float32
`;

beforeAll(async () => {
  for (const name of ["base", "math", "code"]) {
    mkdirSync(join(models, name), { recursive: true });
    const golden = goldenFolder(name);
    for (const { name: file, size } of await golden.list())
      writeFileSync(join(models, name, file), await (await golden.open(file)).read(0, size));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Views that axe-core looks at; the smoke test has it look at the empty page. */
const AUDITED = ["Recipe", "Result", "Look inside"];

const button = (app: App, name: string) => app.page.getByRole("button", { name, exact: true });
const recipe = (app: App) => app.page.getByRole("textbox", { name: "Recipe", exact: true });

async function merge(app: App, label = "Merge"): Promise<void> {
  await button(app, label).click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
}

async function saved(app: App, name: string): Promise<Buffer> {
  const [download] = await Promise.all([
    app.page.waitForEvent("download"),
    button(app, `Save ${name}`).click(),
  ]);
  return readFileSync(await download.path());
}

test("folders from a disk become the model that the command line makes", async ({ visit }) => {
  const app = await visit(HASH, PLAIN);
  await app.page.getByLabel("Folder of a model", { exact: true }).setInputFiles(models);
  await app.idle();
  for (const name of ["base", "math", "code"]) await button(app, `Remove ${name}`).waitFor();
  await recipe(app).fill(RECIPE);
  await app.idle();
  await merge(app);
  const file = join(folder, "recipe.yaml");
  writeFileSync(file, RECIPE);
  const out = join(folder, "out");
  const words = ["branch-merge", "merge", file, out, "--models", models, "--mode", "mergekit", "--json"];
  execFileSync(process.execPath, ["src/cli/run.mjs", "src/cli/job.ts", ...words], { stdio: "ignore" });
  for (const name of readdirSync(out))
    expect((await saved(app, name)).equals(readFileSync(join(out, name))), name).toBe(true);
});

test("the samples are merged, looked into, and every view fits every window", async ({ visit }) => {
  const app = await visit("#/w/branch-merge", PLAIN);
  await button(app, "Use sample models").first().click();
  await app.idle();
  expect(await recipe(app).inputValue()).toContain("merge_method: task_arithmetic\nbase_model: base\n");
  // The form writes the text, and the text the form.
  await app.page
    .getByRole("group", { name: "math", exact: true })
    .getByLabel("weight", { exact: true })
    .fill("0.25");
  await app.idle();
  expect(await recipe(app).inputValue()).toContain("weight: 0.25");
  await merge(app);
  await button(app, "Look inside").click();
  await app.idle();
  expect(await runWords(app)).toContain("56 tensors compared");
  for (const name of ["Recipe", "Preflight", "Result", "Look inside", "The paper"]) {
    await app.page.getByRole("tab", { name, exact: true }).click();
    await app.idle();
    expect(await app.page.getByRole("alert").allTextContents(), name).toEqual([]);
    if (AUDITED.includes(name)) expect(await pageFaults(app.page), name).toEqual([]);
    await app.page.setViewportSize({ width: 390, height: 844 });
    await app.idle();
    await expect.poll(() => layoutFaults(app.page), { message: `${name} on a phone` }).toEqual([]);
    await app.page.setViewportSize({ width: 1440, height: 900 });
  }
});

test("a fault is told at its line, and what cannot be merged before it runs", async ({ visit }) => {
  const app = await visit("#/w/branch-merge", PLAIN);
  await button(app, "Use sample models").first().click();
  await app.idle();
  await recipe(app).fill("merge_method: linear\nmodels:\n  - model: base\n    weight: 1\n");
  await app.idle();
  await app.page.getByText("Line 4 has a fault").waitFor();
  expect(await button(app, "Merge").isDisabled()).toBe(true);
  await recipe(app).fill("merge_method: ties\nmodels:\n  - model: base\n  - model: nobody\n");
  await app.idle();
  await app.page.getByText("There is no model “nobody” on the page; there are base, math, code").waitFor();
  await recipe(app).fill("merge_method: ties\nmodels:\n  - model: base\n  - model: math\n");
  await app.idle();
  await app.page.getByText(/^ties needs a base_model/).waitFor();
  expect(await runWords(app)).toBe("The preflight found what cannot be merged");
});

test("a folder that was picked gets the model, and is never overwritten", async ({ visit }) => {
  // Stands for the browser's dialog, which no test can press: any folder of the page's private files.
  const init = `window.showDirectoryPicker = async ({ id }) => {
    const root = await navigator.storage.getDirectory();
    return id === "tessera-models" ? root : root.getDirectoryHandle(id, { create: true });
  }`;
  const app = await visit("#/w/branch-merge?chunk=1&shard=1", { init });
  await button(app, "Use sample models").first().click();
  await app.idle();
  await button(app, "Choose a folder").click();
  await app.page.getByText("Folder tessera-merged", { exact: true }).waitFor();
  await merge(app);
  await app.page.getByText("In the folder that you chose").waitFor();
  const names = await app.page
    .getByRole("table", { name: "Files" })
    .locator("tbody tr td:first-child")
    .allTextContents();
  expect(names).toEqual([
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  // The folder is not empty now, and nobody's model is overwritten.
  await button(app, "Merge").click();
  await app.idle();
  expect(await app.page.getByRole("alert").textContent()).toContain("The output needs an empty folder");
  // What was merged is a model like any other; the folder above it offers the models in it.
  await button(app, "Add a folder").click();
  await app.idle();
  await button(app, "Remove tessera-merged").waitFor();
  await app.page.getByRole("tab", { name: "Recipe", exact: true }).click();
  expect(await recipe(app).inputValue()).toContain("  - model: tessera-merged\n");
});

test("a cancelled merge goes on where it was", async ({ visit }) => {
  const large = join(folder, "large");
  for (const [i, name] of ["one", "two", "three"].entries()) {
    mkdirSync(join(large, name), { recursive: true });
    const tensors = Array.from({ length: 12 }, (_, layer) => ({
      ...{ name: `model.layers.${layer}.w.weight`, dtype: "F32" as const, shape: [512, 1024] },
      data: Float32Array.from({ length: 1 << 19 }, (_, at) => ((at * (i + 3)) % 1009) / 1009),
    }));
    writeFileSync(join(large, name, "model.safetensors"), encodeSafetensors(tensors));
  }
  const app = await visit("#/w/branch-merge?chunk=1", PLAIN);
  await app.page.getByLabel("Folder of a model", { exact: true }).setInputFiles(large);
  await app.idle();
  await recipe(app).fill(
    "merge_method: ties\nbase_model: one\nmodels: [{model: two}, {model: three}]\nparameters: {weight: 1, density: 0.5}\n",
  );
  await app.idle();
  await button(app, "Merge").click();
  const bar = app.page.getByRole("progressbar", { name: "Progress of the run" });
  const share = async (): Promise<number> => Number(await bar.getAttribute("aria-valuenow"));
  await expect.poll(share, { timeout: 60_000, interval: 20 }).toBeGreaterThan(12);
  await button(app, "Cancel").click();
  await app.idle();
  expect(await runWords(app)).toBe("Cancelled; what was computed is kept");
  await merge(app, "Go on merging");
  const before = await app.page.getByRole("button", { name: /^Gone on from: / }).getAttribute("aria-label");
  expect(Number(/(\d+)$/.exec(before!)![1])).toBeGreaterThan(0);
});
