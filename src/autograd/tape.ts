// Remembers which ops made which tensors, for the ops that depend on tracked inputs. It computes no gradient itself.
// Second derivatives are not offered: nothing is recorded during the reverse sweep.
import { TesseraError } from "../base/errors";
import { type Op, withObserver } from "../ops/op";
import type { Tensor } from "../tensor/tensor";
import { backward } from "./backward";

type Gpu = Tensor["gpu"];
type Memory = Tensor["allocation"];

/** One recorded call. Its tensors are aliases that keep the memory alive when the caller frees early. */
export interface Entry {
  op: Op<unknown>;
  inputs: readonly Tensor[];
  outputs: readonly Tensor[];
  attrs: unknown;
}

/**
 * Records one computation and gives its gradients:
 * `const tape = new Tape(gpu); const loss = tape.run(() => f(w), [w]); const [dw] = tape.backward(loss, [w]);`
 * Everything it keeps belongs to the current memory scope; run it inside `scoped`. A tape is used once.
 */
export class Tape {
  private entries: Entry[] = [];
  /** Memory whose value depends on a tracked input. Memory, not tensor: a reshape shares it. */
  private readonly tracked = new Set<Memory>();
  private state: "new" | "recorded" | "used" = "new";

  constructor(readonly gpu: Gpu) {}

  /** Number of recorded calls. */
  get length(): number {
    return this.entries.length;
  }

  /**
   * Runs `body`, which only records work, and remembers the ops reachable from `inputs`.
   * @throws TesseraError `tape` when the tape was used before, `no-gradient` for an op without one.
   */
  run<R>(body: () => R, inputs: readonly Tensor[]): R {
    if (this.state !== "new")
      throw new TesseraError("tape", "This tape has recorded already; make a new one for each step");
    this.state = "recorded";
    for (const input of inputs) this.tracked.add(input.allocation);
    const alias = (tensor: Tensor): Tensor => tensor.reshape(tensor.shape);
    return withObserver((call, ins, outs, attrs) => {
      const op = call as unknown as Op<unknown>;
      if (!ins.some((tensor) => this.tracked.has(tensor.allocation))) return;
      for (const out of outs) this.tracked.add(out.allocation);
      this.entries.push({ op, inputs: ins.map(alias), outputs: outs.map(alias), attrs });
    }, body);
  }

  /**
   * Gradients of the scalar `loss` for each of `targets` (zeros where the loss does not depend on one); they belong to
   * the current scope, everything in between is freed.
   * @throws TesseraError `tape` unless something was recorded, `shape` unless the loss has one element.
   */
  backward(loss: Tensor, targets: readonly Tensor[]): Tensor[] {
    if (this.state !== "recorded")
      throw new TesseraError(
        "tape",
        "backward needs a tape that has recorded and was not swept yet; make a new one",
      );
    if (loss.size !== 1)
      throw new TesseraError(
        "shape",
        `backward: the loss must have one element, got shape [${loss.shape.join(", ")}]; take a sum or a mean first`,
      );
    this.state = "used";
    const entries = this.entries;
    this.entries = [];
    try {
      return backward(this.gpu, entries, loss, targets);
    } finally {
      for (const entry of entries) for (const tensor of [...entry.inputs, ...entry.outputs]) tensor.free();
    }
  }
}
