// The merge workflow in Firefox, which has no picker for folders: samples are merged into the page's private files.
import { expect } from "vitest";
import { test } from "../../../e2e/firefox";

test("samples become a model in private files, once and again", async ({ visit }) => {
  const { page, idle, press, runWords } = await visit("#/w/branch-merge");
  await press("Use sample models");
  await idle();
  for (let turn = 0; turn < 2; turn++) {
    await press("Merge");
    await idle();
    expect(await runWords()).toMatch(/^Done in .+\. 56 tensors, 602 KiB$/);
    expect(await page.$$("[aria-label='Save model.safetensors']")).toHaveLength(1);
  }
});
