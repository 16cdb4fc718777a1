// Merges on a disk, as a process of their own: killed and gone on with, and models far larger than the memory they get.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { safetensorsHead, type TensorSlot } from "../../formats/safetensors";
import type { MergeResult, Preflight } from "./protocol";

const LAYERS = 80;
const PARTS = 4;
/** Of one tensor: 32 MiB. A model has 10 GiB, a layer of it 128 MiB. */
const SHAPE = [2048, 4096];
/** Bytes of the layers that the merge reads. Holding them, let alone the models, would show in the process's memory. */
const READ = 2 * PARTS * 2 ** 25;

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tessera-merge-"));
  for (const [i, name] of ["a", "b"].entries()) await sparseModel(join(root, name), i);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A file of holes but for the first value of every tensor. */
async function sparseModel(folder: string, seed: number): Promise<void> {
  const slots: TensorSlot[] = [];
  for (let layer = 0; layer < LAYERS; layer++)
    for (let part = 0; part < PARTS; part++)
      slots.push({ name: `model.layers.${layer}.w${part}.weight`, dtype: "F32", shape: SHAPE });
  const { bytes, starts, size } = safetensorsHead(slots);
  await mkdir(folder);
  const handle = await open(join(folder, "model.safetensors"), "w");
  await handle.truncate(size);
  await handle.write(bytes, 0, bytes.length, 0);
  for (const [i, start] of starts.entries())
    await handle.write(new Uint8Array(Float32Array.of(i + seed).buffer), 0, 4, start);
  await handle.close();
}

function job(...words: string[]): { child: ChildProcess; ended: Promise<{ out: string; peakMb: number }> } {
  const all = ["src/cli/run.mjs", "src/cli/job.ts", "branch-merge", ...words, "--models", root, "--json"];
  const child = spawn(process.execPath, all, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  let peakMb = 0;
  child.stdout!.on("data", (part) => {
    out += part;
  });
  child.stderr!.on("data", (part) => {
    errors += part;
  });
  const watch = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000);
  }, 20);
  const ended = new Promise<{ out: string; peakMb: number }>((resolve, reject) => {
    child.on("exit", (code, signal) => {
      clearInterval(watch);
      if (code === 0 || signal) resolve({ out, peakMb });
      else reject(new Error(`${out}${errors}`));
    });
  });
  return { child, ended };
}

const recipe = `
merge_method: linear
slices:
  - sources:
      - { model: a, layer_range: [40, 41], parameters: { weight: 0.5 } }
      - { model: b, layer_range: [50, 51], parameters: { weight: 0.5 } }
out_dtype: bfloat16
`;

async function hash(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

test("a killed merge goes on, and one layer of 10 GiB models takes little memory", {
  timeout: 60_000,
}, async () => {
  const file = join(root, "recipe.yaml");
  await writeFile(file, recipe);
  const before = await job("preflight", file, "--chunk", "4").ended;
  const planned = JSON.parse(before.out) as Preflight;
  expect(planned).toMatchObject({ faults: [], bytesToRead: READ, bytesToWrite: 2 ** 26 });
  expect(planned.models[0].bytes).toBe(10 * 2 ** 30);

  const [whole, broken] = [join(root, "whole"), join(root, "broken")];
  const run = (out: string) => job("merge", file, out, "--chunk", "4", "--shard", "40");
  const { peakMb } = await run(whole).ended;
  // The preflight's process has the same modules and reads headers only.
  if (process.platform === "linux") expect(before.peakMb).toBeGreaterThan(50);
  expect(peakMb - before.peakMb).toBeLessThan(READ / 1e6);

  const { child, ended } = run(broken);
  let finished = 0;
  while (finished === 0 && child.exitCode === null) {
    await wait(20);
    const text = await readFile(join(broken, "merge-progress.json"), "utf8").catch(() => "");
    finished = text
      ? (JSON.parse(text) as { stages: { finished: string[] }[] }).stages[0].finished.length
      : 0;
  }
  child.kill("SIGKILL");
  await ended;
  const left = await readdir(broken);
  expect(left.some((name) => name.endsWith(".incomplete"))).toBe(true);
  expect(left).not.toContain("model.safetensors.index.json");

  const { resumed, tensors, rates } = JSON.parse((await run(broken).ended).out) as MergeResult;
  expect(resumed).toBeGreaterThanOrEqual(finished);
  expect(tensors).toBe(PARTS);
  expect(rates.bytesRead).toBe(((PARTS - resumed) * READ) / PARTS);
  expect((await readdir(broken)).sort()).toEqual((await readdir(whole)).sort());
  for (const name of await readdir(whole))
    expect(await hash(join(broken, name)), name).toBe(await hash(join(whole, name)));
});
