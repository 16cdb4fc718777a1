// Runs one function of a page in a real browser and forwards its console. Used by the benches only.
import { launchChromium, launchFirefox } from "../browsers";
import { findTools } from "../tools";

export type BrowserKind = "chromium" | "firefox";

export interface BenchBrowser {
  /** Opens `url`, calls `window[name](argument)` and returns its result. */
  evaluate<R>(url: string, name: string, argument: unknown, log: (line: string) => void): Promise<R>;
  close(): Promise<void>;
}

/** @throws Error in one sentence when the browser is not on this machine. */
export async function launchBrowser(kind: BrowserKind): Promise<BenchBrowser> {
  const tools = findTools();
  const path = tools[kind];
  if (!path) throw new Error(`no ${kind} on this machine: install it, or run npm run setup`);
  return kind === "chromium" ? inChromium(path) : inFirefox(path, tools.lavapipe);
}

async function inChromium(path: string): Promise<BenchBrowser> {
  const browser = await launchChromium(path);
  return {
    async evaluate(url, name, argument, log) {
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      page.on("console", (message) => log(message.text()));
      page.on("pageerror", (error) => log(`page error: ${error.message}`));
      await page.goto(url);
      await page.waitForFunction((n) => n in window, name);
      return page.evaluate(
        ([n, a]) => (window as unknown as Record<string, (a: unknown) => unknown>)[n as string](a),
        [name, argument],
      ) as never;
    },
    close: () => browser.close(),
  };
}

async function inFirefox(path: string, driver: string | null): Promise<BenchBrowser> {
  const browser = await launchFirefox(path, driver, 0);
  return {
    async evaluate(url, name, argument, log) {
      const page = await browser.newPage();
      page.on("console", (message) => log(message.text()));
      await page.goto(url);
      await page.waitForFunction((n: string) => n in window, { timeout: 60_000 }, name);
      return page.evaluate(
        (n: string, a: unknown) => (window as unknown as Record<string, (a: unknown) => unknown>)[n](a),
        name,
        argument,
      ) as never;
    },
    close: () => browser.close(),
  };
}
