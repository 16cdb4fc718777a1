// A training whose process is killed at any moment goes on from its file to the same weights, bit for bit.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Random } from "../../base/random";

const folder = mkdtempSync(join(tmpdir(), "tessera-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SEED = 20_261_125;
const nano = "--frames 8 --height 16 --width 16 --dim 32 --layers 1 --heads 2 --batch 2 --steps 48".split(
  " ",
);

/** When a file was last written, in milliseconds; 0 while there is none. */
const written = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Runs the command; `killAfter` milliseconds past its first checkpoint it is killed. Resolves to its exit code or signal. */
function train(name: string, killAfter?: number): Promise<number | string | null> {
  const checkpoint = join(folder, `${name}.state`);
  const out = [
    "--checkpoint",
    checkpoint,
    "--checkpoint-every",
    "4",
    "--out",
    join(folder, `${name}.safetensors`),
  ];
  const args = ["src/cli/run.mjs", "src/cli/job.ts", "sparse-attention", "train", ...nano, ...out];
  // Which kernels are the fastest must be known to all runs alike: another kernel rounds otherwise.
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const env = { ...process.env, XDG_CACHE_HOME: folder, MESA_SHADER_CACHE_DIR: cache };
  const before = written(checkpoint);
  const child = spawn(process.execPath, args, { env, stdio: "ignore" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watch = setInterval(() => {
    if (killAfter === undefined || timer || written(checkpoint) === before) return;
    timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
  }, 20);
  return new Promise((done, fail) => {
    child.on("error", fail);
    child.on("exit", (code, signal) => {
      clearInterval(watch);
      clearTimeout(timer);
      done(code ?? signal);
    });
  });
}

test("three kills at random moments change nothing of the weights", async () => {
  expect(await train("whole")).toBe(0);
  const random = new Random(SEED);
  const ends: (number | string | null)[] = [];
  for (let i = 0; i < 3; i++) ends.push(await train("killed", random.below(400)));
  expect(ends).toContain("SIGKILL"); // at least one came before the end of its work
  expect(await train("killed")).toBe(0);
  const [whole, killed] = ["whole", "killed"].map((name) =>
    readFileSync(join(folder, `${name}.safetensors`)),
  );
  expect(killed.equals(whole)).toBe(true);
}, 240_000);
