// The part of `npm test` that needs a GPU: Dawn in Node, Chromium, Firefox, and the size of the first bundle.
// Types, lint, tidy and unit tests ran before it. Its last lines say what ran where.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build, preview } from "vite";
import type { CheckReport } from "../src/check/protocol";
import { openNodeGpu } from "../src/cli/node-gpu";
import { chromiumReport, firefoxReport } from "./lanes";
import { findTools } from "./tools";

const FIRST_LOAD_BYTES = 250 * 1024;
const only = process.argv[2]; // one lane by name, for work on that lane
const lines: string[] = [];
let passed = 0;
let failed = 0;

async function lane(name: string, run: () => Promise<void>): Promise<void> {
  if (only && only !== name) return;
  try {
    await run();
  } catch (error) {
    failed += 1;
    lines.push(`${name}: FAILED, ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Counts one adapter; what was promised but did not run counts as failed. */
function tell(
  name: string,
  adapter: string,
  features: readonly string[],
  ran: number,
  promised: number,
  good: number,
) {
  passed += good;
  failed += promised > 0 ? Math.max(promised, ran) - good : 1;
  lines.push(
    `${name}: ${adapter} [${features.join(", ")}] ran ${ran} of ${promised} GPU tests, ${good} passed`,
  );
}

function tellReport(name: string, report: CheckReport, expected: RegExp): void {
  for (const bad of report.outcomes.filter((one) => !one.passed)) {
    process.stdout.write(`${name}: ${bad.op} ${bad.check} ${bad.case}: ${bad.message ?? "over the bound"}\n`);
  }
  const { adapter } = report;
  tell(name, adapter.name, adapter.features, report.ran, report.expected, report.passed);
  if (adapter.software && !expected.test(`${adapter.name} ${adapter.description}`)) {
    throw new Error(`another software adapter than expected: ${adapter.name}`);
  }
}

async function dawn(): Promise<void> {
  const { gpu, description } = await openNodeGpu();
  const adapter = await gpu.requestAdapter();
  mkdirSync("e2e/output", { recursive: true });
  const out = "e2e/output/dawn.json";
  try {
    const args = [
      "node_modules/vitest/vitest.mjs",
      "run",
      ".gpu.test.",
      "--reporter=default",
      "--reporter=json",
    ];
    execFileSync(process.execPath, [...args, `--outputFile.json=${out}`], { stdio: "inherit" });
  } catch {
    // The counts of the report file say what failed.
  }
  const sums = JSON.parse(readFileSync(out, "utf8")) as {
    numTotalTests: number;
    numPassedTests: number;
    numFailedTests: number;
  };
  const ran = sums.numPassedTests + sums.numFailedTests;
  tell("dawn", description, [...(adapter?.features ?? [])], ran, sums.numTotalTests, sums.numPassedTests);
}

/** The entry and everything it imports at once: its size, and that no compute code is in it. */
async function bundle(): Promise<void> {
  type Chunk = { file: string; isEntry?: boolean; imports?: string[]; css?: string[] };
  const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8")) as Record<string, Chunk>;
  const seen = new Set<string>();
  const visit = (key: string): void => {
    if (seen.has(key)) return;
    seen.add(key);
    for (const next of manifest[key].imports ?? []) visit(next);
  };
  for (const [key, chunk] of Object.entries(manifest)) if (chunk.isEntry) visit(key);
  const chunks = [...seen].map((key) => manifest[key]);
  const files = [...new Set(chunks.flatMap((chunk) => [chunk.file, ...(chunk.css ?? [])]))];
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0);
  const compute = files.filter((file) =>
    /createComputePipeline|@compute/.test(readFileSync(`dist/${file}`, "utf8")),
  );
  lines.push(`bundle: first load ${(bytes / 1024).toFixed(1)} KB gzip of 250`);
  if (bytes > FIRST_LOAD_BYTES)
    throw new Error(`first load is ${bytes} bytes gzip, at most ${FIRST_LOAD_BYTES}`);
  if (compute.length > 0) throw new Error(`GPU code in the first load: ${compute.join(", ")}`);
  passed += 1;
}

const tools = findTools();
await build({ logLevel: "error" });
const server = await preview({ logLevel: "error", preview: { port: 0, host: "127.0.0.1" } });
const address = server.httpServer.address();
const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}/`;

await lane("bundle", bundle);
await lane("dawn", dawn);
await lane("chromium", async () => {
  if (!tools.chromium) throw new Error("no Chromium, Chrome or Edge here: install one");
  tellReport("chromium", await chromiumReport(tools.chromium, url), /swiftshader/i);
});
await lane("firefox", async () => {
  if (!tools.firefox) throw new Error("no Firefox here: install it");
  tellReport("firefox", await firefoxReport(tools.firefox, url, tools.lavapipe), /llvmpipe|lavapipe/i);
});

for (const line of lines) process.stdout.write(`${line}\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
