// Shape arithmetic on plain number arrays. No device, no data.
import { TesseraError } from "../base/errors";

export type Shape = readonly number[];

/** Number of elements; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

export const formatShape = (shape: Shape): string => `[${shape.join(", ")}]`;

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** NumPy broadcasting of two shapes. @throws TesseraError `shape` naming both shapes. */
export function broadcastShapes(a: Shape, b: Shape, what: string): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new TesseraError(
        "shape",
        `${what}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast; axis ${i - rank} is ${x} and ${y}`,
      );
    }
    return x === 1 ? y : x;
  });
}

/** Turns -1 into the last axis and so on, and checks. @throws TesseraError `shape`. */
export function resolveAxis(axis: number, rank: number, what: string): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
    throw new TesseraError("shape", `${what}: axis ${axis} does not exist in a tensor with ${rank} axes`);
  }
  return resolved;
}
