// The plan of a broadcast: how few axes are left, when four values fit, and that the walk visits what NumPy would.
import { describe, expect, it } from "vitest";
import { broadcastShapes, type Shape, sizeOf } from "../tensor/shape";
import { broadcastReference, planBroadcast } from "./broadcast";

const plan = (a: Shape, b: Shape) => planBroadcast([a, b], broadcastShapes(a, b, "test"), "test");

/** What shaders/lib/broadcast.wgsl does with the uniforms, for every invocation: positions in the operands. */
function walk({ axes, count }: ReturnType<typeof plan>): number[][] {
  return Array.from({ length: count }, (_, index) => {
    const at = [0, 0];
    let rest = index;
    for (const axis of [...axes].reverse()) {
      for (const k of [0, 1]) at[k] += (rest % axis.n) * axis.steps[k];
      rest = Math.floor(rest / axis.n);
    }
    return at;
  });
}

describe("planBroadcast", () => {
  it.each([
    { a: [3, 4, 5], b: [3, 4, 5], axes: 1, wide: true, vectors: [true, true] },
    { a: [3, 5, 7], b: [3, 5, 7], axes: 1, wide: false, vectors: [false, false] },
    { a: [3, 4], b: [], axes: 1, wide: true, vectors: [true, false] },
    { a: [1, 1], b: [2, 3, 4], axes: 1, wide: true, vectors: [false, true] },
    { a: [2, 3, 8], b: [8], axes: 2, wide: true, vectors: [true, true] },
    { a: [6, 5, 8], b: [6, 1, 1], axes: 2, wide: true, vectors: [true, false] },
    { a: [5, 3], b: [3], axes: 2, wide: false, vectors: [false, false] },
    { a: [2, 1, 3, 4], b: [5, 1, 4], axes: 4, wide: true, vectors: [true, true] },
    { a: [], b: [1, 1], axes: 1, wide: false, vectors: [false, false] },
  ])("$a with $b", ({ a, b, axes, wide, vectors }) => {
    const got = plan(a, b);
    expect({ axes: got.axes.length, wide: got.wide, vectors: got.vectors }).toEqual({ axes, wide, vectors });
  });

  it.each<[Shape, Shape]>([
    [
      [3, 4, 5],
      [3, 4, 5],
    ],
    [
      [2, 1, 3, 4],
      [5, 1, 4],
    ],
    [
      [5, 1],
      [1, 8],
    ],
    [
      [6, 5, 8],
      [6, 1, 1],
    ],
    [[7], [2, 1]],
    [[], [2, 4]],
  ])("visits the right operands: %j with %j", (a, b) => {
    const got = plan(a, b);
    const width = got.wide ? 4 : 1;
    const shape = broadcastShapes(a, b, "test");
    const numbered = [a, b].map((own) => ({
      shape: own,
      data: Float64Array.from({ length: sizeOf(own) }, (_, i) => i),
    }));
    const [first, second] = [0, 1].map((k) => broadcastReference(numbered, shape, (...values) => values[k]));
    const visited = walk(got);
    for (let i = 0; i < first.data.length; i++) {
      const at = visited[Math.floor(i / width)].map((v, k) => (got.vectors[k] ? v * 4 + (i % 4) : v));
      expect(at).toEqual([first.data[i], second.data[i]]);
    }
  });

  it("says when axes cannot be merged", () => {
    const a = [2, 1, 2, 1, 2, 1, 2, 1, 2];
    const b = [1, 2, 1, 2, 1, 2, 1, 2, 1];
    expect(() => plan(a, b)).toThrow("test: more than 8 axes that cannot be merged; reshape first");
  });
});

describe("broadcastReference", () => {
  it("is NumPy's a[:, None] - b", () => {
    const a = { shape: [2, 1], data: Float64Array.of(10, 20) };
    const b = { shape: [3], data: Float64Array.of(1, 2, 3) };
    const { data } = broadcastReference([a, b], [2, 3], (x, y) => x - y);
    expect([...data]).toEqual([9, 8, 7, 19, 18, 17]);
  });
});
