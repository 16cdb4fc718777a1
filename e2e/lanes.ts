// Opens the built app's "Check my GPU" page in a real browser and brings back its report. It judges nothing.
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import type { CheckReport } from "../src/check/protocol";

const TIMEOUT_MS = 600_000;
const SOFTWARE_FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
];

/** Runs every op check in Chromium on SwiftShader. @throws when the page gives no report within ten minutes. */
export async function chromiumReport(executablePath: string, url: string): Promise<CheckReport> {
  const browser = await chromium.launch({ executablePath, args: SOFTWARE_FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(`${url}#/gpu?run=all`);
    await page.waitForFunction("window.gpuReport !== undefined", undefined, { timeout: TIMEOUT_MS });
    return asReport(await page.evaluate("JSON.stringify(window.gpuReport)"));
  } finally {
    await browser.close();
  }
}

/** The same in Firefox; `driver` is the Vulkan driver file it shall use, null for the system's own. */
export async function firefoxReport(
  executablePath: string,
  url: string,
  driver: string | null,
): Promise<CheckReport> {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    protocolTimeout: TIMEOUT_MS,
    env: { ...process.env, ...(driver ? { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver } : {}) },
    extraPrefsFirefox: {
      "dom.webgpu.enabled": true,
      "gfx.webgpu.ignore-blocklist": true,
      "dom.webgpu.workers.enabled": true,
    },
  });
  try {
    const page = await browser.newPage();
    await page.goto(`${url}#/gpu?run=all`);
    await page.waitForFunction("window.gpuReport !== undefined", { timeout: TIMEOUT_MS });
    return asReport(await page.evaluate("JSON.stringify(window.gpuReport)"));
  } finally {
    await browser.close();
  }
}

function asReport(text: unknown): CheckReport {
  const value = JSON.parse(String(text)) as CheckReport | { error: { message: string } };
  if ("error" in value) throw new Error(value.error.message);
  return value;
}
