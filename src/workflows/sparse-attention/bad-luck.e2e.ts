// What can go wrong in the middle of an analysis, done to the real page: a cancel, a lost GPU, a worker that dies, a tab
// that is closed, files that do not fit, full storage. What was computed stays, the page says what happened, it goes on.
import type { Locator } from "playwright-core";
import { describe, expect } from "vitest";
import { type App, runWords, test } from "../../../e2e/app";
import { encodeSafetensors } from "../../formats/safetensors";

const HASH = "#/w/sparse-attention";
/** The tests crash the GPU process more often than a browser puts up with. */
const CRASHES = ["--disable-gpu-process-crash-limit", "--disable-domain-blocking-for-3d-apis"];
const LAYERS = 4;
const HEADS = 2 * LAYERS;

const button = (app: App, name: string) => app.page.getByRole("button", { name, exact: true });
const heads = (app: App): Locator =>
  app.page.getByRole("table", { name: "All heads", exact: true }).locator("tbody tr");
const alert = (app: App): Promise<string | null> => app.page.getByRole("alert").first().textContent();

/** Generated tensors of four layers of two heads: the first layer is done long before the last. */
async function generate(app: App): Promise<void> {
  await app.page.getByRole("tab", { name: "Tensors", exact: true }).click();
  const card = app.page.getByRole("region", { name: "Generated tensors" });
  await card.getByRole("textbox", { name: "Heads" }).fill("2");
  await card.getByRole("textbox", { name: "Layers" }).fill(String(LAYERS));
  await card.getByRole("textbox", { name: "Length" }).fill("1024");
  await card.getByRole("button", { name: "Generate and use" }).click();
  await app.idle();
}

/** Starts the analysis and returns when so many heads are on the page. */
async function startAndSee(app: App, count = 1): Promise<void> {
  await button(app, "Run analysis").click();
  await heads(app)
    .nth(count - 1)
    .waitFor();
}

/** Resolves when so many heads are in the browser's private files: what a closed tab leaves is what is there. */
function stored(app: App, count: number): Promise<void> {
  return app.page.evaluate(async (wanted) => {
    const SEAL_BYTES = 24; // before the content of each stored file
    const heads = async (): Promise<number> => {
      const runs = await (await navigator.storage.getDirectory()).getDirectoryHandle("runs", {
        create: true,
      });
      for await (const run of runs.values()) {
        const folder = await (run as FileSystemDirectoryHandle)
          .getDirectoryHandle("artefacts")
          .catch(() => null);
        for await (const handle of folder?.values() ?? []) {
          const file = await (handle as FileSystemFileHandle).getFile();
          if (file.size > SEAL_BYTES) return JSON.parse(await file.slice(SEAL_BYTES).text()).heads.length;
        }
      }
      return 0;
    };
    // A file that is being replaced cannot be read for a moment.
    while ((await heads().catch(() => 0)) < wanted)
      await new Promise((resolve) => requestAnimationFrame(resolve));
  }, count);
}

async function drop(app: App, name: string, bytes: Uint8Array): Promise<void> {
  await app.page
    .locator("input[type=file]")
    .setInputFiles({ name, mimeType: "", buffer: Buffer.from(bytes) });
  await app.idle();
}

test("a cancel takes effect and keeps the heads that are done; what is left can be done later", async ({
  visit,
}) => {
  const app = await visit(HASH);
  await generate(app);
  await startAndSee(app, 3);
  await button(app, "Cancel").click();
  await app.idle();
  expect(await runWords(app)).toBe("Cancelled; what was computed is kept");
  const done = await heads(app).count();
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(HEADS);
  await button(app, "Go on with what is left").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
  expect(await heads(app).count()).toBe(HEADS);
});

test("a pause holds the run between two heads, and it goes on from there", async ({ visit }) => {
  const app = await visit(HASH);
  await generate(app);
  await startAndSee(app);
  await button(app, "Pause").click();
  await button(app, "Resume").waitFor();
  expect(await runWords(app)).toMatch(/^Paused/);
  expect(await heads(app).count()).toBeLessThan(HEADS);
  await button(app, "Resume").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
  expect(await heads(app).count()).toBe(HEADS);
});

