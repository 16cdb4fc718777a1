// Shared by the ops that broadcast: plans how a flat kernel walks up to three operands. Defines no op.
import { TesseraError } from "../base/errors";
import { type Shape, sizeOf, stridesOf } from "../tensor/shape";
import type { RefArray } from "./op";
import { gridOf } from "./width";

const MAX_AXES = 8;

/** One axis of the result: its length and the step of each operand along it, in what an invocation reads at a time. */
interface Axis {
  n: number;
  steps: readonly number[];
}
export interface Broadcast {
  /** An invocation computes four neighbours on the last axis. */
  wide: boolean;
  /** Operands that are then read four at a time; the others are constant along that axis. */
  vectors: readonly boolean[];
  /** Results, or fours of them. */
  count: number;
  groups: number;
  axes: readonly Axis[];
  /** Of lib/broadcast. */
  uniforms: Readonly<Record<string, number | readonly number[]>>;
}

/** Steps of an operand along each axis of `shape`: 0 where it is broadcast. */
function stepsOf(operand: Shape, shape: Shape): number[] {
  const strides = stridesOf(operand);
  const lead = shape.length - operand.length;
  return shape.map((_, i) => (i < lead || operand[i - lead] === 1 ? 0 : strides[i - lead]));
}

/** Drops axes of length 1 and merges neighbours along which every operand moves evenly. */
function mergedAxes(operands: readonly Shape[], shape: Shape): Axis[] {
  const steps = operands.map((operand) => stepsOf(operand, shape));
  const axes: Axis[] = [];
  for (const [i, n] of shape.entries()) {
    if (n === 1) continue;
    const own = steps.map((s) => s[i]);
    const last = axes.at(-1);
    if (last?.steps.every((step, k) => step === n * own[k])) {
      axes[axes.length - 1] = { n: last.n * n, steps: own };
    } else {
      axes.push({ n, steps: own });
    }
  }
  return axes.length ? axes : [{ n: 1, steps: operands.map(() => 0) }];
}

/**
 * Operands of equal shape, and scalars, take one axis and no division; a row or a column vector takes two axes.
 * @throws TesseraError `shape` beyond 8 axes that cannot be merged.
 */
export function planBroadcast(operands: readonly Shape[], shape: Shape, what: string): Broadcast {
  let axes = mergedAxes(operands, shape);
  if (axes.length > MAX_AXES) {
    throw new TesseraError(
      "shape",
      `${what}: more than ${MAX_AXES} axes that cannot be merged; reshape first`,
    );
  }
  const inner = axes[axes.length - 1];
  const outer = axes.slice(0, -1);
  const vectors = inner.steps.map((step) => step === 1);
  const wide =
    inner.n % 4 === 0 && outer.every((axis) => axis.steps.every((s, k) => !vectors[k] || s % 4 === 0));
  if (wide) {
    const inFours = (axis: Axis): Axis => ({
      n: axis.n,
      steps: axis.steps.map((s, k) => (vectors[k] ? s / 4 : s)),
    });
    axes = [...outer.map(inFours), { n: inner.n / 4, steps: inner.steps }];
  }
  const flat = axes.flatMap(({ n, steps }) => [n, steps[0] ?? 0, steps[1] ?? 0, steps[2] ?? 0]);
  const count = axes.reduce((product, axis) => product * axis.n, 1);
  const { groups, uniforms } = gridOf(count);
  return {
    wide,
    vectors: vectors.map((v) => v && wide),
    count,
    groups,
    axes,
    uniforms: {
      axes: [...flat, ...new Array(MAX_AXES * 4 - flat.length).fill(0)],
      ...uniforms,
      rank: axes.length,
    },
  };
}

/** Types of the operands a, b, … of a kernel as stored, four of `T` or one, and the same in f32. */
export function operandTypes(vectors: readonly boolean[]): Record<string, string> {
  const types: Record<string, string> = {};
  for (const [k, four] of vectors.entries()) {
    const name = "ABC"[k];
    types[name] = four ? "vec4<T>" : "T";
    types[`${name}32`] = four ? "vec4f" : "f32";
  }
  return types;
}

/** The same walk on the CPU, in the plainest form. */
export function broadcastReference(
  inputs: readonly RefArray[],
  shape: Shape,
  value: (...operands: number[]) => number,
): RefArray {
  const steps = inputs.map((x) => stepsOf(x.shape, shape));
  const coordinates = shape.map(() => 0);
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    const at = steps.map((own) => own.reduce((sum, step, axis) => sum + step * coordinates[axis], 0));
    data[i] = value(...inputs.map((x, k) => x.data[at[k]]));
    for (let axis = shape.length - 1; axis >= 0 && ++coordinates[axis] === shape[axis]; axis--)
      coordinates[axis] = 0;
  }
  return { shape, data };
}
