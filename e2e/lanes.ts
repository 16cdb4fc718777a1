// Opens the built app's "Check my GPU" page in a real browser and brings back its report. It judges nothing.
import { setTimeout as pause } from "node:timers/promises";
import type { CheckReport } from "../src/check/protocol";
import { launchChromium, launchFirefox } from "./browsers";

const TIMEOUT_MS = 600_000;

/** Runs every op check in Chromium on SwiftShader. @throws when the page gives no report within ten minutes. */
export async function chromiumReport(executablePath: string, url: string): Promise<CheckReport> {
  const browser = await launchChromium(executablePath);
  try {
    const page = await browser.newPage();
    await page.goto(`${url}#/gpu?run=all`);
    return await reportOf(() => page.evaluate("JSON.stringify(window.gpuReport ?? null)"));
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
    return await reportOf(() => page.evaluate("JSON.stringify(window.gpuReport ?? null)"));
  } finally {
    await browser.close();
  }
}

/** Asks until there is a report. Waiting inside the page would need eval, which its content-security policy forbids. */
async function reportOf(ask: () => Promise<unknown>): Promise<CheckReport> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (Date.now() < deadline) {
    const value = JSON.parse(String(await ask())) as CheckReport | { error: { message: string } } | null;
    if (value && "error" in value) throw new Error(value.error.message);
    if (value) return value;
    await pause(250);
  }
  throw new Error("the page gave no report within ten minutes");
}