test("a GPU that is lost in mid-run: finished heads stay, the next run has a new device", async ({
  visit,
}) => {
  const app = await visit(HASH, { flags: CRASHES });
  await generate(app);
  await startAndSee(app);
  const cdp = await app.browser.newBrowserCDPSession();
  await cdp.send("Browser.crashGpuProcess");
  await app.idle();
  expect(await alert(app)).toContain("The GPU was lost");
  const done = await heads(app).count();
  expect(done).toBeGreaterThan(0);
  expect(done).toBeLessThan(HEADS);
  await app.page.getByRole("button", { name: /^Device: / }).click();
  await app.page.getByRole("dialog").getByText("GPU lost", { exact: true }).waitFor();
  await app.page.keyboard.press("Escape");
  await button(app, "Start again").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
  expect(await heads(app).count()).toBe(HEADS);
});

test("a worker that dies in mid-run: finished heads stay, the next run has a new worker", async ({
  visit,
}) => {
  const app = await visit(HASH, { expected: /on purpose/ });
  await generate(app);
  await startAndSee(app);
  const [worker] = app.page.workers();
  await worker.evaluate(
    () =>
      void setTimeout(() => {
        throw new Error("on purpose");
      }),
  );
  await app.idle();
  expect(await alert(app)).toContain("The worker that did this has stopped");
  expect(await app.page.getByRole("alert").count()).toBe(1);
  expect(await heads(app).count()).toBeGreaterThan(0);
  await button(app, "Start again").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
  expect(await heads(app).count()).toBe(HEADS);
});

test("a tab closed in mid-run: the run is listed as interrupted, its heads are there, the rest can be done", async ({
  visit,
}) => {
  const app = await visit(HASH);
  await generate(app);
  await startAndSee(app);
  // Not every head on the page is in storage at once: the tab is closed when the first layer is.
  await stored(app, 2);
  await app.page.close();
  const next = await app.another("#/runs");
  const row = next.page.getByRole("table", { name: "All runs" }).locator("tbody tr");
  expect(await row.locator("td").nth(3).textContent()).toBe("Interrupted");
  await next.follow(row.getByRole("link"));
  expect(await next.page.getByRole("alert").allTextContents()).toEqual([]);
  const kept = await heads(next).count();
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThan(HEADS);
  await button(next, "Go on with what is left").click();
  await next.idle();
  expect(await heads(next).count()).toBe(HEADS);
  await next.go("#/runs");
  expect(await row.locator("td").nth(3).textContent()).toBe("Done");
});

describe("files that do not fit are refused in words, and the next one is read", () => {
  const tensor = (name: string, shape: number[], value = 0.5) => ({
    name,
    dtype: "F32" as const,
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  });
  const good = encodeSafetensors(["q", "k", "v"].map((name) => tensor(name, [1, 64, 16])));

  test("one after the other", async ({ visit }) => {
    const app = await visit(HASH);
    const bad: readonly [name: string, bytes: Uint8Array, says: string][] = [
      ["notes.txt", new Uint8Array(8), ".safetensors"],
      ["empty.npz", new Uint8Array(0), "this file is empty"],
      ["cut.safetensors", good.subarray(0, good.length - 7), "it is cut short"],
      [
        "two.safetensors",
        encodeSafetensors([tensor("q", [1, 64, 16]), tensor("k", [1, 64, 16])]),
        "v is missing",
      ],
      [
        "unequal.safetensors",
        encodeSafetensors([tensor("q", [1, 64, 16]), tensor("k", [1, 32, 16]), tensor("v", [1, 64, 16])]),
        "q, k and v must have one shape",
      ],
    ];
    for (const [name, bytes, says] of bad) {
      await drop(app, name, bytes);
      expect(await alert(app), name).toContain(says);
    }
    const nan = ["q", "k", "v"].map((name) => tensor(name, [1, 64, 16], name === "k" ? Number.NaN : 1));
    await drop(app, "nan.safetensors", encodeSafetensors(nan));
    await button(app, "Run analysis").click();
    await app.idle();
    expect(await alert(app)).toContain("k holds NaN at head 0, token 0, element 0");
    await drop(app, "good.safetensors", good);
    await button(app, "Run analysis").click();
    await app.idle();
    expect(await runWords(app)).toMatch(/^Done in /);
    expect(await app.page.getByRole("alert").allTextContents()).toEqual([]);
  });
});

test("full storage is told, and the results are shown all the same", async ({ visit }) => {
  const app = await visit(HASH);
  const cdp = await app.context.newCDPSession(app.page);
  const { origin } = new URL(app.page.url());
  await cdp.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  await generate(app);
  await button(app, "Run analysis").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
  expect(await heads(app).count()).toBe(HEADS);
  const note = app.page.getByRole("note").filter({ hasText: "This run could not be stored" });
  expect(await note.textContent()).toContain("There is no room to store");
});
