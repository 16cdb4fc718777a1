// Runs a Vitest suite in a process of its own and counts what it did, file by file. It judges nothing.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative, sep } from "node:path";

export interface FileCount {
  passed: number;
  failed: number;
  /** Skipped, or listed and never begun. */
  left: number;
}

/** Counts by path from the root of the repository, with "/" between folders. */
export type SuiteCounts = ReadonlyMap<string, FileCount>;

type Status = "passed" | "failed" | "skipped" | "pending" | "todo" | "disabled";
interface Report {
  testResults: { name: string; assertionResults: { status: Status }[] }[];
}

const OUTPUT = "e2e/output";

/**
 * `words` are Vitest's own: filters and flags. Output goes to the terminal as it comes; a suite that fails is no error
 * here. @throws Error when it leaves no report.
 */
export async function runSuite(
  name: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<SuiteCounts> {
  mkdirSync(OUTPUT, { recursive: true });
  const file = join(OUTPUT, `${name}.json`);
  rmSync(file, { force: true });
  const args = ["node_modules/vitest/vitest.mjs", "run", ...words, "--reporter=default", "--reporter=json"];
  // Not a call that blocks: the app that is tested may be served by this very process.
  const child = spawn(process.execPath, [...args, `--outputFile.json=${file}`], {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  await once(child, "exit"); // the counts of the report say what failed
  if (!existsSync(file)) throw new Error(`the suite ${name} ended without a report`);
  const { testResults } = JSON.parse(readFileSync(file, "utf8")) as Report;
  return new Map(
    testResults.map((one) => {
      const of = (status: Status): number => one.assertionResults.filter((a) => a.status === status).length;
      const [passed, failed] = [of("passed"), of("failed")];
      const left = one.assertionResults.length - passed - failed;
      return [relative(process.cwd(), one.name).split(sep).join("/"), { passed, failed, left }];
    }),
  );
}

/** The sum of all files. */
export function total(counts: SuiteCounts): FileCount {
  const sum = { passed: 0, failed: 0, left: 0 };
  for (const { passed, failed, left } of counts.values()) {
    sum.passed += passed;
    sum.failed += failed;
    sum.left += left;
  }
  return sum;
}
