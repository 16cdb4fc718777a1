// Makes the picture in the README from the built app: `node src/cli/run.mjs e2e/screenshot.ts`. It runs the generated
// example of the attention laboratory on a software adapter and photographs the block map.
import { launchChromium } from "./browsers";
import { serveBuiltApp } from "./built-app";
import { findTools } from "./tools";

const OUT = "e2e/screenshot.png";

const { chromium } = findTools();
if (!chromium) throw new Error("no Chromium, Chrome or Edge here: install one");
const url = await serveBuiltApp();
const browser = await launchChromium(chromium);
const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: "light" });
await page.goto(`${url}#/w/sparse-attention`);
await page.getByRole("button", { name: "Use a generated example" }).first().click();
await page.evaluate("window.tessera.idle()");
await page.getByRole("button", { name: "Run analysis" }).click();
await page.evaluate("window.tessera.idle()");
await page.getByRole("tab", { name: "Block map" }).click();
await page.evaluate("window.tessera.idle()");
await page.screenshot({ path: OUT });
await browser.close();
process.stdout.write(`${OUT} written\n`);
process.exit(0);
