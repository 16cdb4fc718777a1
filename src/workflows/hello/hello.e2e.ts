// The tutorial workflow through the real page: run, cancel, bad files, links, and a path without a mouse.
import { expect } from "vitest";
import { type App, runWords, test } from "../../../e2e/app";
import { pageFaults } from "../../../e2e/page-checks";

const run = (app: App) => app.page.getByRole("button", { name: "Run", exact: true });
/** The tests crash the GPU process more often than a browser puts up with. */
const CRASHES = ["--disable-gpu-process-crash-limit"];

async function drop(app: App, name: string, values: Float32Array | Uint8Array): Promise<void> {
  const buffer = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  await app.page.locator("input[type=file]").setInputFiles({ name, mimeType: "", buffer });
}

/** Rows of the histogram's table: [bin centre, count]. */
async function tableRows(app: App): Promise<string[][]> {
  const figure = app.page.getByRole("figure", { name: "Histogram" });
  await figure.getByRole("button", { name: "Histogram: show as table" }).click();
  const rows = await figure.locator("tbody tr").all();
  return Promise.all(rows.map((row) => row.locator("td").allTextContents()));
}

test("a run counts what the CPU counts, and the page holds its form with a result in it", async ({
  visit,
}) => {
  const app = await visit("#/w/hello");
  await run(app).click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in .+\. 100,000 values in 64 bins$/);
  await app.page.getByRole("button", { name: "Bins that differ: 0", exact: true }).waitFor();
  expect(await pageFaults(app.page)).toEqual([]);
  const badge = app.page.getByRole("button", { name: /^Device: / });
  await badge.click();
  await app.page.getByText("software adapter: results are right, speed is not a GPU's").waitFor();
});

test("a dropped file is counted: the table shows counts known beforehand", async ({ visit }) => {
  const app = await visit("#/w/hello?bins=4");
  // 0, 1/8, … 8 once each: bins of width 2 from 0 hold 16 of them, the last one also the largest.
  await drop(
    app,
    "eighths.f32",
    Float32Array.from({ length: 65 }, (_, i) => i / 8),
  );
  await app.page.getByText("eighths.f32", { exact: true }).waitFor();
  await run(app).click();
  await app.idle();
  expect(await tableRows(app)).toEqual([
    ["1", "16"],
    ["3", "16"],
    ["5", "16"],
    ["7", "17"],
  ]);
});

test("files that do not fit are refused in words, and the page goes on working", async ({ visit }) => {
  const app = await visit("#/w/hello");
  await drop(app, "picture.png", new Uint8Array(8));
  const alert = app.page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).toContain(".f32");
  await drop(app, "odd.f32", new Uint8Array(6));
  await app.page.getByText("odd.f32", { exact: true }).waitFor();
  await run(app).click();
  await app.idle();
  expect(await app.page.getByRole("alert").textContent()).toContain(
    "Raw f32 values take 4 bytes each, got 6 bytes",
  );
  await drop(app, "nan.f32", Float32Array.of(1, Number.NaN));
  await app.page.getByText("nan.f32", { exact: true }).waitFor();
  await run(app).click();
  await app.idle();
  expect(await app.page.getByRole("alert").textContent()).toContain("Value 1 is NaN");
  await app.page.getByRole("button", { name: "Use the generated example" }).click();
  await run(app).click();
  await app.idle();
  expect(await runWords(app)).toContain("100,000 values");
});

test("a cancel takes effect, and the next run is whole", async ({ visit }) => {
  const app = await visit("#/w/hello");
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  // The worker's script is held back, so that the run is certainly not over when Cancel is pressed.
  await app.page.route(/worker-.*\.js/, async (route) => {
    await held;
    await route.continue();
  });
  await run(app).click();
  await app.page.getByRole("button", { name: "Cancel" }).click();
  expect(await runWords(app)).toBe("Cancelling");
  release();
  await app.idle();
  expect(await runWords(app)).toBe("Cancelled; what was computed is kept");
  await run(app).click();
  await app.idle();
  expect(await runWords(app)).toContain("100,000 values");
});

