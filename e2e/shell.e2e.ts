// The frame around all workflows: search, keys, colours, phone menu, messages, a browser without WebGPU, no network.
import { describe, expect } from "vitest";
import { workflows } from "../src/app/registry";
import { HASH, workflowHash } from "../src/app/router";
import { type App, appUrl, runWords, test } from "./app";
import { pageFaults } from "./page-checks";

const hashOf = (app: App): string => new URL(app.page.url()).hash;
const search = (app: App) => app.page.getByRole("textbox", { name: "Search workflows, pages, commands" });

describe("the command palette", () => {
  test("opens by key and by button, finds, navigates, closes", async ({ visit }) => {
    const app = await visit();
    const { keyboard } = app.page;
    await keyboard.press("Control+k");
    await search(app).waitFor();
    await app.idle();
    expect(await pageFaults(app.page)).toEqual([]);
    await keyboard.type("check my");
    await keyboard.press("Enter");
    await app.idle();
    expect(hashOf(app)).toBe(HASH.gpu);
    await search(app).waitFor({ state: "hidden" });

    await app.page.getByRole("button", { name: "Search" }).click();
    await search(app).fill("nothing is called like this");
    await app.page.getByText("Nothing matches").waitFor();
    await keyboard.press("Escape");
    await search(app).waitFor({ state: "hidden" });
    expect(hashOf(app)).toBe(HASH.gpu);
  });

  test("finds every workflow by its title", async ({ visit }) => {
    const app = await visit(HASH.about);
    for (const { id, title } of workflows) {
      await app.page.keyboard.press("Control+k");
      await search(app).fill(title);
      await app.page.keyboard.press("Enter");
      await search(app).waitFor({ state: "hidden" });
      await app.idle();
      expect(hashOf(app)).toBe(workflowHash(id));
    }
  });
});

test("keys: go to pages, list of keys; a key typed into a field is the field's", async ({ visit }) => {
  const app = await visit();
  const { keyboard } = app.page;
  for (const [letter, hash] of [
    ["r", HASH.runs],
    ["c", HASH.gpu],
    ["a", HASH.about],
    ["g", HASH.gallery],
  ]) {
    await keyboard.press("g");
    await keyboard.press(letter);
    await app.idle();
    expect(hashOf(app)).toBe(hash);
  }
  await keyboard.press("?");
  const keys = app.page.getByRole("dialog", { name: "Keyboard" });
  await keys.waitFor();
  await app.idle();
  expect(await pageFaults(app.page)).toEqual([]);
  await keyboard.press("Escape");
  await keys.waitFor({ state: "hidden" });
  await keyboard.press("Control+k");
  await search(app).fill("");
  await keyboard.type("gr?");
  expect(await search(app).inputValue()).toBe("gr?");
  expect(hashOf(app)).toBe(HASH.gallery);
});

test("the chosen colours survive a reload, and the page never shows the others first", async ({ visit }) => {
  const app = await visit(HASH.about, { scheme: "light" });
  const scheme = (): Promise<string | null> =>
    app.page.locator("html").getAttribute("data-mantine-color-scheme");
  expect(await scheme()).toBe("light");
  await app.page.getByRole("button", { name: "Use dark colours" }).click();
  expect(await scheme()).toBe("dark");
  // The first thing that is drawn after the reload: the scheme is set before any of the app's own code.
  await app.page.route(/assets\/.*\.js/, (route) => route.abort());
  await app.page.reload({ waitUntil: "domcontentloaded" });
  expect(await scheme()).toBe("dark");
  app.problems.length = 0; // the scripts that were held back on purpose
  await app.page.unroute(/assets\/.*\.js/);
  await app.reload();
  await app.page.getByRole("button", { name: "Use light colours" }).waitFor();
});

describe("the idle promise", () => {
  const next = `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`;
  /** What comes first: the promise, or ten frames. */
  const isIdle = (app: App): Promise<unknown> =>
    app.page.evaluate(`(async () => {
      let frames = 0;
      const idle = window.tessera.idle().then(() => "idle");
      while (frames++ < 5) if ((await Promise.race([idle, ${next}])) === "idle") return true;
      return false;
    })()`);

  test("waits for a call to a worker, and for nothing else", async ({ visit }) => {
    const app = await visit(HASH.gpu);
    expect(await isIdle(app)).toBe(true);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await app.page.route(/worker-.*\.js/, async (route) => {
      await held;
      await route.continue();
    });
    await app.page.getByRole("button", { name: "Run all checks" }).click();
    expect(await isIdle(app)).toBe(false);
    await app.page.getByRole("button", { name: "Cancel" }).click();
    expect(await isIdle(app)).toBe(false);
    release();
    await app.idle();
    expect(await runWords(app)).toBe("Cancelled; what was computed is kept");
  });

  test("waits for animations that end", async ({ visit }) => {
    const app = await visit();
    await app.page.keyboard.press("Control+k");
    await search(app).waitFor({ state: "attached" });
    await app.idle();
    const running = `document.getAnimations().filter((a) => a.playState === "running"
      && Number.isFinite(a.effect.getComputedTiming().endTime)).length`;
    expect(await app.page.evaluate(running)).toBe(0);
    expect(await search(app).evaluate((field) => getComputedStyle(field).opacity)).toBe("1");
  });
});

