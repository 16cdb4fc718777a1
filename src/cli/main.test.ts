// The command line against a toy workflow: one object on stdout, words on stderr, exit status 0, 1 or 2.
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TesseraError } from "../base/errors";
import { bool, choice, float, int, text } from "../base/params";
import { defineCommand, type Workflow } from "../workflows/define";
import { nodeHost } from "./host";
import { RESERVED, runJob } from "./main";
import { progressLines } from "./progress";

const params = {
  blockSize: int(64, { min: 16, max: 128, step: 16, unit: "tokens", help: "Side of a block" }),
  share: float(0.5, { min: -1, max: 1, help: "Share that is kept" }),
  causal: bool(true, { help: "Look back only" }),
  order: choice("raster", ["raster", "tile"], { help: "Order of tokens" }),
  out: text("", { help: "File for the result" }),
};

const toy: Workflow = {
  id: "toy",
  title: "Toy",
  summary: "Does next to nothing.",
  paper: { title: "", authors: "", link: "", claim: "" },
  params,
  panel: () => Promise.reject(new Error("no page here")),
  commands: async () => ({
    commands: {
      echo: defineCommand({
        summary: "Gives back what it got",
        params,
        files: ["FILE", "[SECOND]"],
        async run({ params: got, files }, host, context) {
          context.report({ done: 1, total: 4, what: "Reading" });
          const file = await host.open(files[0]);
          if (got.out) await host.write(got.out, await file.read(0, file.size));
          return { size: file.size, ids: new Uint32Array([1, 2]), bad: Number.NaN, timings: { readMs: 1 } };
        },
      }),
      fail: defineCommand({
        summary: "Fails",
        params: {},
        files: [],
        async run() {
          throw new TesseraError("out-of-memory", "no room for 9 bytes", { asked: 9 });
        },
      }),
      wait: defineCommand({
        summary: "Waits for a cancel",
        params: {},
        files: [],
        run: (_args, _host, { signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(new Error("broken off"))),
          ),
      }),
    },
  }),
};

async function job(words: string[], signal = new AbortController().signal) {
  const out: string[] = [];
  const err: string[] = [];
  const io = {
    stdout: (t: string) => void out.push(t),
    stderr: (t: string) => void err.push(t),
    isTerminal: false,
  };
  const status = await runJob(words, { workflows: [toy], host: nodeHost, io, signal });
  return { status, out, err: err.join("\n"), json: () => JSON.parse(out.join("")) };
}

const folder = await mkdtemp(join(tmpdir(), "job-"));
const input = join(folder, "in.bin");
await writeFile(input, "12345");

test("a result is one object with parameters, adapter and timings; progress goes to stderr", async () => {
  const copy = join(folder, "new", "copy.bin");
  const { status, out, err, json } = await job([
    "toy",
    "echo",
    input,
    "--block-size=32",
    "--share",
    "-0.25",
    "--no-causal",
    "--order",
    "tile",
    "--out",
    copy,
    "--json",
  ]);
  expect(status).toBe(0);
  expect(out).toHaveLength(1);
  expect(json()).toEqual({
    workflow: "toy",
    command: "echo",
    params: { blockSize: 32, share: -0.25, causal: false, order: "tile", out: copy },
    size: 5,
    ids: [1, 2],
    bad: null,
    adapter: null,
    timings: { readMs: 1, totalMs: expect.any(Number) },
  });
  expect(err).toBe(" 25 %  Reading");
  expect(await readFile(copy, "utf8")).toBe("12345");
  expect(await readdir(join(folder, "new"))).toEqual(["copy.bin"]);
});

test("without --json the same is text", async () => {
  const { status, out } = await job(["toy", "echo", input]);
  expect(status).toBe(0);
  expect(out[0]).toContain("Toy\nworkflow: toy\ncommand: echo");
  expect(out[0]).toContain("ids: 1, 2");
});

