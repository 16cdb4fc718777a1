// Finds every op record by folder. Adding a file that exports a `…Op` is the whole registration.
import { TesseraError } from "../base/errors";
import type { Op } from "./op";

const modules: Record<string, Record<string, unknown>> = import.meta.glob(
  ["./*.ts", "!./*.test.ts", "!./check*.ts", "!./registry.ts"],
  {
    eager: true,
  },
);

function isOp(value: unknown): value is Op<unknown> {
  return typeof value === "function" && "samples" in value && "infer" in value;
}

/** All op records, sorted by name. */
export const allOps: readonly Op<unknown>[] = collect();

function collect(): Op<unknown>[] {
  const found = new Map<string, Op<unknown>>();
  for (const module of Object.values(modules)) {
    for (const value of Object.values(module)) {
      if (!isOp(value)) continue;
      if (found.has(value.name) && found.get(value.name) !== value) {
        throw new TesseraError("internal", `Two ops are named ${value.name}`);
      }
      found.set(value.name, value);
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
