// Runs the one op suite on Dawn in Node: every record against its float64 reference, on the adapter of the lane.
import { afterAll, describe, expect, test } from "vitest";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { checkCases } from "./check";
import { allOps } from "./registry";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => gpu.close());

/** Variants that a device without subgroups cannot have. */
const NEEDS_SUBGROUPS = ["quad"];

const cases = checkCases(allOps, { f16: gpu.has("shader-f16") });
for (const op of allOps) {
  describe(op.name, () => {
    const ran = new Set<string>();
    for (const item of cases.filter((c) => c.op === op.name)) {
      test(`${item.check} ${item.case}`, async () => {
        const result = await item.run(gpu);
        expect(result.message ?? "").toBe("");
        expect(result.passed).toBe(true);
        for (const name of result.variants ?? []) ran.add(name);
      });
    }
    if (op.variants.length > 1) {
      test("every variant ran on some sample", () => {
        const owed = op.variants.filter((name) => gpu.has("subgroups") || !NEEDS_SUBGROUPS.includes(name));
        expect([...ran].sort()).toEqual([...owed].sort());
      });
    }
  });
}
