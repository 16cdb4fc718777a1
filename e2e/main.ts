// The part of `npm test` that needs a GPU or a browser: the size of the first load, the GPU suite on Dawn in Node, the
// op records in Chromium and Firefox, and the app's own browser tests. Its last lines say what ran where.
//   node src/cli/run.mjs e2e/main.ts [lane [words for Vitest]]
import type { CheckReport } from "../src/check/protocol";
import { openNodeGpu } from "../src/cli/node-gpu";
import { requestDevice } from "../src/gpu/gate";
import { serveBuiltApp } from "./built-app";
import { firstLoad } from "./bundle";
import { chromiumReport, firefoxReport } from "./lanes";
import { nodePromise, opPromise } from "./promise";
import { canInstall } from "./setup";
import { runSuite, total } from "./suite";
import { findTools } from "./tools";

const [only, ...words] = process.argv.slice(2); // one lane by name, for work on that lane
const lines: string[] = [];
let passed = 0;
let failed = 0;

async function lane(name: string, run: () => Promise<void>): Promise<void> {
  if (only && only !== name) return;
  process.stdout.write(`lane ${name}\n`);
  try {
    await run();
  } catch (error) {
    failed += 1;
    lines.push(`${name}: FAILED, ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Counts one set of tests; what was promised but did not run counts as failed. */
function tell(name: string, what: string, kind: string, ran: number, promised: number, good: number): void {
  passed += good;
  failed += promised > 0 ? Math.max(promised, ran) - good : 1;
  lines.push(`${name}: ${what} ran ${ran} of ${promised} ${kind}, ${good} passed`);
}

const named = (adapter: string, features: Iterable<string>): string =>
  `${adapter} [${[...features].sort().join(", ")}]`;

function tellReport(name: string, report: CheckReport, expected: RegExp): void {
  for (const bad of report.outcomes.filter((one) => !one.passed)) {
    process.stdout.write(`${name}: ${bad.op} ${bad.check} ${bad.case}: ${bad.message ?? "over the bound"}\n`);
  }
  const { adapter, ran, passed: good } = report;
  const promised = opPromise(adapter.features);
  tell(name, named(adapter.name, adapter.features), "GPU tests", ran, promised, good);
  // Firefox keeps adapter names to itself; there the driver that it was started with has to be believed.
  const isNamed = adapter.name !== "unnamed GPU";
  if (adapter.software && isNamed && !expected.test(`${adapter.name} ${adapter.description}`)) {
    throw new Error(`another software adapter than expected: ${adapter.name}`);
  }
}

async function dawn(): Promise<void> {
  const { gpu, description } = await openNodeGpu();
  const { device, adapter } = await requestDevice(gpu);
  device.destroy();
  const { features } = adapter;
  const counts = await runSuite("dawn", [".gpu.test.", ...words]);
  const sum = total(counts);
  const ran = sum.passed + sum.failed;
  tell("dawn", named(description, features), "GPU tests", ran, nodePromise(features, counts), sum.passed);
}

/** The app's tests in one browser; a skipped test is one that did not run. */
async function browserTests(name: string, filter: readonly string[]): Promise<void> {
  const config = ["--config", "e2e/vitest.config.ts"];
  const sum = total(await runSuite(name, [...config, ...filter, ...words], { TESSERA_APP: url }));
  const ran = sum.passed + sum.failed;
  tell(name, "the app", "browser tests", ran, ran + sum.left, sum.passed);
}

// Where set-up installs browsers both must be there; elsewhere one will do, and the other is told.
const tools = findTools();
const url = await serveBuiltApp();

await lane("bundle", async () => {
  lines.push(`bundle: ${firstLoad()}`);
  passed += 1;
});
await lane("dawn", dawn);
if (tools.chromium || !tools.firefox || canInstall()) {
  await lane("chromium", async () => {
    if (!tools.chromium) throw new Error("no Chromium, Chrome or Edge here: install one");
    tellReport("chromium", await chromiumReport(tools.chromium, url), /swiftshader/i);
  });
  await lane("app", () => browserTests("app", ["--exclude", "**/*.firefox.e2e.ts"]));
} else
  lines.push("chromium, app: NOT RUN, no Chromium, Chrome or Edge here: install one to test in it as well");
if (tools.firefox || !tools.chromium || canInstall()) {
  await lane("firefox", async () => {
    if (!tools.firefox) throw new Error("no Firefox here: install it");
    tellReport("firefox", await firefoxReport(tools.firefox, url, tools.lavapipe), /llvmpipe|lavapipe/i);
  });
  await lane("app-firefox", () => browserTests("app-firefox", [".firefox.e2e."]));
} else lines.push("firefox, app-firefox: NOT RUN, no Firefox here: install it to test in it as well");

for (const line of lines) process.stdout.write(`${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
