// Shared by the reductions: which axes go, and in which passes over [outer, rows, inner] a kernel takes them. No op here.
import { TesseraError } from "../base/errors";
import { resolveAxis, type Shape, sizeOf, stridesOf } from "../tensor/shape";
import { formatSpec, type TensorSpec } from "../tensor/tensor";
import { expectFloat } from "./op";

export interface ReduceAttrs {
  /** Axes to reduce, negative ones counted from the last; all when left out. */
  axes?: readonly number[];
  /** Reduced axes stay with length 1. */
  keepDims?: boolean;
}

/** One dispatch: the middle axis of [outer, rows, inner] in chunks of `chunk`, of which there are `chunks`. */
export interface Pass {
  outer: number;
  rows: number;
  inner: number;
  chunk: number;
  chunks: number;
  /** What a step along `rows` means in the flat index over all reduced axes; 0 when an earlier pass has seen to it. */
  weight: number;
}

/** As many axes as a layout kernel takes. */
const MAX_GROUPS = 8;
/** Below this many neighbouring results, a workgroup takes one of them. */
export const NARROW = 64;
/** Columns are cut until about so many sums are under way at once. */
const BUSY = 16_384;
const MIN_CHUNK = 64;
const MAX_CHUNK = 1024;

/** For each axis whether it goes. @throws TesseraError `shape` for an axis that is not there or is named twice. */
export function reducedAxes(x: TensorSpec, { axes }: ReduceAttrs, what: string): boolean[] {
  const reduced = x.shape.map(() => axes === undefined);
  for (const axis of axes ?? []) {
    const at = resolveAxis(axis, x.shape.length, what);
    if (reduced[at])
      throw new TesseraError(
        "shape",
        `${what}: axes [${axes?.join(", ")}] name an axis of ${formatSpec(x)} twice`,
      );
    reduced[at] = true;
  }
  return reduced;
}

/** Shape of the result. @throws TesseraError on a type that is no float, on bad axes, on too many groups of axes. */
export function inferReduce(x: TensorSpec, attrs: ReduceAttrs, what: string): number[] {
  expectFloat(x, `${what}: x`);
  const reduced = reducedAxes(x, attrs, what);
  const groups = axisGroups(x.shape, reduced).length;
  if (groups > MAX_GROUPS)
    throw new TesseraError(
      "shape",
      `${what}: kept and reduced axes alternate ${groups} times, at most ${MAX_GROUPS} are possible; reshape or permute first`,
    );
  return attrs.keepDims ? x.shape.map((n, i) => (reduced[i] ? 1 : n)) : x.shape.filter((_, i) => !reduced[i]);
}

/** @throws TesseraError `shape` where the reduced axes hold no value: then there is no mean and no maximum. */
export function expectValues(x: TensorSpec, attrs: ReduceAttrs, what: string): void {
  if (reducedCount(x, attrs, what) === 0)
    throw new TesseraError(
      "shape",
      `${what}: there are no values along the reduced axes of ${formatSpec(x)}`,
    );
}

/** How many values become one. */
export const reducedCount = (x: TensorSpec, attrs: ReduceAttrs, what: string): number =>
  sizeOf(x.shape.filter((_, i) => reducedAxes(x, attrs, what)[i]));

/** Neighbouring axes that go or stay together, as one; axes of length 1 do not matter. */
export interface AxisGroup {
  n: number;
  reduced: boolean;
}
export function axisGroups(shape: Shape, reduced: readonly boolean[]): AxisGroup[] {
  const groups: AxisGroup[] = [];
  for (const [i, n] of shape.entries()) {
    const last = groups.at(-1);
    if (n === 1) continue;
    if (last?.reduced === reduced[i]) last.n *= n;
    else groups.push({ n, reduced: reduced[i] });
  }
  return groups;
}

/** Reduces the last group first, so that no axis is ever moved. Always at least one pass. */
export function planReduce(shape: Shape, reduced: readonly boolean[]): Pass[] {
  const groups = axisGroups(shape, reduced);
  const passes: Pass[] = [];
  let inner = 1;
  let weight = 1;
  for (const [i, { n, reduced: goes }] of [...groups.entries()].reverse()) {
    if (goes) {
      passes.push(...chunked({ outer: sizeOf(groups.slice(0, i).map((g) => g.n)), rows: n, inner, weight }));
      weight *= n;
    } else {
      inner *= n;
    }
  }
  return passes.length ? passes : chunked({ outer: inner, rows: 1, inner: 1, weight: 0 });
}

/** Cuts long columns so that many sums are under way at once, and again until one is left of each. */
function chunked({ outer, rows, inner, weight }: Omit<Pass, "chunk" | "chunks">): Pass[] {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, (outer * rows * inner) / BUSY)));
  const chunk = inner < NARROW ? MAX_CHUNK : Math.min(MAX_CHUNK, Math.max(MIN_CHUNK, wanted));
  const chunks = Math.max(1, Math.ceil(rows / chunk));
  const pass = { outer, rows, inner, weight, chunk, chunks };
  return chunks === 1 ? [pass] : [pass, ...chunked({ outer, rows: chunks, inner, weight: 0 })];
}

/** The flat index of each element in the result and over the reduced axes: what the float64 references walk. */
export function reduceWalk(
  shape: Shape,
  reduced: readonly boolean[],
): (i: number) => { to: number; place: number } {
  const strides = stridesOf(shape);
  const kept = stridesOf(shape.map((n, i) => (reduced[i] ? 1 : n)));
  const places = stridesOf(shape.map((n, i) => (reduced[i] ? n : 1)));
  return (i) => {
    const at = { to: 0, place: 0 };
    for (const [axis, n] of shape.entries()) {
      const c = Math.floor(i / strides[axis]) % n;
      if (reduced[axis]) at.place += c * places[axis];
      else at.to += c * kept[axis];
    }
    return at;
  };
}
