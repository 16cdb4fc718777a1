// The video transformer through the real page: a few steps of training, one clip by both samplers, the figures that the
// session reported, a cancel on the way, weights out and in again, and the stored run.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type App, runWords, test } from "../../../e2e/app";
import { layoutFaults, pageFaults } from "../../../e2e/page-checks";
import { openNpz } from "../../formats/npz";
import { encodeSafetensors } from "../../formats/safetensors";
import { bytesSource } from "../../formats/source";
import { initialValues } from "../../nn/init";
import { formatNumber, formatPercent } from "../../ui/format";
import { modelSpecs } from "./engine/video/model";
import { encodeWeights, readWeights } from "./engine/video/weights";
import { SHIPPED_NAME } from "./panel/video/shipped";
import type { VideoComparison } from "./protocol-video";
import { button, folder, hash, saved } from "./video-testing";

async function open(app: App, tab: string): Promise<void> {
  await app.page.getByRole("tab", { name: tab, exact: true }).click();
  await app.idle();
}

/** Colours that a canvas shows now, as text, each once. */
function colours(app: App, name: string): Promise<string[]> {
  return app.page.getByRole("img", { name, exact: true }).evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set<string>();
    for (let i = 0; i < data.length; i += 4) seen.add(data.slice(i, i + 4).join());
    return [...seen];
  });
}

/**
 * Plays a video file of three pictures of 16 × 16 pixels, each sixteen times as large, in a page without the app's policy. Gives
 * its size and length, and by picture the brightness of every pixel 0.8 s from its start.
 */
async function played(
  app: App,
  path: string,
): Promise<{ size: number[]; seconds: number; pictures: number[][] }> {
  const page = await app.context.newPage();
  const source = `data:video/webm;base64,${readFileSync(path).toString("base64")}`;
  const found = await page.evaluate(async (src) => {
    const video = Object.assign(document.createElement("video"), { src, muted: true });
    const event = (name: string) =>
      new Promise<void>((resolve, reject) => {
        video.addEventListener(name, () => resolve(), { once: true });
        video.addEventListener("error", () => reject(new Error(video.error?.message)), { once: true });
      });
    await event("loadeddata");
    const there = event("seeked");
    video.currentTime = 0.8;
    await there;
    const { videoWidth: width, videoHeight: height, duration: seconds } = video;
    const context = new OffscreenCanvas(width, height).getContext("2d")!;
    context.drawImage(video, 0, 0);
    const pictures = [0, 1, 2].map((picture) =>
      Array.from({ length: 256 }, (_, i) => {
        const [x, y] = [picture * (256 + 16) + 16 * (i % 16) + 8, 32 + 16 * Math.floor(i / 16) + 8];
        const [r, g, b] = context.getImageData(x, y, 1, 1).data;
        return 0.299 * r + 0.587 * g + 0.114 * b;
      }),
    );
    return { size: [width, height], seconds, pictures };
  }, source);
  await page.close();
  return found;
}

/** Brightness of each pixel of the seventh frame, which is shown from 0.75 s. */
function brightness(value: (at: number) => number): number[] {
  const level = (at: number): number => Math.min(255, Math.max(0, 127.5 + 127.5 * value(6 * 768 + at)));
  return Array.from({ length: 256 }, (_, i) => {
    const [r, g, b] = [level(3 * i), level(3 * i + 1), level(3 * i + 2)];
    return 0.299 * r + 0.587 * g + 0.114 * b;
  });
}

/** The full value behind a figure, which its accessible name has. */
async function figure(app: App, label: string): Promise<number> {
  const names = await app.page
    .locator(`button[aria-label^="${label}: "]`)
    .evaluateAll((found) => found.map((one) => one.getAttribute("aria-label") ?? ""));
  const values = names.map((name) => Number.parseFloat(name.slice(label.length + 2)));
  const figures = values.filter((value) => !Number.isNaN(value));
  expect(figures, names.join()).toHaveLength(1);
  return figures[0];
}

