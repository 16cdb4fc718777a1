// The app in Firefox: every page opens, the gallery leads to every workflow, and an op is right on its adapter.
import { expect } from "vitest";
import { workflows } from "../src/app/registry";
import { HASH, workflowHash } from "../src/app/router";
import { test } from "./firefox";

test("every page opens from its address", async ({ visit }) => {
  const { page, idle } = await visit();
  const heading = (): Promise<unknown> => page.evaluate("document.querySelector('h1')?.textContent");
  for (const [hash, words] of [
    ...workflows.map(({ id, title }) => [workflowHash(id), title]),
    [HASH.runs, "Runs"],
    [HASH.gpu, "Check my GPU"],
    [HASH.about, "About Tessera"],
    [HASH.gallery, "Research papers as experiments on your own GPU"],
  ]) {
    await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
    await idle();
    expect(await heading()).toBe(words);
    expect(await page.evaluate("document.querySelectorAll('[role=alert]').length")).toBe(0);
  }
});

test("the gallery leads to every workflow", async ({ visit }) => {
  const { page, idle, runWords } = await visit();
  for (const { title } of workflows) {
    await page.locator(`::-p-xpath(//main//a[normalize-space(.)="${title}"])`).click();
    await idle();
    expect(await page.evaluate("document.querySelector('h1')?.textContent")).toBe(title);
    expect(await runWords()).not.toBe("");
    await page.goBack();
    await idle();
  }
});
