// How many GPU tests an adapter owes. It follows from the op registry and the test files on disk, never from what a run
// happened to collect: a file that fails to load, or a list of ops that has shrunk, must show.
import { readdirSync } from "node:fs";
import { checkCases } from "../src/ops/check";
import { allOps } from "../src/ops/registry";
import type { SuiteCounts } from "./suite";

/** The file that runs the op records in Node. */
const OP_SUITE = "src/ops/ops.gpu.test.ts";

/** Checks that the op records owe on a device with these features. */
export function opPromise(features: Iterable<string>): number {
  return checkCases(allOps, { f16: new Set(features).has("shader-f16") }).length;
}

/**
 * What all GPU test files owe in Node: the op suite by its registry, every other file what it lists, skipped tests
 * included, and at least one: a file that broke before its first test, or that no run picked up, is missed.
 */
export function nodePromise(features: Iterable<string>, counts: SuiteCounts): number {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" })
    .map((file) => `src/${file.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".gpu.test.ts") && file !== OP_SUITE);
  return files.reduce((sum, file) => {
    const { passed, failed, left } = counts.get(file) ?? { passed: 0, failed: 0, left: 0 };
    return sum + Math.max(1, passed + failed + left);
  }, opPromise(features));
}
