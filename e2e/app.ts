// The built app in a real browser, for tests: opens pages, waits for the app's own idle promise, and collects whatever
// goes wrong meanwhile. A test that leaves a console error, a failed request or a foreign request behind fails.
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, test as base, expect } from "vitest";
import { launchChromium } from "./browsers";
import { findTools } from "./tools";

const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
export type Size = keyof typeof SIZES;

export interface VisitOptions {
  size?: Size;
  scheme?: "light" | "dark";
  /** Off unless a test is about it: a cached page would hide what the build serves. */
  serviceWorker?: boolean;
  /** Runs in the page before its own scripts. */
  init?: string;
  /** Problems that the test provokes, e.g. what a browser logs about a lost device. */
  expected?: RegExp;
  /** Command-line flags of a browser of its own, beside the common ones. */
  flags?: readonly string[];
  /** A browser that has WebGPU and no adapter to offer. */
  withoutAdapter?: boolean;
}

/** One page in a context of its own: storage starts empty. */
export interface App {
  page: Page;
  context: BrowserContext;
  browser: Browser;
  /** What went wrong since the page was opened, as lines for a person. */
  problems: string[];
  /** Resolves when the app says that nothing is under way. */
  idle(): Promise<void>;
  /** Presses a link, and waits until the page that it leads to is idle. */
  follow(link: Locator): Promise<void>;
  /** Changes the address within the page and waits until it is idle. */
  go(hash: string): Promise<void>;
  reload(): Promise<void>;
  /** Another page of the same context, watched as well. */
  another(hash: string): Promise<App>;
}

/** Address of the built app, with a slash at its end. */
export function appUrl(): string {
  const url = process.env.TESSERA_APP;
  if (!url) throw new Error("TESSERA_APP is not set: run the browser tests with `npm test -- app`.");
  return url;
}

const NO_ADAPTER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"];
/** What the run bar of the page says. */
export function runWords(app: App): Promise<string | null> {
  return app.page.getByRole("region", { name: "Run", exact: true }).getByRole("status").textContent();
}

const browsers = new Map<string, Promise<Browser>>();

/** One browser for each set of flags, for the life of the test file. */
function browserFor({ flags = [], withoutAdapter = false }: VisitOptions): Promise<Browser> {
  const key = `${withoutAdapter} ${flags.join(" ")}`;
  let browser = browsers.get(key);
  if (!browser) {
    const path = findTools().chromium;
    if (!path) throw new Error("No Chromium, Chrome or Edge here: install one.");
    browser = withoutAdapter
      ? chromium.launch({ executablePath: path, args: NO_ADAPTER_FLAGS })
      : launchChromium(path, flags);
    browsers.set(key, browser);
  }
  return browser;
}

afterAll(async () => {
  for (const browser of browsers.values()) await (await browser).close();
  browsers.clear();
});

/** `visit` opens the app at an address; after the test its contexts are closed and its problems must be none. */
export const test = base.extend<{ visit(hash?: string, options?: VisitOptions): Promise<App> }>({
  // biome-ignore lint/correctness/noEmptyPattern: the form that fixtures must have
  visit: async ({}, use) => {
    const opened: { app: App; expected: RegExp | undefined }[] = [];
    await use(async (hash = "#/", options = {}) => {
      const app = await open(hash, options);
      opened.push({ app, expected: options.expected });
      return app;
    });
    for (const { app } of opened) await app.context.close();
    const left = opened.flatMap(({ app, expected }) => app.problems.filter((line) => !expected?.test(line)));
    expect(left).toEqual([]);
  },
});

async function open(hash: string, options: VisitOptions): Promise<App> {
  const browser = await browserFor(options);
  const context = await browser.newContext({
    viewport: SIZES[options.size ?? "desk"],
    colorScheme: options.scheme ?? "light",
    serviceWorkers: options.serviceWorker ? "allow" : "block",
    acceptDownloads: true,
    locale: "en-GB",
  });
  context.setDefaultTimeout(60_000);
  if (options.init) await context.addInitScript(options.init);
  const problems: string[] = [];
  watchRequests(context, problems);
  return openPage(browser, context, problems, hash);
}

async function openPage(
  browser: Browser,
  context: BrowserContext,
  problems: string[],
  hash: string,
): Promise<App> {
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  const app: App = {
    page,
    context,
    browser,
    problems,
    // As text: the page's own promise, not one of this process.
    idle: async () => void (await page.evaluate("window.tessera.idle()")),
    async follow(link) {
      const before = page.url();
      await link.click();
      // A browser follows a link in a later task than the one of the press.
      await page.waitForURL((url) => url.href !== before);
      await app.idle();
    },
    async go(next) {
      await page.evaluate((to) => {
        location.hash = to;
      }, next);
      await app.idle();
    },
    async reload() {
      await page.reload();
      await app.idle();
    },
    another: (next) => openPage(browser, context, problems, next),
  };
  await page.goto(appUrl() + hash);
  await app.idle();
  return app;
}

function watchRequests(context: BrowserContext, problems: string[]): void {
  const { origin } = new URL(appUrl());
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== origin)
      problems.push(`foreign request: ${url.href}`);
  });
  context.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "no reason";
    // A page that is left while its icon is on the way aborts the request; nothing is wrong with the app then.
    if (why !== "net::ERR_ABORTED") problems.push(`request failed: ${request.url()} (${why})`);
  });
  context.on("response", (response) => {
    if (response.status() >= 400) problems.push(`status ${response.status()}: ${response.url()}`);
  });
}
