// Memory belongs to a scope: leaving it frees every tensor made inside except those that were kept.
import { assert } from "../base/errors";
import type { Gpu } from "../gpu/gpu";
import type { Tensor } from "./tensor";

export class Scope {
  private readonly tensors = new Set<Tensor>();
  constructor(readonly parent: Scope | undefined) {}

  add(tensor: Tensor): void {
    tensor.owner = this;
    this.tensors.add(tensor);
  }
  forget(tensor: Tensor): void {
    this.tensors.delete(tensor);
    tensor.owner = undefined;
  }
  /** Hands a tensor to the enclosing scope (or to the caller, when there is none). Returns it. */
  keep<T extends Tensor>(tensor: T): T {
    if (tensor.owner === this) {
      this.forget(tensor);
      this.parent?.add(tensor);
    }
    return tensor;
  }
  dispose(): void {
    for (const tensor of [...this.tensors]) tensor.free();
  }
}

const current = new WeakMap<Gpu, Scope>();

/** Registers a new tensor with the innermost scope of its device. Called by the Tensor constructor. */
export function adopt(tensor: Tensor): void {
  current.get(tensor.gpu)?.add(tensor);
}

/**
 * Runs `body` in a scope of its own and frees what it made, also when it throws. Tensors that must outlive it are
 * passed through `keep`. Scopes of one device nest; two that overlap in time without nesting are a defect and throw
 * (sessions run one command at a time for this reason).
 */
export async function scoped<R>(
  gpu: Gpu,
  body: (keep: <T extends Tensor>(tensor: T) => T) => Promise<R> | R,
): Promise<R> {
  const { scope, leave } = enter(gpu);
  try {
    return await body((tensor) => scope.keep(tensor));
  } finally {
    leave();
  }
}

/** `scoped` for bodies that only record work and never wait. */
export function scopedSync<R>(gpu: Gpu, body: (keep: <T extends Tensor>(tensor: T) => T) => R): R {
  const { scope, leave } = enter(gpu);
  try {
    return body((tensor) => scope.keep(tensor));
  } finally {
    leave();
  }
}

function enter(gpu: Gpu): { scope: Scope; leave: () => void } {
  const parent = current.get(gpu);
  const scope = new Scope(parent);
  current.set(gpu, scope);
  const leave = (): void => {
    const innermost = current.get(gpu) === scope;
    if (parent) current.set(gpu, parent);
    else current.delete(gpu);
    scope.dispose();
    assert(
      innermost,
      "two memory scopes of one device overlapped; await one command before starting the next",
    );
  };
  return { scope, leave };
}
