// The reverse sweep: from the loss back through recorded calls, each op's own gradient rule, sums where paths meet.
import { TesseraError } from "../base/errors";
import { addOp } from "../ops/binary";
import type { Sweep } from "../ops/op";
import { scopedSync } from "../tensor/scope";
import { type Tensor, zeros } from "../tensor/tensor";
import { untaped } from "./active";
import type { Entry } from "./tape";

type Gpu = Tensor["gpu"];
type Memory = Tensor["allocation"];

/** Calls on a path from one of the targets, and the memory that depends on them: the tape may track more. */
interface Reachable {
  calls: ReadonlySet<Entry>;
  memory: ReadonlySet<Memory>;
}

/**
 * Gradients of Σ dy·y for `targets`, kept in the current scope; all intermediates are freed, and `dy`.
 * @throws TesseraError `no-gradient` naming the op and its reason.
 */
export function backward(
  gpu: Gpu,
  entries: readonly Entry[],
  y: Tensor,
  dy: Tensor,
  targets: readonly Tensor[],
): Tensor[] {
  return untaped(undefined, () =>
    scopedSync(gpu, (keep) => {
      const path = reachable(entries, targets);
      const wanted = new Set(targets.map((t) => t.allocation));
      const sums = new Map<Memory, Tensor>([[y.allocation, dy]]);
      for (const entry of [...entries].reverse()) {
        if (path.calls.has(entry)) sweep(gpu, entry, sums, path, wanted);
      }
      const gradients = targets.map((target) => {
        const sum = sums.get(target.allocation);
        // A reshape has its own reference, so a target that is asked for twice gives two independent tensors.
        return keep(sum ? sum.reshape(target.shape) : zeros(gpu, target.shape, target.dtype));
      });
      dy.free();
      return gradients;
    }),
  );
}

function reachable(entries: readonly Entry[], targets: readonly Tensor[]): Reachable {
  const memory = new Set(targets.map((t) => t.allocation));
  const calls = new Set<Entry>();
  for (const entry of entries) {
    if (!entry.inputs.some((t) => memory.has(t.allocation))) continue;
    calls.add(entry);
    for (const out of entry.outputs) memory.add(out.allocation);
  }
  return { calls, memory };
}

function sweep(
  gpu: Gpu,
  entry: Entry,
  sums: Map<Memory, Tensor>,
  path: Reachable,
  wanted: ReadonlySet<Memory>,
): void {
  const { op, inputs, outputs, attrs } = entry;
  if (!outputs.some((out) => sums.has(out.allocation))) return;
  if (typeof op.vjp !== "function") {
    throw new TesseraError(
      "no-gradient",
      `${op.name} has no gradient (${op.vjp.none}), but the loss depends on a tracked input through it`,
      { op: op.name },
    );
  }
  const { vjp } = op;
  const taken: Tensor[] = [];
  const rules: Sweep = {
    wants: (i) => path.memory.has(inputs[i].allocation),
    has: (i) => sums.has(inputs[i].allocation),
    take(i) {
      const memory = inputs[i].allocation;
      const sum = sums.get(memory);
      if (!sum) return undefined;
      sums.delete(memory);
      taken.push(sum);
      return sum.reshape(inputs[i].shape);
    },
  };
  const gradients = scopedSync(gpu, (keep) => {
    const dys = outputs.map((out) => sums.get(out.allocation)?.reshape(out.shape));
    return vjp(dys, { inputs, outputs, attrs, sweep: rules }).map((g, i) =>
      g && rules.wants(i) ? keep(g.reshape(inputs[i].shape)) : undefined,
    );
  });
  for (const tensor of taken) tensor.free();
  for (const [i, gradient] of gradients.entries()) {
    if (gradient) add(gpu, sums, inputs[i].allocation, gradient);
  }
  // Calls are swept in reverse, so nothing can add to an output any more.
  for (const out of outputs) {
    if (wanted.has(out.allocation)) continue;
    sums.get(out.allocation)?.free();
    sums.delete(out.allocation);
  }
}

function add(gpu: Gpu, sums: Map<Memory, Tensor>, memory: Memory, gradient: Tensor): void {
  const before = sums.get(memory);
  if (!before) {
    sums.set(memory, gradient);
    return;
  }
  sums.set(
    memory,
    scopedSync(gpu, (keep) => keep(addOp([before.reshape(gradient.shape), gradient], {})[0])),
  );
  before.free();
  gradient.free();
}
