// Opens the built app's "Check my GPU" page in a real browser and brings back its report. It judges nothing.
import type { CheckReport } from "../src/check/protocol";
import { launchChromium, launchFirefox } from "./browsers";

const TIMEOUT_MS = 600_000;

/** Runs every op check in Chromium on SwiftShader. @throws when the page gives no report within ten minutes. */
export async function chromiumReport(executablePath: string, url: string): Promise<CheckReport> {
  const browser = await launchChromium(executablePath);
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
  const browser = await launchFirefox(executablePath, driver, TIMEOUT_MS);
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
