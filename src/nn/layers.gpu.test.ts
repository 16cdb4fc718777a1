// What the golden values do not show of the layers: blocks computed again with dropout, patches and back, graphs given in any
// order, dropout's share, errors.
import { afterAll, expect, test } from "vitest";
import { gradcheck } from "../autograd/gradcheck";
import { Tape } from "../autograd/tape";
import { Random } from "../base/random";
import { openNodeGpu } from "../cli/node-gpu";
import { openGpu } from "../gpu/gpu";
import { mean } from "../ops/reduce";
import { square } from "../ops/unary";
import { scoped } from "../tensor/scope";
import { sizeOf } from "../tensor/shape";
import { type Tensor, upload } from "../tensor/tensor";
import { rotation } from "./attention";
import { dropout, streamOf } from "./dropout";
import { createGraph, messagePassing, messagePassingSpecs } from "./message-passing";
import { createParameters } from "./parameters";
import { fromPatches, toPatches } from "./patches";
import { transformerBlock, transformerBlockSpecs } from "./transformer";

const gpu = await openGpu((await openNodeGpu()).gpu);
afterAll(() => {
  expect(gpu.strayErrors).toEqual([]);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
  gpu.close();
});

const normals = (n: number, stream: number): Float32Array => new Random(11, stream).normals(n);

test("blocks with dropout give the same bits when they are computed again, and keep less", () =>
  scoped(gpu, async () => {
    const sizes = { width: 16, heads: 2 };
    const specs = { ...transformerBlockSpecs("a", sizes), ...transformerBlockSpecs("b", sizes) };
    const p = createParameters(gpu, specs, { seed: 4 });
    const x = upload(gpu, normals(2 * 9 * 16, 0), [2, 9, 16]);
    const clock = upload(gpu, [3, 1], [2], "u32");
    const places = Array.from({ length: 9 }, (_, i) => i);
    const rotary = rotation(gpu, places, [4]);
    const run = (recompute: boolean) => {
      const options = { heads: 2, causal: true, rotary, dropout: { rate: 0.25, clock }, recompute };
      return scoped(gpu, async () => {
        const tape = new Tape(gpu);
        const before = gpu.pool.stats().liveBytes;
        const loss = tape.run(
          () => mean(square(transformerBlock(p, "b", transformerBlock(p, "a", x, options), options))),
          p.tensors,
        );
        const kept = gpu.pool.stats().liveBytes - before;
        const values: Float32Array[] = [await loss.readFloats()];
        for (const gradient of tape.backward(loss, p.tensors)) values.push(await gradient.readFloats());
        return { kept, values };
      });
    };
    const [kept, again] = [await run(false), await run(true)];
    expect(again.values).toEqual(kept.values);
    expect(again.kept).toBeLessThan(kept.kept / 4);
  }));

test("dropout zeroes its share, scales the rest, and does nothing without a clock", () =>
  scoped(gpu, async () => {
    const x = upload(gpu, new Float32Array(40_000).fill(2), [40_000]);
    const clock = upload(gpu, [1, 0], [2], "u32");
    const draw = (name: string): Promise<Float32Array> => dropout(name, x, { rate: 0.3, clock }).readFloats();
    const [a, b] = [await draw("a"), await draw("b")];
    const share = (test: (v: number, i: number) => boolean): number => a.filter(test).length / a.length;
    // Five standard deviations of a share of 40,000 draws.
    const allowed = (p: number): number => 5 * Math.sqrt((p * (1 - p)) / a.length);
    expect(Math.abs(share((v) => v === 0) - 0.3)).toBeLessThan(allowed(0.3));
    expect(Math.abs(share((v, i) => v === 0 && b[i] === 0) - 0.09)).toBeLessThan(allowed(0.09));
    expect(new Set(a)).toEqual(new Set([0, Math.fround(2 * Math.fround(1 / 0.7))]));
    expect(dropout("a", x, { rate: 0.3 })).toBe(x);
    expect(streamOf("a")).not.toBe(streamOf("b"));
  }));

test("patches hold what a convolution's window holds, and lead back to the picture", () =>
  scoped(gpu, async () => {
    const values = Float32Array.from({ length: 2 * 3 * 4 * 6 }, (_, i) => i);
    const picture = upload(gpu, values, [2, 3, 4, 6]);
    const tokens = toPatches(picture, [2, 3]);
    expect(tokens.shape).toEqual([2, 4, 18]);
    const at = (b: number, c: number, y: number, x: number): number => ((b * 3 + c) * 4 + y) * 6 + x;
    const wanted = [0, 1, 2].flatMap((c) => [2, 3].flatMap((y) => [3, 4, 5].map((x) => at(1, c, y, x))));
    expect([...(await tokens.readFloats()).subarray((4 + 3) * 18)]).toEqual(wanted);
    expect(await fromPatches(tokens, [2, 3], [4, 6]).readFloats()).toEqual(values);
    const clip = upload(gpu, values, [1, 2, 3, 4, 6]);
    expect(await fromPatches(toPatches(clip, [3, 2, 2]), [3, 2, 2], [3, 4, 6]).readFloats()).toEqual(values);
    expect(() => toPatches(picture, [3, 3])).toThrow("patches: [4, 6] cannot be cut into patches of [3, 3]");
  }));

test("a round of message passing has the gradients of its differences, edges in any order", async () => {
  const before = gpu.pool.stats().liveBuffers;
  const specs = messagePassingSpecs("m", { width: 5, hidden: 4 });
  const [senders, receivers] = [
    [2, 0, 3, 1, 0, 2, 2],
    [1, 3, 1, 0, 1, 3, 0],
  ];
  const names = Object.keys(specs);
  const inputs = names.map((name, i) => ({
    shape: specs[name].shape,
    data: normals(sizeOf(specs[name].shape), i + 1).map((v) => 0.6 * v),
  }));
  const result = await gradcheck(
    gpu,
    (tensors) => {
      const p = { specs, at: (name: string) => tensors[names.indexOf(name)] } as Parameters<
        typeof messagePassing
      >[0];
      const graph = createGraph(gpu, 4, senders, receivers);
      const h = upload(gpu, normals(20, 0), [4, 5]);
      return mean(square(messagePassing(p, "m", graph, h, { reduce: "mean", activation: "gelu" })));
    },
    inputs,
    { coordinates: 6 },
  );
  expect(result.passed, result.worst).toBe(true);
  expect(gpu.pool.stats().liveBuffers).toBe(before);
});

test("a graph is sorted by receiver, stably, with both lists; bad ends are named", () =>
  scoped(gpu, async () => {
    const graph = createGraph(gpu, 4, [2, 0, 3, 1, 0], [1, 3, 1, 0, 1]);
    const read = async (t: Tensor): Promise<number[]> => [...(await t.read())];
    expect([...graph.permutation]).toEqual([3, 0, 2, 4, 1]);
    expect(await read(graph.senders)).toEqual([1, 2, 3, 0, 0]);
    expect(await read(graph.receivers)).toEqual([0, 1, 1, 1, 3]);
    expect(await read(graph.received)).toEqual([0, 1, 4, 4, 5]);
    expect(await read(graph.sent)).toEqual([0, 2, 3, 4, 5]);
    expect(await read(graph.order)).toEqual([3, 4, 0, 1, 2]);
    expect(() => createGraph(gpu, 4, [2, 4], [1, 1])).toThrow(
      "senders: index 4 at position 1 is outside 0 … 3",
    );
  }));
