// "Check my GPU" through its page: a part of the records by link, the report, a cancel, and a GPU that is lost meanwhile.
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { HASH } from "../src/app/router";
import type { CheckReport } from "../src/check/protocol";
import { runWords, test } from "./app";
import { layoutFaults, pageFaults } from "./page-checks";
import { opPromise } from "./promise";

test("a link runs a part, every promised check is counted, the report can be saved", async ({ visit }) => {
  const app = await visit(`${HASH.gpu}?run=all&only=slice`);
  expect(await runWords(app)).toMatch(/^Done in .+\. (\d+) of \1 checks passed/);
  await app.page.getByText("software adapter: results are right, speed is not a GPU's").waitFor();
  expect(await pageFaults(app.page)).toEqual([]);
  // With the adapter's name in the header: every width between a phone and a desk.
  for (const width of [360, 480, 640, 768, 800, 900, 992, 1024, 1100, 1280]) {
    await app.page.setViewportSize({ width, height: 800 });
    await app.idle();
    expect(await layoutFaults(app.page), `${width} px`).toEqual([]);
  }
  await app.page.getByRole("button", { name: "Report" }).click();
  const download = app.page.waitForEvent("download");
  await app.page.getByRole("menuitem", { name: "Save as JSON" }).click();
  const report = JSON.parse(readFileSync(await (await download).path(), "utf8")) as CheckReport;
  expect(report.passed).toBe(report.expected);
  expect(report.speeds.map((one) => one.op)).toEqual(["slice"]);
});

test("a cancel takes effect and keeps the outcomes so far", async ({ visit }) => {
  const app = await visit(HASH.gpu);
  await app.page.getByRole("button", { name: "Run all checks" }).click();
  await app.page.getByRole("button", { name: /^Passed: [1-9]/ }).waitFor();
  await app.page.getByRole("button", { name: "Cancel" }).click();
  await app.idle();
  expect(await runWords(app)).toBe("Cancelled; what was computed is kept");
  const passed = Number(
    /\d+/.exec((await app.page.getByRole("button", { name: /^Passed: / }).getAttribute("aria-label"))!),
  );
  expect(passed).toBeGreaterThan(0);
  expect(passed).toBeLessThan(opPromise([]));
});

test("a GPU that is lost while it is checked is told, and the next run has another", async ({ visit }) => {
  const flags = ["--disable-gpu-process-crash-limit", "--disable-domain-blocking-for-3d-apis"];
  const app = await visit(HASH.gpu, { flags });
  await app.page.getByRole("button", { name: "Run all checks" }).click();
  await app.page.getByRole("button", { name: /^Passed: [1-9]/ }).waitFor();
  const cdp = await app.browser.newBrowserCDPSession();
  await cdp.send("Browser.crashGpuProcess");
  await app.idle();
  expect(await app.page.getByRole("alert").textContent()).toContain("The GPU was lost");
  await app.go(HASH.about);
  await app.go(`${HASH.gpu}?run=all&only=slice&speed=no`);
  expect(await runWords(app)).toMatch(/^Done in .+\. (\d+) of \1 checks passed/);
});
