// `npm run bench -- <suite>`: installs the peers, builds the bench page, runs it in a browser or in Node, prints JSON.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, preview } from "vite";
import { openNodeGpu } from "../../src/cli/node-gpu";
import { openGpu } from "../../src/gpu/gpu";
import { scoped } from "../../src/tensor/scope";
import { type BrowserKind, launchBrowser } from "./browser";
import { caseSuites, casesOf } from "./page/cases";
import type { PageReply, PageRequest } from "./page/main";
import { runCase } from "./page/run";
import { tesseraContestant } from "./page/tessera";
import { workflowRows, workflowSuites } from "./suites";

const HERE = dirname(fileURLToPath(import.meta.url));
const SUITES: readonly string[] = [...caseSuites, ...workflowSuites];
const PEERS = ["jax-js", "TensorFlow.js", "ONNX Runtime Web"];
const USAGE = `npm run bench -- <suite> [--target node|chromium|firefox] [--rounds N] [--only TEXT] [--peers a,b] [--length L] [--json]
suites: ${SUITES.join(", ")}; peers (kernels and training, in a browser only): ${PEERS.join(", ")}
--length: tokens of a workflow's bench, a multiple of 64 (default: its published table). In Node the variable TESSERA_ADAPTER picks the adapter.`;

const log = (line: string): void => void process.stderr.write(`${line}\n`);

function installPeers(): string {
  const folder = join(HERE, "peers");
  if (!existsSync(join(folder, "node_modules"))) {
    log("Installing the peers to compare with …");
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return folder;
}

async function inBrowser(kind: BrowserKind, request: PageRequest): Promise<PageReply> {
  const peers = installPeers();
  const outDir = join(HERE, "../output/bench");
  await build({
    configFile: false,
    root: join(HERE, "page"),
    base: "./",
    logLevel: "error",
    build: { outDir, emptyOutDir: true, target: "es2023" },
  });
  const wasm = join(outDir, "ort");
  mkdirSync(wasm, { recursive: true });
  for (const file of ["ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"]) {
    cpSync(join(peers, "node_modules/onnxruntime-web/dist", file), join(wasm, file));
  }
  const server = await preview({
    configFile: false,
    root: join(HERE, "page"),
    build: { outDir },
    preview: { host: "127.0.0.1", port: 0 },
  });
  const address = server.httpServer.address();
  if (!address || typeof address === "string") throw new Error("the bench server has no port");
  const url = `http://127.0.0.1:${address.port}/`;
  const browser = await launchBrowser(kind);
  try {
    return await browser.evaluate<PageReply>(url, "bench", { ...request, wasmFolder: `${url}ort/` }, log);
  } finally {
    await browser.close();
    await server.close();
  }
}

async function inNode(request: PageRequest): Promise<PageReply> {
  const gpu = await openGpu((await openNodeGpu()).gpu);
  const adapter = { name: gpu.adapter.name, features: gpu.adapter.features };
  const options = { ...request, log };
  if (!caseSuites.includes(request.suite))
    return { adapter, rows: await workflowRows(request.suite, gpu, options) };
  const rows = [];
  for (const item of casesOf(request.suite, request.only))
    rows.push(await scoped(gpu, () => runCase(item, tesseraContestant(gpu), [], options)));
  return { adapter, rows };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: "string" },
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    peers: { type: "string", default: PEERS.join(",") },
    length: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});
const suite = SUITES.find((s) => s === positionals[0]);
const target = values.target ?? (suite && caseSuites.includes(suite) ? "chromium" : "node");
const rounds = Number(values.rounds);
const length = Number(values.length);
const peers = values.peers.split(",").filter(Boolean);
const unknown = peers.filter((p) => !PEERS.includes(p));
const sane = rounds >= 1 && length >= 0 && Number.isInteger(length / 64);
if (!suite || !["node", "chromium", "firefox"].includes(target) || !sane || unknown.length) {
  log(USAGE);
  process.exit(2);
}
const request: PageRequest = { suite, rounds, length, only: values.only, peers, wasmFolder: "" };
const reply = target === "node" ? await inNode(request) : await inBrowser(target as BrowserKind, request);
const report = { suite, target, ...reply };
process.stdout.write(`${JSON.stringify(report, null, values.json ? undefined : 2)}\n`);
process.exit(0);