test("trains, samples both clips, shows what the session reported, stores and opens it again", async ({
  visit,
}) => {
  const app = await visit(hash({ previewEvery: "2" }));
  await button(app, "Train").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in .+ 4 steps, loss [\d.]+, validation loss [\d.]+$/);
  for (const name of ["Step 2 clip", "Step 4 clip"])
    expect((await colours(app, name)).length, name).toBeGreaterThan(20);

  const weights = await saved(app, /^Weights/);
  const read = await readWeights(bytesSource(new Uint8Array(readFileSync(weights)), "w"));
  expect(read).toMatchObject({
    config: { frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2 },
    origin: { steps: 4, seed: 1 },
  });
  const csv = readFileSync(await saved(app, /^Metrics/), "utf8");
  const lines = csv.trim().split("\r\n");
  expect(lines.map((line) => line.split(",")[0])).toEqual(["step", "1", "2", "3", "4"]);
  expect(await figure(app, "Loss")).toBe(Number(lines[4].split(",")[1]));

  await button(app, "Sample").click();
  await app.idle();
  const report = JSON.parse(readFileSync(await saved(app, /^Report/), "utf8")) as {
    sampled: { comparison: VideoComparison };
  };
  const { meanPsnr, meanSsim, kept, speedup } = report.sampled.comparison;
  const words = `PSNR ${formatNumber(meanPsnr!)} dB, SSIM ${formatNumber(meanSsim)}, speed-up ${formatNumber(speedup)}×`;
  expect(await runWords(app)).toContain(words);
  expect(await figure(app, "Mean PSNR")).toBe(meanPsnr);
  expect(await figure(app, "Mean SSIM")).toBe(meanSsim);
  await app.page.getByText("These weights are barely trained").waitFor();
  for (const name of ["Dense clip", "Sparse clip"]) {
    const seen = await colours(app, name);
    expect(seen.length, name).toBeGreaterThan(20);
    expect(
      seen.every((colour) => colour.endsWith(",255")),
      name,
    ).toBe(true);
  }
  expect(meanPsnr).toBeLessThan(60);
  const npz = await openNpz(
    bytesSource(new Uint8Array(readFileSync(await saved(app, /^Clips \(npz\)/))), "n"),
  );
  const [dense, sparse] = [await npz.read("dense"), await npz.read("sparse")];
  expect(dense.shape).toEqual([8, 16, 16, 3]);
  const { data } = await npz.read("parameters");
  expect(JSON.parse(Buffer.from(data as Uint8Array).toString())).toMatchObject({
    settings: { steps: 4, sparsity: 0.75, searches: "2" },
    comparison: { meanPsnr },
  });
  const film = await played(app, await saved(app, /^Clips \(WebM\)/));
  expect([film.size, film.seconds]).toEqual([[3 * 256 + 2 * 16, 256 + 32], 1]);
  const [a, b] = [dense.data as Float32Array, sparse.data as Float32Array];
  const wanted = [(at: number) => a[at], (at: number) => b[at], (at: number) => 2 * (b[at] - a[at])];
  for (const [i, value] of wanted.entries()) {
    const errors = brightness(value).map((level, pixel) => Math.abs(level - film.pictures[i][pixel]));
    // The codec is lossy; another frame, or the wrong picture, is tens of levels away.
    expect(errors.reduce((x, y) => x + y, 0) / errors.length, `picture ${i}`).toBeLessThan(4);
  }
  expect((await colours(app, "Difference clip")).length).toBeGreaterThan(20);

  for (const tab of ["Training", "Clips", "Schedule", "Time", "Ablation", "The paper"]) {
    await open(app, tab);
    expect(await app.page.getByRole("alert").allTextContents(), tab).toEqual([]);
    expect(await pageFaults(app.page), tab).toEqual([]);
    await app.page.setViewportSize({ width: 390, height: 844 });
    await app.idle();
    // Charts follow a change of width by an observer, which may come after the frames that idle waits for.
    await expect.poll(() => layoutFaults(app.page), { message: `${tab} on a phone` }).toEqual([]);
    await app.page.setViewportSize({ width: 1440, height: 900 });
  }
  await open(app, "Schedule");
  expect(
    await app.page.getByRole("list", { name: "Steps of the sparse sampler" }).getByRole("listitem").count(),
  ).toBe(4);
  await app.page.getByText(formatPercent(kept!), { exact: true }).first().waitFor();
  await app.page
    .getByText(formatPercent(1 - kept!), { exact: true })
    .first()
    .waitFor();

  await app.go("#/runs");
  await app.follow(app.page.getByRole("link", { name: "Video XXS, 4 steps", exact: true }));
  await app.page.getByText("Stored run: Video XXS, 4 steps").waitFor();
  await open(app, "Clips");
  expect(await figure(app, "Mean PSNR")).toBe(meanPsnr);
  expect((await colours(app, "Sparse clip")).length).toBeGreaterThan(20);
});

test("opens on the page's own weights, and the first press samples a clip of them", async ({ visit }) => {
  const app = await visit("#/w/sparse-attention?part=video&clipSteps=3&sparseSearches=2&sparseDenseSteps=1");
  await app.page.getByText(SHIPPED_NAME, { exact: true }).waitFor();
  await button(app, "Sample").click();
  await app.idle();
  expect(await runWords(app)).toMatch(/^Done in .+ PSNR [\d.]+ dB, SSIM [\d.]+, speed-up [\d.]+×$/);
  expect((await colours(app, "Dense clip")).length).toBeGreaterThan(20);
});

test("weights come back in, wrong ones are refused in words, a cancel ends sampling and keeps what was drawn", async ({
  visit,
}) => {
  const weights = join(folder, "fresh.safetensors");
  const config = { frames: 8, height: 16, width: 16, dim: 32, layers: 1, heads: 2 };
  const values = new Map(
    Object.entries(modelSpecs(config)).map(([name, { shape, init }], i) => [
      name,
      { shape, data: initialValues(init, shape, 1, i) },
    ]),
  );
  const origin = { steps: 1, seed: 1, loss: 1, validationLoss: 1, settings: {} };
  writeFileSync(weights, encodeWeights({ config, values, origin }, "F16"));

  const app = await visit(hash());
  const wrong = join(folder, "wrong.safetensors");
  writeFileSync(wrong, encodeSafetensors([], {}));
  const input = app.page.locator("input[type=file]");
  await input.setInputFiles(wrong);
  await app.page.getByText("Weights of tessera-video-transformer-1 are needed").waitFor();
  await app.idle();
  await app.page.getByText(SHIPPED_NAME, { exact: true }).waitFor();
  await input.setInputFiles(weights);
  await app.page.getByText(/^1 step, loss /).waitFor();
  await app.idle();

  await app.go(hash({ clipSteps: "1000" }));
  await button(app, "Sample").click();
  await app.page
    .getByText(/^After step \d+ of 1000: still part noise$/)
    .first()
    .waitFor();
  await button(app, "Cancel").click();
  await app.idle();
  expect(await runWords(app)).toBe("Cancelled; what was computed is kept");
  expect(await app.page.getByText(/^Stopped after step \d+ of 1000: still part noise$/).count()).toBe(2);
  expect((await colours(app, "Dense clip")).length).toBeGreaterThan(20);

  await app.go(hash({ sparseSearches: "9" }));
  await app.page.getByText("searches: steps count from 1 to 4, got 9").waitFor();
  expect(await button(app, "Train").isDisabled()).toBe(true);
});
