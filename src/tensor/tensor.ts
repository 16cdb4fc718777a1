// A tensor: a shape, an element type and a pooled buffer, always dense and row-major. It computes nothing.
import { assert, TesseraError } from "../base/errors";
import { decodeHalf, encodeHalf } from "../base/half";
import type { Gpu } from "../gpu/gpu";
import type { Allocation } from "../gpu/pool";
import { adopt, type Scope } from "./scope";
import { formatShape, type Shape, sameShape, sizeOf } from "./shape";

/** `bf16` is stored as two values per u32, lower half first; a last odd value leaves the upper half unused. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "u32";

export const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, i32: 4, u32: 4 };

/** What a tensor is, without the data. */
export interface TensorSpec {
  shape: Shape;
  dtype: DType;
}

export const formatSpec = (spec: TensorSpec): string => `${spec.dtype}${formatShape(spec.shape)}`;

export class Tensor implements TensorSpec {
  /** Scope that will free this tensor; see scope.ts. */
  owner: Scope | undefined;
  private freed = false;

  constructor(
    readonly gpu: Gpu,
    readonly shape: Shape,
    readonly dtype: DType,
    private readonly memory: Allocation,
  ) {
    adopt(this);
  }

  get size(): number {
    return sizeOf(this.shape);
  }
  get bytes(): number {
    return this.size * BYTES_PER_ELEMENT[this.dtype];
  }
  /** The buffer, for dispatches. @throws when the tensor was freed. */
  get allocation(): Allocation {
    assert(!this.freed, `a freed tensor ${formatSpec(this)} was used`);
    return this.memory;
  }
  get isFreed(): boolean {
    return this.freed;
  }

  /** The same data under another shape of equal size; shares the buffer. @throws TesseraError `shape`. */
  reshape(shape: Shape): Tensor {
    if (sizeOf(shape) !== this.size) {
      throw new TesseraError(
        "shape",
        `reshape: ${formatShape(this.shape)} has ${this.size} elements, ${formatShape(shape)} needs ${sizeOf(shape)}`,
      );
    }
    return new Tensor(this.gpu, [...shape], this.dtype, this.gpu.pool.retain(this.allocation));
  }

  /**
   * Elements from `start` on under a shape; shares the buffer, so that writing one changes the other. `start` must lie on
   * a multiple of 256 bytes. @throws TesseraError `shape` when it reaches past the end.
   */
  window(start: number, shape: Shape): Tensor {
    if (start + sizeOf(shape) > this.size) {
      throw new TesseraError(
        "shape",
        `window: ${formatShape(shape)} from element ${start} on reaches past the end of ${formatShape(this.shape)}`,
      );
    }
    const width = BYTES_PER_ELEMENT[this.dtype];
    const memory = this.gpu.pool.window(this.allocation, start * width, sizeOf(shape) * width);
    return new Tensor(this.gpu, [...shape], this.dtype, memory);
  }

  /** Values as f32 for the float types (decoded), as they are for the integer types. */
  async read(): Promise<Float32Array | Int32Array | Uint32Array> {
    return decodeBits(await this.gpu.read(this.allocation, 0, this.bytes), this.dtype);
  }

  /** `read` for float tensors. @throws TesseraError `dtype` on integers. */
  async readFloats(): Promise<Float32Array> {
    const values = await this.read();
    if (!(values instanceof Float32Array))
      throw new TesseraError("dtype", `A float tensor was asked for, got ${formatSpec(this)}`);
    return values;
  }

  /** Gives the buffer back. Scopes call this; call it yourself only to free early. */
  free(): void {
    if (this.freed) return;
    this.freed = true;
    this.owner?.forget(this);
    this.gpu.pool.release(this.memory);
  }
}

/** A tensor with undefined content. */
export function empty(gpu: Gpu, shape: Shape, dtype: DType = "f32", label = "tensor"): Tensor {
  const bytes = sizeOf(shape) * BYTES_PER_ELEMENT[dtype];
  return new Tensor(
    gpu,
    [...shape],
    dtype,
    gpu.pool.acquire(bytes, `${label} ${formatSpec({ shape, dtype })}`),
  );
}

/** A tensor of zeros. */
export function zeros(gpu: Gpu, shape: Shape, dtype: DType = "f32"): Tensor {
  const tensor = empty(gpu, shape, dtype, "zeros");
  gpu.queue.record({ kind: "clear", target: tensor.allocation });
  return tensor;
}

/** Uploads values; numbers are rounded to the element type. Copies, so the caller's array may be reused. */
export function upload(gpu: Gpu, values: ArrayLike<number>, shape: Shape, dtype: DType = "f32"): Tensor {
  if (values.length !== sizeOf(shape)) {
    throw new TesseraError(
      "shape",
      `upload: ${formatShape(shape)} needs ${sizeOf(shape)} values, got ${values.length}`,
    );
  }
  return uploadBits(gpu, encode(values, dtype), shape, dtype);
}

/** Uploads bytes that are in the element type's storage format already. */
export function uploadBits(gpu: Gpu, bits: Uint8Array, shape: Shape, dtype: DType): Tensor {
  const tensor = empty(gpu, shape, dtype, "upload");
  if (bits.byteLength === 0) return tensor;
  const padded = new Uint8Array(Math.ceil(bits.byteLength / 4) * 4);
  padded.set(bits);
  gpu.queue.record({ kind: "write", target: tensor.allocation, offset: 0, data: padded });
  return tensor;
}

/** Stored bytes as values; halves are decoded to f32. */
export function decodeBits(raw: ArrayBuffer, dtype: DType): Float32Array | Int32Array | Uint32Array {
  switch (dtype) {
    case "f32":
      return new Float32Array(raw);
    case "i32":
      return new Int32Array(raw);
    case "u32":
      return new Uint32Array(raw);
    default:
      return decodeHalf(new Uint16Array(raw), dtype);
  }
}

function encode(values: ArrayLike<number>, dtype: DType): Uint8Array {
  switch (dtype) {
    case "f32":
      return new Uint8Array(Float32Array.from(values).buffer);
    case "i32":
      return new Uint8Array(Int32Array.from(values).buffer);
    case "u32":
      return new Uint8Array(Uint32Array.from(values).buffer);
    default:
      return new Uint8Array(encodeHalf(values, dtype).buffer);
  }
}

/** @throws TesseraError `shape` unless both shapes are equal. */
export function expectSameShape(a: TensorSpec, b: TensorSpec, what: string): void {
  if (!sameShape(a.shape, b.shape)) {
    throw new TesseraError(
      "shape",
      `${what}: shapes differ, ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
}
