// Remembers which ops made which tensors, for the ops that depend on tracked inputs. It computes no gradient itself.
// Second derivatives are not offered: nothing is recorded during the reverse sweep.
import { TesseraError } from "../base/errors";
import { type Op, withObserver } from "../ops/op";
import { type Tensor, upload } from "../tensor/tensor";
import { withActive } from "./active";
import { backward } from "./backward";

type Gpu = Tensor["gpu"];
type Memory = Tensor["allocation"];

/** One recorded call. Its tensors are aliases that keep the memory alive when the caller frees early. */
export interface Entry {
  op: Pick<Op<unknown>, "name" | "vjp">;
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
    return withActive(this, () =>
      withObserver((op, ins, outs, attrs) => this.add(op as unknown as Op<unknown>, ins, outs, attrs), body),
    );
  }

  /** True when the tensor's value depends on an input that `run` was given. */
  tracks(tensor: Tensor): boolean {
    return this.tracked.has(tensor.allocation);
  }

  /** Remembers a call, unless it depends on nothing tracked. `run` does this for ops; recompute.ts for whole blocks. */
  add(op: Entry["op"], inputs: readonly Tensor[], outputs: readonly Tensor[], attrs: unknown): void {
    if (!inputs.some((tensor) => this.tracks(tensor))) return;
    const alias = (tensor: Tensor): Tensor => tensor.reshape(tensor.shape);
    for (const out of outputs) this.tracked.add(out.allocation);
    this.entries.push({ op, inputs: inputs.map(alias), outputs: outputs.map(alias), attrs });
  }

  /**
   * Gradients of the scalar `loss` for each of `targets` (zeros where the loss does not depend on one); they belong to
   * the current scope, everything in between is freed.
   * @throws TesseraError `tape` unless something was recorded, `shape` unless the loss has one element.
   */
  backward(loss: Tensor, targets: readonly Tensor[]): Tensor[] {
    this.expectRecorded();
    if (loss.size !== 1)
      throw new TesseraError(
        "shape",
        `backward: the loss must have one element, got shape [${loss.shape.join(", ")}]; take a sum or a mean first`,
      );
    return this.pull(loss, upload(this.gpu, [1], loss.shape, loss.dtype), targets);
  }

  /** As `backward` for an output of any shape: gradients of Σ dy·y. It takes `dy` over and frees it. */
  pull(y: Tensor, dy: Tensor, targets: readonly Tensor[]): Tensor[] {
    this.expectRecorded();
    this.state = "used";
    const entries = this.entries;
    this.entries = [];
    try {
      return backward(this.gpu, entries, y, dy, targets);
    } finally {
      for (const entry of entries) for (const tensor of [...entry.inputs, ...entry.outputs]) tensor.free();
    }
  }

  private expectRecorded(): void {
    if (this.state !== "recorded")
      throw new TesseraError(
        "tape",
        "backward needs a tape that has recorded and was not swept yet; make a new one",
      );
  }
}
