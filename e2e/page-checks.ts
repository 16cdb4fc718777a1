// What must hold for any page in any state: it fits its window, no texts of the header cross, axe-core finds nothing
// serious. Each gives faults as lines for a person; an empty list is good.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";

/** All of them. */
export async function pageFaults(page: Page): Promise<string[]> {
  return [...(await layoutFaults(page)), ...(await seriousFaults(page))];
}

/** Those that depend on the size of the window. */
export async function layoutFaults(page: Page): Promise<string[]> {
  return [...(await overflows(page)), ...(await headerOverlaps(page))];
}

/** The page must not scroll sideways; regions inside it may. */
async function overflows(page: Page): Promise<string[]> {
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return beyond > 0 ? [`the page is ${beyond} px wider than its window`] : [];
}

/** Pairs of texts in the header whose lines cross. */
function headerOverlaps(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const texts: { words: string; box: DOMRect }[] = [];
    const walker = document.createTreeWalker(document.querySelector("header")!, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) {
        if (box.width > 0 && box.height > 0) texts.push({ words: node.textContent ?? "", box });
      }
    }
    if (texts.length === 0) return ["the header has no text"];
    return texts.flatMap((a, i) =>
      texts
        .slice(i + 1)
        .filter(
          ({ box }) =>
            Math.min(a.box.right, box.right) - Math.max(a.box.left, box.left) > 0.5 &&
            Math.min(a.box.bottom, box.bottom) - Math.max(a.box.top, box.top) > 0.5,
        )
        .map((b) => `in the header “${a.words}” crosses “${b.words}”`),
    );
  });
}

/** What axe-core calls serious or critical. */
async function seriousFaults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.failureSummary}`),
    );
}
