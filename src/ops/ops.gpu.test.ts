// Runs the one op suite on Dawn in Node: every record against its float64 reference, on the adapter of the lane.
import { afterAll, describe, expect, test } from "vitest";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { checkCases } from "./check";
import { allOps } from "./registry";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => gpu.close());

const cases = checkCases(allOps, { f16: gpu.has("shader-f16") });
for (const op of allOps) {
  describe(op.name, () => {
    for (const item of cases.filter((c) => c.op === op.name)) {
      test(`${item.check} ${item.case}`, async () => {
        const judge = await item.start(gpu);
        const result = await judge();
        expect(result.message ?? "").toBe("");
        expect(result.passed).toBe(true);
      });
    }
  });
}
