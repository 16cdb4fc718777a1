// Runs one function of a page in a real browser and forwards its console. Used by the benches only.
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

export type BrowserKind = "chromium" | "firefox";

const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
];

export interface BenchBrowser {
  /** Opens `url`, calls `window[name](argument)` and returns its result. */
  evaluate<R>(url: string, name: string, argument: unknown, log: (line: string) => void): Promise<R>;
  close(): Promise<void>;
}

const first = (paths: readonly string[]): string => {
  const found = paths.find((p) => existsSync(p));
  if (!found) throw new Error(`No browser found; looked for ${paths.join(", ")}`);
  return found;
};

export async function launchBrowser(kind: BrowserKind): Promise<BenchBrowser> {
  return kind === "chromium" ? launchChromium() : launchFirefox();
}

async function launchChromium(): Promise<BenchBrowser> {
  const executablePath = first(["/usr/bin/chromium", "/usr/bin/google-chrome"]);
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
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

async function launchFirefox(): Promise<BenchBrowser> {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: first(["/usr/bin/firefox-esr", "/usr/bin/firefox"]),
    headless: true,
    protocolTimeout: 0,
    extraPrefsFirefox: {
      "dom.webgpu.enabled": true,
      "gfx.webgpu.ignore-blocklist": true,
      "dom.webgpu.workers.enabled": true,
    },
    env: {
      ...process.env,
      HOME: mkdtempSync(join(tmpdir(), "tessera-firefox-")),
      VK_ICD_FILENAMES: process.env.VK_ICD_FILENAMES ?? "/usr/share/vulkan/icd.d/lvp_icd.json",
    },
  });
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