test.each([
  [["toy", "fail", "--json"], 1, { code: "out-of-memory", message: "no room for 9 bytes", asked: 9 }],
  [
    ["toy", "echo", "none.bin", "--json"],
    1,
    {
      code: "file",
      message: "Cannot open the file: there is no such file or folder: none.bin",
      path: "none.bin",
      reason: "ENOENT",
    },
  ],
  [["toy", "echo", "--json"], 2, { code: "usage", message: "FILE is missing" }],
  [
    ["toy", "echo", "a", "b", "c", "--json"],
    2,
    { code: "usage", message: "c is one file too many; FILE [SECOND] is taken" },
  ],
  [
    ["toy", "echo", "a", "--blok-size", "32", "--json"],
    2,
    {
      code: "usage",
      message: "There is no flag --blok-size; did you mean --block-size?",
      got: "--blok-size",
      nearest: "--block-size",
    },
  ],
  [
    ["toy", "echo", "a", "--block-size", "--json"],
    2,
    { code: "usage", message: "--block-size needs a value", flag: "block-size" },
  ],
  [
    ["toy", "echo", "a", "--share=1", "--share=0", "--json"],
    2,
    { code: "usage", message: "--share is given twice", flag: "share" },
  ],
  [
    ["toy", "echo", "a", "--block-size=20", "--json"],
    2,
    {
      code: "params",
      message: "--block-size: must be 16 plus a multiple of 16 tokens, got 20",
      problems: expect.any(Array),
    },
  ],
  [
    ["toy", "eco", "--json"],
    2,
    { code: "usage", message: "There is no command eco; did you mean echo?", got: "eco", nearest: "echo" },
  ],
  [
    ["toi", "echo", "--json"],
    2,
    { code: "usage", message: "There is no workflow toi; did you mean toy?", got: "toi", nearest: "toy" },
  ],
  [["--json"], 2, { code: "usage", message: "A workflow is needed" }],
  [
    ["toy", "wait", "--adapter", "cuda", "--json"],
    2,
    { code: "usage", message: '--adapter must be auto, lavapipe or swiftshader, got "cuda"' },
  ],
])("%j ends with status %i", async (words, status, error) => {
  const got = await job(words);
  expect(got.status).toBe(status);
  expect(got.json()).toEqual({ error });
  expect(got.err).toContain(error.message);
  expect(got.err.includes("Usage: npm run")).toBe(status === 2);
});

test("wrong usage without --json leaves stdout empty", async () => {
  const { out, status } = await job(["toy"]);
  expect(out).toEqual([]);
  expect(status).toBe(2);
});

test("a cancel gives status 1 and the code cancelled, whatever broke because of it", async () => {
  const controller = new AbortController();
  const running = job(["toy", "wait", "--json"], controller.signal);
  await Promise.resolve();
  setImmediate(() => controller.abort());
  const { status, json } = await running;
  expect(status).toBe(1);
  expect(json()).toEqual({ error: { code: "cancelled", message: "Cancelled by the user." } });
});

test("help on three levels names every workflow, command and flag with its facts", async () => {
  expect((await job(["--help"])).out[0]).toContain("toy  Does next to nothing.");
  const second = await job(["toy", "--help"]);
  expect(second.status).toBe(0);
  for (const name of ["echo FILE [SECOND]", "fail", "wait", "--block-size INT"])
    expect(second.out[0]).toContain(name);
  const third = (await job(["toy", "echo", "--help"])).out[0];
  expect(third).toContain("--block-size INT");
  expect(third).toContain("Side of a block (whole number, 16 to 128 tokens, step 16; default 64)");
  expect(third).toContain("--[no-]causal");
  expect(third).toContain("--order CHOICE");
  expect(third).toContain("(one of raster, tile; default raster)");
  expect((await job(["toy", "echo", "--help", "--json"])).json().usage).toBe(third);
});

test("words after -- are files, even when they look like flags", async () => {
  const { json } = await job(["toy", "echo", "--json", "--", "--json"]);
  expect(json().error.path).toBe("--json");
});

test("progress writes at most a line a second, and always the last one", () => {
  let now = 0;
  const lines: string[] = [];
  const progress = progressLines({ stderr: (t) => void lines.push(t), isTerminal: false }, () => now);
  for (let i = 0; i <= 30; i++) {
    now = i * 100;
    progress.report({ done: i, total: 30, what: "Stepping" });
  }
  progress.report({ done: 30, total: 30, what: "Done" });
  progress.end();
  expect(lines).toEqual([
    "  0 %  Stepping",
    " 33 %  Stepping",
    " 66 %  Stepping",
    "100 %  Stepping",
    "100 %  Done",
  ]);
});

test("no command of any workflow takes a name that belongs to the command line", async () => {
  const manifests = import.meta.glob<Workflow>("../workflows/*/index.ts", { eager: true, import: "default" });
  for (const workflow of Object.values(manifests)) {
    const { commands } = await workflow.commands();
    for (const command of Object.values(commands)) {
      for (const name of RESERVED) expect(Object.keys(command.params)).not.toContain(name);
    }
  }
});
