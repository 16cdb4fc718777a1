// Every page there is, generated from the registry: it opens, says nothing on the console, asks nobody else for
// anything, fits its window in both colour schemes, and has nothing that axe-core finds serious.
import { describe, expect } from "vitest";
import { workflows } from "../src/app/registry";
import { HASH, workflowHash } from "../src/app/router";
import { type Param, toQuery } from "../src/base/params";
import { fieldLabel } from "../src/ui/params-form";
import { runWords, type Size, test } from "./app";
import { pageFaults } from "./page-checks";

const pages: readonly { name: string; hash: string; heading: string }[] = [
  { name: "gallery", hash: HASH.gallery, heading: "Research papers as experiments on your own GPU" },
  ...workflows.map(({ id, title }) => ({ name: id, hash: workflowHash(id), heading: title })),
  { name: "runs", hash: HASH.runs, heading: "Runs" },
  { name: "gpu", hash: HASH.gpu, heading: "Check my GPU" },
  { name: "about", hash: HASH.about, heading: "About Tessera" },
  { name: "unknown address", hash: "#/nothing/here", heading: "Not found" },
];

const looks: readonly { size: Size; scheme: "light" | "dark" }[] = [
  { size: "desk", scheme: "light" },
  { size: "desk", scheme: "dark" },
  { size: "phone", scheme: "light" },
  { size: "phone", scheme: "dark" },
];

describe.each(looks)("$size, $scheme", (look) => {
  test.for(pages)("$name", async ({ hash, heading }, { visit }) => {
    const { page } = await visit(hash, look);
    expect(await page.locator("h1").allTextContents()).toEqual([heading]);
    expect(await pageFaults(page)).toEqual([]);
  });
});

test("the gallery has one card for each workflow, and each card opens its panel", async ({ visit }) => {
  const app = await visit();
  const { page, idle } = app;
  const main = page.getByRole("main");
  const cards = await main.getByRole("heading", { level: 2 }).allTextContents();
  expect(cards.toSorted()).toEqual(workflows.map((w) => w.title).toSorted());
  for (const { title } of workflows) {
    await app.follow(main.getByRole("link", { name: title, exact: true }));
    expect(await page.locator("h1").textContent()).toBe(title);
    // The run bar is the last thing a panel draws; an error boundary would stand in its place.
    expect(await runWords(app)).not.toBe("");
    expect(await page.getByRole("alert").allTextContents()).toEqual([]);
    await page.goBack();
    await idle();
  }
});

test.for(workflows)(
  "every parameter of $id can be linked, and survives a reload",
  async (workflow, { visit }) => {
    const values = Object.fromEntries(
      Object.entries(workflow.params).map(([name, param]) => [name, another(param)]),
    );
    const hash = workflowHash(workflow.id, toQuery(workflow.params, values));
    const app = await visit(hash);
    expect(new URL(app.page.url()).hash).toBe(hash);
    await app.reload();
    expect(new URL(app.page.url()).hash).toBe(hash);
    // A value that did not fit would have been told.
    await app.page.getByRole("button", { name: "Messages", exact: true }).waitFor();
    // One of them, as the form shows it.
    const [name, number] = Object.entries(workflow.params).find(([, param]) => param.kind === "int")!;
    const field = app.page.getByRole("textbox", { name: fieldLabel(name, number), exact: true });
    expect(await field.inputValue()).toBe(String(values[name]));
  },
);

/** A valid value that is not the default; texts stay, as their patterns are their own. */
function another(param: Param): string | number | boolean {
  switch (param.kind) {
    case "int":
    case "float": {
      const step = param.step ?? (param.kind === "int" ? 1 : (param.max - param.min) / 4);
      return param.default + step <= param.max ? param.default + step : param.default - step;
    }
    case "bool":
      return !param.default;
    case "choice":
      return param.options.find((option) => option !== param.default)!;
    case "text":
      return param.default;
  }
}

test("the checks see what they are for: a wide page, crossing texts, faint text, a foreign request", async ({
  visit,
}) => {
  const app = await visit(HASH.about, { expected: /foreign\.invalid|Content Security Policy/ });
  await app.page.evaluate(() => {
    const { style } = document.querySelector("article")!;
    style.minWidth = "3000px";
    style.color = "#eeeeee";
    document.querySelector("nav")!.style.marginLeft = "-60px";
    new Image().src = "https://foreign.invalid/x.png";
  });
  const faults = (await pageFaults(app.page)).join("\n");
  expect(faults).toMatch(/the page is \d+ px wider than its window/);
  expect(faults).toContain("in the header “Tessera” crosses “Workflows”");
  expect(faults).toContain("color-contrast: ");
  expect(app.problems.join("\n")).toContain("foreign.invalid");
});
