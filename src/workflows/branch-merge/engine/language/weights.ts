// Weights of a model folder on the device, read piece by piece: no more than a few pieces of it are ever in the CPU's memory.
// Matrices are kept as f32, f16, bf16 or bytes; norms and biases, which are small, as f32.
import { encodeHalf } from "../../../../base/half";
import type { TaskContext } from "../../../../base/task";
import { toFloat32 } from "../../../../formats/tensor-data";
import type { Gpu } from "../../../../gpu/gpu";
import type { Weights } from "../../../../ops/weight-product";
import type { WeightStorage } from "../../../../ops/weights";
import { empty, type Tensor, upload } from "../../../../tensor/tensor";
import type { Model } from "../model/open";
import type { LanguageConfig } from "./config";
import { type MatrixPlan, type ModelPlan, planModel } from "./layout";
import { quantiseRows } from "./quantise";

/** `file`: as the file has it. */
export type StorageChoice = WeightStorage | "file";

/** Rows [first, first + rows) of a matrix: more than the device binds at once lies in several parts. */
export interface MatrixPart extends Weights {
  first: number;
  rows: number;
  bias?: Tensor;
}
export type Matrix = readonly MatrixPart[];

export interface LayerWeights {
  qkv: Matrix;
  out: Matrix;
  gateUp: Matrix;
  down: Matrix;
  attentionNorm: Tensor;
  mlpNorm: Tensor;
  headNorms?: { q: Tensor; k: Tensor };
}

export interface LanguageWeights {
  embedding: Matrix;
  layers: readonly LayerWeights[];
  norm: Tensor;
  /** The embedding itself where the two are tied. */
  head: Matrix;
  storage: WeightStorage;
  /** Of all weights on the device. */
  bytes: number;
}

/** Values that are read and converted at a time. */
const PIECE = 4 << 20;

/**
 * Tensors belong to the current scope. @throws TesseraError `model` when tensors are not those of the configuration, what
 * reading throws, `out-of-memory`, `cancelled`.
 */
export async function loadWeights(
  gpu: Gpu,
  model: Model,
  config: LanguageConfig,
  {
    storage: choice,
    context,
    bindingLimit,
  }: {
    storage: StorageChoice;
    context: TaskContext;
    /** Most bytes of one part of a matrix; the device's own limit when left out. */
    bindingLimit?: number;
  },
): Promise<LanguageWeights> {
  const plan = planModel(model, config);
  const storage = choice === "file" ? fileStorage(model) : choice;
  const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;
  const most = bindingLimit ?? Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const loader = new Loader(gpu, model, storage, most, valuesOf(plan), context);
  const embedding = await loader.matrix(plan.embedding);
  const layers: LayerWeights[] = [];
  for (const { qkv, out, gateUp, down, norms } of plan.layers) {
    layers.push({
      qkv: await loader.matrix(qkv),
      out: await loader.matrix(out),
      gateUp: await loader.matrix(gateUp),
      down: await loader.matrix(down),
      attentionNorm: await loader.vector([norms.attention]),
      mlpNorm: await loader.vector([norms.mlp]),
      headNorms:
        norms.q && norms.k
          ? { q: await loader.vector([norms.q]), k: await loader.vector([norms.k]) }
          : undefined,
    });
  }
  const norm = await loader.vector([plan.norm]);
  const head = plan.head ? await loader.matrix(plan.head) : embedding;
  return { embedding, layers, norm, head, storage, bytes: loader.bytes };
}

/** The type of most of the model's bytes. */
function fileStorage(model: Model): WeightStorage {
  const { dtype } = model.dtypes[0];
  return dtype === "F16" ? "f16" : dtype === "BF16" ? "bf16" : "f32";
}

const valuesOf = (plan: ModelPlan): number =>
  [
    plan.embedding,
    ...plan.layers.flatMap((l) => [l.qkv, l.out, l.gateUp, l.down]),
    ...(plan.head ? [plan.head] : []),
  ]
    .map(({ rows, columns }) => rows * columns)
    .reduce((a, b) => a + b, 0);

class Loader {
  bytes = 0;
  private done = 0;

