// What browsers do to a training that takes long, done to the real page: a reload, a lost GPU, a second tab. What comes after
// equals the training that nobody disturbed, loss for loss, bit for bit.
import { expect } from "vitest";
import { type App, runWords, test } from "../../../e2e/app";
import { button, hash, savedLosses } from "./video-testing";

const STEPS = 40;
const LONG = hash({ trainSteps: String(STEPS), trainLearningRate: "0.001" });
const DONE = new RegExp(`^Done in .+ ${STEPS} steps, loss `);

const stepsDone = (app: App) => app.page.getByText(/^Training, loss /);

/** Losses of the training as it is when nobody disturbs it; the kernels that it chose are remembered from then on. */
async function undisturbed(app: App): Promise<string[]> {
  await button(app, "Train").click();
  await app.idle();
  expect(await runWords(app)).toMatch(DONE);
  const losses = await savedLosses(app);
  expect(losses).toHaveLength(STEPS);
  return losses;
}

async function pause(app: App): Promise<void> {
  await button(app, "Pause").click();
  await button(app, "Resume").waitFor();
}

/**
 * Trains anew until a state is stored, asked for as a browser does that is about to freeze the page. It is paused then: what
 * comes next cannot come after the last step.
 */
async function trainUntilStored(app: App): Promise<void> {
  await button(app, "Train").click();
  await stepsDone(app).first().waitFor();
  await app.page.evaluate(() => document.dispatchEvent(new Event("freeze")));
  await pause(app);
  await stored(app);
}

/** Resolves when the newest run of the browser's private files says that it has done steps. */
function stored(app: App): Promise<void> {
  return app.page.evaluate(async () => {
    const SEAL_BYTES = 24; // before the content of each stored file
    const isThere = async (): Promise<boolean> => {
      const runs = await (await navigator.storage.getDirectory()).getDirectoryHandle("runs");
      for await (const run of runs.values()) {
        for await (const handle of (run as FileSystemDirectoryHandle).values()) {
          if (!handle.name.startsWith("record")) continue;
          const text = await (await (handle as FileSystemFileHandle).getFile()).slice(SEAL_BYTES).text();
          const { state, summary } = JSON.parse(text);
          if (state === "running" && summary.steps > 0) return true;
        }
      }
      return false;
    };
    // A file that is being replaced cannot be read for a moment.
    while (!(await isThere().catch(() => false)))
      await new Promise((resolve) => requestAnimationFrame(resolve));
  });
}

test("a reload in mid-training: the page offers to go on, and the losses are those of the undisturbed training", async ({
  visit,
}) => {
  const app = await visit(LONG);
  const losses = await undisturbed(app);
  await trainUntilStored(app);
  await app.reload();
  await app.page.getByText(`A training was interrupted: Video XXS, ${STEPS} steps`).waitFor();
  const offer = app.page.getByRole("button", { name: /^Go on from step \d+$/ });
  const from = Number((await offer.textContent())!.match(/\d+/)![0]);
  expect(from).toBeGreaterThan(0);
  expect(from).toBeLessThan(STEPS);
  await offer.click();
  await app.idle();
  expect(await runWords(app)).toMatch(DONE);
  expect(await savedLosses(app)).toEqual(losses);
  // The undisturbed one lies under it.
  await button(app, "Compare").click();
  await app.page.getByRole("checkbox", { name: new RegExp(`^Video XXS, ${STEPS} steps \\(`) }).check();
  await app.page.keyboard.press("Escape");
  await button(app, "Compared with 1 run").waitFor();
  const legend = app.page.getByRole("region", { name: "Loss", exact: true }).locator("button[aria-pressed]");
  expect((await legend.allTextContents()).filter(Boolean)).toEqual([
    "Loss",
    "Smoothed",
    expect.stringMatching(`^Video XXS, ${STEPS} steps \\(`),
  ]);
  await app.reload();
  expect(await app.page.getByText("A training was interrupted").count()).toBe(0);
});

test("the GPU process crashes in mid-training: it goes on by itself, to the losses of the undisturbed training", async ({
  visit,
}) => {
  const flags = ["--disable-gpu-process-crash-limit", "--disable-domain-blocking-for-3d-apis"];
  const app = await visit(LONG, { flags });
  const losses = await undisturbed(app);
  await trainUntilStored(app);
  const cdp = await app.browser.newBrowserCDPSession();
  await cdp.send("Browser.crashGpuProcess");
  await button(app, "Resume").click();
  await app.page
    .getByText(/^The GPU was lost at step \d+; (going|the training went) on from step \d+$/)
    .waitFor();
  await app.idle();
  expect(await runWords(app)).toMatch(DONE);
  expect(await savedLosses(app)).toEqual(losses);
});

test("two tabs offer the same interrupted training: the first to go on has it, the other says so", async ({
  visit,
}) => {
  const app = await visit(LONG);
  await trainUntilStored(app);
  await app.reload();
  const second = await app.another(LONG);
  const offer = (tab: App) => tab.page.getByRole("button", { name: /^Go on from step \d+$/ });
  await offer(second).waitFor();
  await offer(app).click();
  // Held, so that it cannot be done before the other tab asks.
  await pause(app);
  await offer(second).click();
  await second.idle();
  await second.page.getByText(/^This run is going on in another tab or program/).waitFor();
  await button(app, "Resume").click();
  await app.idle();
  expect(await runWords(app)).toMatch(DONE);
});