test("parameters live in the address: they survive a reload, and wrong ones are told", async ({ visit }) => {
  const app = await visit("#/w/hello?bins=128");
  const bins = app.page.getByRole("textbox", { name: "Bins" });
  expect(await bins.inputValue()).toBe("128");
  await bins.fill("96");
  await app.idle();
  expect(new URL(app.page.url()).hash).toBe("#/w/hello?bins=96");
  await app.reload();
  expect(await bins.inputValue()).toBe("96");
  await bins.fill("1");
  await app.page.getByText("Must lie between 2 and 1024").waitFor();
  expect(new URL(app.page.url()).hash).toBe("#/w/hello?bins=96");
  await app.go("#/w/hello?bins=5000&colour=red");
  expect(await bins.inputValue()).toBe("64");
  await app.page.getByText("colour: no such parameter").waitFor();
});

test("everything can be done from the keyboard", async ({ visit }) => {
  const app = await visit("#/w/hello");
  const { keyboard } = app.page;
  const focused = (): Promise<string> =>
    app.page.evaluate(() => {
      const at = document.activeElement;
      return at?.getAttribute("aria-label") ?? at?.textContent ?? "";
    });
  const tabTo = async (name: string): Promise<void> => {
    const seen: string[] = [];
    while (seen.at(-1) !== name) {
      await keyboard.press("Tab");
      seen.push(await focused());
      if (seen.length > 60) throw new Error(`${name} is not reached by Tab: ${seen.join(" | ")}`);
    }
  };
  await tabTo("Skip to the page");
  await keyboard.press("Enter");
  await tabTo("Choose a file");
  await tabTo("Bins, slider");
  await keyboard.press("ArrowRight");
  await app.idle();
  expect(new URL(app.page.url()).hash).toMatch(/bins=(?!64)\d+/);
  await tabTo("Run");
  await keyboard.press("Enter");
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in /);
});

test("a GPU that is lost in mid-run ends the run in words; the next run uses a new device", async ({
  visit,
}) => {
  const app = await visit("#/w/hello", { flags: [...CRASHES, "--disable-domain-blocking-for-3d-apis"] });
  const cdp = await app.browser.newBrowserCDPSession();
  // So many that the crash certainly comes before the counts.
  await drop(app, "many.f32", new Float32Array(2_000_000).fill(0.5, 7));
  for (let round = 0; round < 2; round++) {
    await run(app).click();
    await app.idle();
    expect(await runWords(app)).toContain("2,000,000 values");
    await run(app).click();
    await cdp.send("Browser.crashGpuProcess");
    await app.idle();
    expect(await app.page.getByRole("alert").textContent()).toContain("The GPU was lost");
    await badgeSays(app, "GPU lost");
  }
  await run(app).click();
  await app.idle();
  expect(await runWords(app)).toContain("2,000,000 values");
  await badgeSays(app, "GPU back");
});

test("where the browser gives no GPU any more after two losses, the page says to reload", async ({
  visit,
}) => {
  const app = await visit("#/w/hello", { flags: CRASHES });
  const cdp = await app.browser.newBrowserCDPSession();
  // So many that the crash certainly comes before the counts.
  await drop(app, "many.f32", new Float32Array(2_000_000).fill(0.5, 7));
  for (let round = 0; round < 2; round++) {
    await run(app).click();
    await app.idle();
    expect(await runWords(app)).toContain("2,000,000 values");
    await run(app).click();
    await cdp.send("Browser.crashGpuProcess");
    await app.idle();
    expect(await app.page.getByRole("alert").textContent()).toContain("The GPU was lost");
  }
  await run(app).click();
  await app.idle();
  expect(await app.page.getByRole("alert").textContent()).toContain("Reload the page");
  await badgeSays(app, "No WebGPU");
});

test("a worker that throws ends the run in words, once; the next run starts another", async ({ visit }) => {
  const app = await visit("#/w/hello", { expected: /on purpose/ });
  await run(app).click();
  await app.idle();
  const [worker] = app.page.workers();
  // The worker throws before it can take the next call.
  await worker.evaluate(() => {
    addEventListener("message", () => {
      throw new Error("on purpose");
    });
  });
  await run(app).click();
  await app.idle();
  expect(await app.page.getByRole("alert").allTextContents()).toEqual([
    expect.stringContaining("The worker that did this has stopped: Uncaught Error: on purpose."),
  ]);
  await run(app).click();
  await app.idle();
  expect(await runWords(app)).toContain("100,000 values");
});

async function badgeSays(app: App, words: string): Promise<void> {
  const badge = app.page.getByRole("button", { name: /^Device: / });
  await badge.click();
  await app.page.getByRole("dialog").getByText(words, { exact: true }).waitFor();
  await badge.click();
  await app.idle();
}
