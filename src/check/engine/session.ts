// Runs the op records on whatever GPU it is given and tells every outcome as it comes. It draws nothing.
import type { TaskContext } from "../../base/task";
import { describeAdapter } from "../../gpu/gate";
import { type Gpu, type OpenGpuOptions, openGpu } from "../../gpu/gpu";
import { timeWork } from "../../gpu/timing";
import { type CheckCase, checkCases } from "../../ops/check";
import { sampleInputs } from "../../ops/check-inputs";
import type { CheckResult } from "../../ops/check-run";
import type { Op, Sample } from "../../ops/op";
import { allOps } from "../../ops/registry";
import { scoped, scopedSync } from "../../tensor/scope";
import { sizeOf } from "../../tensor/shape";
import { upload } from "../../tensor/tensor";
import type { CheckEvents, CheckOutcome, CheckReport, CheckService, OpPage, OpSpeed } from "../protocol";

/** Outcomes are sent in packs: a message for each would cost more than the check. */
const PACK_MS = 100;
/** Checks that are started before the oldest result is waited for: some browsers take 100 ms for any result. */
const AHEAD = 24;

/** The service; a device is opened at each run, so that a lost one never spoils the next. */
export function checkService(
  source: () => Promise<GPU | undefined>,
  options: OpenGpuOptions = {},
): CheckService {
  return {
    async run({ only = "", speed }, context) {
      const gpu = await openGpu(await source(), options);
      try {
        return await runAll(gpu, only, speed, context);
      } finally {
        gpu.close();
      }
    },
  };
}

async function runAll(
  gpu: Gpu,
  only: string,
  speed: boolean,
  context: TaskContext<CheckEvents>,
): Promise<CheckReport> {
  const started = performance.now();
  const ops = allOps.filter((op) => op.name.includes(only));
  const cases = checkCases(ops, { f16: gpu.has("shader-f16") });
  const { name, software, features, limits } = gpu.adapter;
  const adapter = { name, software, features, limits, description: describeAdapter(gpu.adapter) };
  context.emit("adapter", { adapter, expected: cases.length, ops: ops.map(pageOf) });

  const outcomes = await runChecks(gpu, cases, context);
  const speeds: OpSpeed[] = [];
  for (const [i, op] of (speed ? ops : []).entries()) {
    await context.gate();
    context.report({ done: i, total: ops.length, what: `Timing ${op.name}` });
    const measured = await timeOp(gpu, op, context.signal);
    if (!measured) continue;
    speeds.push(measured);
    context.emit("speed", measured);
  }
  const passed = outcomes.filter((o) => o.passed).length;
  const seconds = (performance.now() - started) / 1000;
  return {
    adapter,
    expected: cases.length,
    ran: outcomes.length,
    passed,
    outcomes,
    speeds,
    trials: gpu.tuner.trials,
    seconds,
  };
}

async function runChecks(
  gpu: Gpu,
  cases: readonly CheckCase[],
  context: TaskContext<CheckEvents>,
): Promise<CheckOutcome[]> {
  const outcomes: CheckOutcome[] = [];
  const ahead: { item: CheckCase; result: Promise<CheckResult> }[] = [];
  let pack: CheckOutcome[] = [];
  let lastPack = performance.now();
  const settle = async (): Promise<void> => {
    const { item, result } = ahead.shift()!;
    const { passed, errorOverBound, message } = await result;
    const measured = Number.isFinite(errorOverBound) ? errorOverBound : null;
    pack.push({ op: item.op, check: item.check, case: item.case, passed, errorOverBound: measured, message });
  };
  const send = (): void => {
    outcomes.push(...pack);
    if (pack.length) context.emit("outcomes", pack);
    pack = [];
    lastPack = performance.now();
  };
  for (const [i, item] of cases.entries()) {
    await context.gate();
    context.report({ done: i, total: cases.length, what: `Checking ${item.op}: ${item.check} ${item.case}` });
    const judge = await item.start(gpu);
    const result = judge();
    result.catch(() => {}); // whoever settles it sees the failure
    ahead.push({ item, result });
    if (ahead.length > AHEAD) await settle();
    if (performance.now() - lastPack > PACK_MS) send();
  }
  while (ahead.length) await settle();
  send();
  return outcomes;
}

function pageOf(op: Op<unknown>): OpPage {
  const { rel, scaled, why } = op.bound.f32;
  const bound = `${rel}·|y| + ${scaled}·max|y|`;
  return {
    name: op.name,
    summary: op.summary,
    variants: op.variants,
    differentiable: typeof op.vjp === "function",
    bound,
    why,
  };
}

/** Times the largest sample of a record, by its inputs (a generator has none: by its outputs); undefined if all are empty. */
async function timeOp(gpu: Gpu, op: Op<unknown>, signal: AbortSignal): Promise<OpSpeed | undefined> {
  const elements = (sample: Sample<unknown>): number =>
    (sample.inputs.length ? sample.inputs : op.infer([], sample.attrs)).reduce(
      (sum, tensor) => sum + sizeOf(tensor.shape),
      0,
    );
  const largest = [...op.samples].sort((a, b) => elements(b) - elements(a))[0];
  if (!largest || elements(largest) === 0) return undefined;
  return scoped(gpu, async () => {
    const tensors = sampleInputs(largest, "f32").map(({ spec, ref }) =>
      upload(gpu, ref.data, spec.shape, spec.dtype),
    );
    const record = (): void => scopedSync(gpu, () => void op(tensors, largest.attrs, gpu));
    const { ms } = await timeWork(gpu, record, { rounds: 3, minMs: 10, signal });
    return { op: op.name, case: largest.name, ms };
  });
}
