// The GPU page's rows and report text, from outcomes that are written down here.
import { expect, test } from "vitest";
import { reportText, rowsByOp } from "./page/report";
import type { CheckOutcome, CheckReport } from "./protocol";

const page = (name: string) => ({
  name,
  summary: `${name} of x`,
  variants: ["a"],
  differentiable: true,
  bound: "1e-6·|y|",
  why: "",
});
const outcome = (op: string, passed: boolean, errorOverBound: number | null): CheckOutcome => ({
  op,
  check: "forward",
  case: "odd f32",
  passed,
  errorOverBound,
});

test("every promised op has a row, also before it ran", () => {
  const rows = rowsByOp(
    [outcome("add", true, 0.25), outcome("add", false, null), outcome("add", true, 0.5)],
    [{ op: "add", case: "long", ms: 2 }],
    [page("add"), page("mul")],
  );
  expect(rows.map((r) => [r.op, r.passed, r.failed, r.worst, r.ms])).toEqual([
    ["add", 2, 1, 0.5, 2],
    ["mul", 0, 0, 0, null],
  ]);
});

test("the report names the adapter, its limits and each failure", () => {
  const adapter = {
    name: "X",
    description: "X (hardware GPU)",
    software: false,
    features: ["shader-f16"],
    limits: { maxBufferSize: 7 },
  };
  const failed = { ...outcome("mul", false, null), message: "output 0[1] is 2, the reference says 3" };
  const report: CheckReport = {
    adapter,
    expected: 2,
    ran: 2,
    passed: 1,
    outcomes: [outcome("add", true, 0.1), failed],
    speeds: [],
    trials: [],
    seconds: 3,
  };
  expect(reportText(report).split("\n")).toEqual([
    "Tessera GPU check: 1 of 2 passed, 2 ran, 3.0 s",
    "Adapter: X (hardware GPU)",
    "Features: shader-f16",
    "Limits: maxBufferSize 7",
    "FAILED mul forward odd f32: output 0[1] is 2, the reference says 3",
  ]);
});
