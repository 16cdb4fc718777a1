// Starts the browsers that lanes, end-to-end tests and benches drive, with WebGPU on where there is no GPU.
// One home for flags and preferences; what a page then does is the caller's.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser as Chromium, chromium } from "playwright-core";
import puppeteer, { type Browser as Firefox } from "puppeteer-core";

/** WebGPU on SwiftShader; the last three make canvases work too, without a display. */
export const CHROMIUM_FLAGS: readonly string[] = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
];

/** Chromium, Chrome or Edge, headless, on SwiftShader. `flags` are added to the ones above. */
export function launchChromium(executablePath: string, flags: readonly string[] = []): Promise<Chromium> {
  return chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS, ...flags] });
}

/**
 * Firefox, headless, with WebGPU in pages and workers and a home folder of its own that goes when it closes.
 * `driver` is the Vulkan driver file it shall use, null for the system's own; `protocolTimeout` 0 waits for ever.
 */
export async function launchFirefox(
  executablePath: string,
  driver: string | null,
  protocolTimeout = 180_000,
): Promise<Firefox> {
  const home = mkdtempSync(join(tmpdir(), "tessera-firefox-"));
  const drivers = driver ? { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver } : {};
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    protocolTimeout,
    env: { ...process.env, ...drivers, HOME: home },
    extraPrefsFirefox: {
      "dom.webgpu.enabled": true,
      "gfx.webgpu.ignore-blocklist": true,
      "dom.webgpu.workers.enabled": true,
    },
  });
  browser.once("disconnected", () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }));
  return browser;
}