test("on a phone the pages are in a menu", async ({ visit }) => {
  const app = await visit(HASH.gallery, { size: "phone" });
  await app.page.getByRole("button", { name: "Pages" }).click();
  await app.page.getByRole("menuitem", { name: "Runs" }).click();
  await app.idle();
  expect(hashOf(app)).toBe(HASH.runs);
  expect(await pageFaults(app.page)).toEqual([]);
});

test("what nobody caught becomes a message, which can be read again", async ({ visit }) => {
  const app = await visit(HASH.about, { expected: /thrown on purpose/ });
  await app.page.evaluate(() => void Promise.reject(new Error("thrown on purpose")));
  const toast = app.page.getByRole("alert").getByText("thrown on purpose");
  await toast.waitFor();
  await app.idle();
  expect(await pageFaults(app.page)).toEqual([]);
  await app.page.getByRole("button", { name: "Dismiss this message" }).click();
  await toast.waitFor({ state: "hidden" });
  await app.page.getByRole("button", { name: "Messages, 1 unread" }).click();
  await app.page.getByRole("dialog", { name: "Messages" }).getByText("thrown on purpose").waitFor();
  await app.page.getByRole("button", { name: "Close the messages" }).click();
  await app.page.getByRole("button", { name: "Messages", exact: true }).waitFor();
});

describe("no GPU to work on", () => {
  test("a browser without WebGPU says so and what to do", async ({ visit }) => {
    const app = await visit("#/", { init: "delete Navigator.prototype.gpu" });
    const note = app.page.getByRole("note").filter({ hasText: "No WebGPU here" });
    expect(await note.textContent()).toContain("Use Chrome or Edge");
    await app.page.getByRole("button", { name: "Device: No WebGPU" }).waitFor();
    expect(await pageFaults(app.page)).toEqual([]);
  });

  test("a blocked GPU is told at once, and a run ends with the same words", async ({ visit }) => {
    const app = await visit("#/", { withoutAdapter: true });
    const note = app.page.getByRole("note").filter({ hasText: "No WebGPU here" });
    expect(await note.textContent()).toContain("chrome://gpu");
    await app.go(HASH.gpu);
    await app.page.getByRole("button", { name: "Run all checks" }).click();
    await app.idle();
    const alert = app.page.getByRole("alert");
    expect(await alert.textContent()).toContain("chrome://gpu");
    expect(await alert.textContent()).toContain("gpu-no-adapter");
    expect(await pageFaults(app.page)).toEqual([]);
  });
});

describe("the service worker", () => {
  /** The page itself is asked of the network first; without one the cache answers. */
  const ASKED_NETWORK = new RegExp(`^request failed: ${appUrl()} \\(net::ERR_INTERNET_DISCONNECTED\\)$`);
  /** Resolves when a worker with all files in its cache answers for this page. */
  const controlled = (app: App): Promise<unknown> =>
    app.page.evaluate(async () => {
      const { serviceWorker } = navigator;
      if (!serviceWorker.controller)
        await new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve));
      await serviceWorker.ready;
    });

  test("once loaded, every page opens without a network, before and after a reload", async ({ visit }) => {
    const app = await visit("#/", { serviceWorker: true, expected: ASKED_NETWORK });
    await controlled(app);
    await app.context.setOffline(true);
    const hashes = [...workflows.map(({ id }) => workflowHash(id)), HASH.runs, HASH.gpu, HASH.about];
    for (const hash of hashes) {
      await app.go(hash);
      expect(await app.page.locator("h1").count()).toBe(1);
      expect(await app.page.getByRole("alert").allTextContents()).toEqual([]);
    }
    // A worker and its kernels come from the cache as well.
    await app.go(`${HASH.gpu}?run=all&only=softmax&speed=no`);
    await app.reload();
    expect(await runWords(app)).toMatch(/^Done in .+\. (\d+) of \1 checks passed/);
  });

  test("with a network, a reload shows what the server has now", async ({ visit }) => {
    const app = await visit(HASH.about, { serviceWorker: true, expected: ASKED_NETWORK });
    await controlled(app);
    await app.context.route(appUrl(), async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace("<body>", '<body data-version="next">');
      await route.fulfill({ response, body });
    });
    await app.reload();
    expect(await app.page.locator("body").getAttribute("data-version")).toBe("next");
    await app.context.unroute(appUrl());
    await app.context.setOffline(true);
    await app.reload();
    expect(await app.page.locator("body").getAttribute("data-version")).toBeNull();
  });
});
