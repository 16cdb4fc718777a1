// The tutorial workflow in Firefox: a run counts what the CPU counts.
import { expect } from "vitest";
import { test } from "../../../e2e/firefox";

test("a run counts what the CPU counts", async ({ visit }) => {
  const { page, idle, press, runWords } = await visit("#/w/hello");
  await press("Run");
  await idle();
  expect(await runWords()).toMatch(/^Done in .+\. 100,000 values in 64 bins$/);
  expect(await page.$$("[aria-label='Bins that differ: 0']")).toHaveLength(1);
});
