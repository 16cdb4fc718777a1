// How far models are from their base, tensor by tensor, and how their differences lie to each other. One pass over all.
import { throwIfCancelled } from "../../../base/errors";
import type { TaskContext } from "../../../base/task";
import { toFloat32 } from "../../../formats/tensor-data";
import type { MergeEvents, TensorLook } from "../protocol-service";
import { kindOf, layerOf } from "./model/names";
import type { Model } from "./model/open";

/** Values of one model that are held at a time. */
const CHUNK = 1 << 20;

/**
 * Emits `look` for each tensor that all models have in the base's shape.
 * @returns how many of the base's tensors were left out.
 */
export async function lookInside(
  base: Model,
  models: readonly Model[],
  context: TaskContext<MergeEvents>,
): Promise<{ left: number }> {
  let left = 0;
  let done = 0;
  for (const [name, { shape, dtype }] of base.tensors) {
    const isShared = models.every((model) => model.tensors.get(name)?.shape.join() === shape.join());
    if (!isShared || !/F(16|32|64)$/.test(dtype)) left++;
    else context.emit("look", await lookAt(name, base, models, context));
    context.report({ done: ++done, total: base.tensors.size, what: `Comparing ${name}` });
  }
  return { left };
}

async function lookAt(
  name: string,
  base: Model,
  models: readonly Model[],
  context: TaskContext<MergeEvents>,
): Promise<TensorLook> {
  const total = base.tensors.get(name)!.shape.reduce((count, side) => count * side, 1);
  /** Inner products of the differences, [models, models], and the base's own. */
  const products = new Float64Array(models.length ** 2);
  let norm = 0;
  for (let at = 0; at < total; at += CHUNK) {
    await context.gate();
    throwIfCancelled(context.signal);
    const read = async (model: Model): Promise<Float32Array> =>
      toFloat32(await model.read(name, at, Math.min(at + CHUNK, total)));
    const [first, ...others] = await Promise.all([base, ...models].map(read));
    for (let i = 0; i < first.length; i++) norm += first[i] * first[i];
    for (let a = 0; a < others.length; a++) {
      for (let b = a; b < others.length; b++) {
        let sum = 0;
        for (let i = 0; i < first.length; i++) sum += (others[a][i] - first[i]) * (others[b][i] - first[i]);
        products[a * others.length + b] += sum;
      }
    }
  }
  const length = (a: number): number => Math.sqrt(products[a * models.length + a]);
  const cosine: number[] = [];
  for (let a = 0; a < models.length; a++)
    for (let b = a + 1; b < models.length; b++)
      cosine.push(products[a * models.length + b] / (length(a) * length(b)));
  return {
    tensor: name,
    layer: layerOf(name, base.layers)?.layer,
    kind: kindOf(name, base.layers),
    difference: models.map((_, a) => length(a) / Math.sqrt(norm)),
    cosine,
  };
}
