// Activation recomputation: a block whose intermediates are not kept for the reverse sweep but computed again there.
// It trades about a third more arithmetic for memory; results are the same to the bit, since the same kernels run twice.
import { scopedSync } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { activeTape, untaped } from "./active";
import { type Entry, Tape } from "./tape";

type Memory = Tensor["allocation"];

/**
 * Runs `body` on `inputs` and keeps only its result. Whatever else of the tape it uses (weights) it may reach by itself.
 * It is called again in the reverse sweep, so it must not depend on anything that changes in between; random ops that
 * read their counter from a tensor give the same numbers again. Without a tape it is `body` itself.
 */
export function recompute(body: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor {
  const tape = activeTape();
  if (!tape || inputs.length === 0) return body(...inputs);
  const { gpu } = tape;
  const own = inputs.map((x) => x.reshape(x.shape)); // keeps the memory until the sweep
  const outside = new Map<Memory, Tensor>();
  const result = scopedSync(gpu, (keep) =>
    keep(
      untaped(
        (_, ins) => {
          for (const x of ins) if (tape.tracks(x)) outside.set(x.allocation, x);
        },
        () => body(...inputs),
      ),
    ),
  );
  const vjp: Entry["op"]["vjp"] = ([dy], saved) => {
    if (!dy) return saved.inputs.map(() => undefined);
    const again = new Tape(gpu);
    const y = again.run(() => body(...own), saved.inputs);
    const wanted = saved.inputs.map((_, i) => i).filter((i) => saved.sweep?.wants(i) ?? true);
    const gradients = again.pull(
      y,
      dy.reshape(dy.shape),
      wanted.map((i) => saved.inputs[i]),
    );
    for (const x of own) x.free();
    return saved.inputs.map((_, i) => (wanted.includes(i) ? gradients[wanted.indexOf(i)] : undefined));
  };
  tape.add({ name: "recompute", vjp }, [...outside.values()], [result], {});
  return result;
}