  constructor(
    private readonly gpu: Gpu,
    private readonly model: Model,
    private readonly storage: WeightStorage,
    private readonly bindingLimit: number,
    private readonly total: number,
    private readonly context: TaskContext,
  ) {}

  /** Vectors of the file side by side, as f32. */
  async vector(names: readonly string[]): Promise<Tensor> {
    const parts: Float32Array[] = [];
    for (const name of names)
      parts.push(toFloat32(await this.model.read(name, 0, this.model.tensors.get(name)!.shape[0])));
    const values = Float32Array.from(parts.flatMap((part) => [...part]));
    const tensor = upload(this.gpu, values, [values.length]);
    this.bytes += tensor.bytes;
    return tensor;
  }

  async matrix(plan: MatrixPlan): Promise<Matrix> {
    const { rows, columns, biases } = plan;
    const most = Math.max(1, Math.floor(this.bindingLimit / (columns * BYTES[this.storage])));
    const bias = biases.length ? await this.vector(biases) : undefined;
    const parts: MatrixPart[] = [];
    for (let first = 0; first < rows; first += most) {
      const count = Math.min(most, rows - first);
      const part: MatrixPart = { first, rows: count, ...this.allocate(count, columns) };
      await this.fill(plan, part);
      parts.push(part);
    }
    if (!bias) return parts;
    if (parts.length === 1) return [{ ...parts[0], bias }];
    const values = await bias.readFloats();
    return parts.map((part) => ({
      ...part,
      bias: upload(this.gpu, values.subarray(part.first, part.first + part.rows), [part.rows]),
    }));
  }

  private allocate(rows: number, columns: number): Weights {
    const isBytes = this.storage === "int8";
    const w = isBytes
      ? empty(this.gpu, [rows, columns / 4], "u32", "weights")
      : empty(this.gpu, [rows, columns], this.storage as Exclude<WeightStorage, "int8">, "weights");
    const scale = isBytes ? empty(this.gpu, [rows], "f32", "scales") : undefined;
    this.bytes += w.bytes + (scale?.bytes ?? 0);
    return scale ? { w, scale } : { w };
  }

  /** Reads the rows of one part, in pieces, and writes them as they are kept. */
  private async fill({ parts, columns }: MatrixPlan, target: MatrixPart): Promise<void> {
    const rowsAtOnce = Math.max(1, Math.floor(PIECE / columns));
    let start = 0;
    for (const { tensor, rows } of parts) {
      const from = Math.max(target.first, start);
      const to = Math.min(target.first + target.rows, start + rows);
      for (let row = from; row < to; row += rowsAtOnce) {
        await this.context.gate();
        const end = Math.min(to, row + rowsAtOnce);
        const { dtype, data } = await this.model.read(
          tensor,
          (row - start) * columns,
          (end - start) * columns,
        );
        this.write(target, row - target.first, columns, { dtype, data });
        await this.gpu.queue.finish({ signal: this.context.signal });
        this.done += (end - row) * columns;
        this.context.report({ done: this.done, total: this.total, what: `Reading ${tensor}` });
      }
      start += rows;
    }
  }

  private write(
    { w, scale }: MatrixPart,
    row: number,
    columns: number,
    piece: Pick<Awaited<ReturnType<Model["read"]>>, "dtype" | "data">,
  ): void {
    const offset = row * columns * BYTES[this.storage];
    if (this.storage === "int8") {
      const { bytes, scales } = quantiseRows(toFloat32(piece), columns);
      this.put(w, offset, bytes);
      this.put(scale!, row * 4, scales);
    } else if (piece.dtype.toLowerCase() === this.storage) this.put(w, offset, piece.data);
    else if (this.storage === "f32") this.put(w, offset, toFloat32(piece));
    else this.put(w, offset, encodeHalf(toFloat32(piece), this.storage));
  }

  private put(target: Tensor, offset: number, { buffer, byteOffset, byteLength }: ArrayBufferView): void {
    const data = new Uint8Array(buffer, byteOffset, byteLength);
    this.gpu.queue.record({ kind: "write", target: target.allocation, offset, data });
  }
}

const BYTES: Readonly<Record<WeightStorage, number>> = { f32: 4, f16: 2, bf16: 2, int8: 1 };
