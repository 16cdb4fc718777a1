// The built app in Firefox, for tests: opens an address, waits for the app's idle promise, collects what goes wrong.
import type { Browser, Page } from "puppeteer-core";
import { afterAll, test as base, expect } from "vitest";
import { appUrl } from "./app";
import { launchFirefox } from "./browsers";
import { findTools } from "./tools";

export interface FirefoxApp {
  page: Page;
  problems: string[];
  idle(): Promise<void>;
  /** Presses the first button with these words on it. */
  press(words: string): Promise<void>;
  /** What the run bar says. */
  runWords(): Promise<string>;
}

let browser: Promise<Browser> | undefined;

function firefox(): Promise<Browser> {
  const { firefox: path, lavapipe } = findTools();
  if (!path) throw new Error("No Firefox here: install it.");
  browser ??= launchFirefox(path, lavapipe);
  return browser;
}

afterAll(async () => {
  await (await browser)?.close();
  browser = undefined;
});

/** `visit` opens the app in a context of its own; after the test its problems must be none. */
export const test = base.extend<{ visit(hash?: string): Promise<FirefoxApp> }>({
  // biome-ignore lint/correctness/noEmptyPattern: the form that fixtures must have
  visit: async ({}, use) => {
    const opened: FirefoxApp[] = [];
    await use(async (hash = "#/") => {
      const app = await open(hash);
      opened.push(app);
      return app;
    });
    for (const { page } of opened) await page.browserContext().close();
    expect(opened.flatMap(({ problems }) => problems)).toEqual([]);
  },
});

async function open(hash: string): Promise<FirefoxApp> {
  const context = await (await firefox()).createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  const problems: string[] = [];
  const { origin } = new URL(appUrl());
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${(error as Error).message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== origin)
      problems.push(`foreign request: ${url.href}`);
  });
  page.on("requestfailed", (request) => problems.push(`request failed: ${request.url()}`));
  const app: FirefoxApp = {
    page,
    problems,
    idle: async () => void (await page.evaluate("window.tessera.idle()")),
    press: (words) => page.locator(`::-p-xpath(//button[normalize-space(.)="${words}"])`).click(),
    runWords: async () =>
      (await page.evaluate(
        "document.querySelector('section[aria-label=Run] [role=status]')?.textContent ?? ''",
      )) as string,
  };
  await page.goto(appUrl() + hash);
  await app.idle();
  return app;
}
