// The engine on a real adapter: order, slices, cancel, loss, memory, tuning, and messages that name the author's line.
import { afterEach, beforeEach, expect, test } from "vitest";
import { openNodeGpu } from "../cli/node-gpu";
import { scoped } from "../tensor/scope";
import { empty, type Tensor, upload } from "../tensor/tensor";
import { type Gpu, openGpu } from "./gpu";
import { kernel } from "./pipelines";
import { profileWork } from "./profile";
import { timeWork } from "./timing";
import type { Variant } from "./work";

const spin = {
  file: "test/spin.wgsl",
  text: `// y[i] = x[i] + 1 after ROUNDS useless rounds. One workgroup = 64 values.
#import lib/grid
const ROUNDS: u32 = 1u;
struct Params { first_group: u32, groups: u32, n: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = p.first_group + flat_group(wid, nwg);
  let i = group * 64u + lane;
  if (group >= p.groups || i >= p.n) { return; }
  var v = x[i];
  for (var r = 0u; r < ROUNDS; r++) { v = fract(v * 1.5 + 0.25); }
  y[i] = select(x[i] + 1.0, v, v == 12345.0);
}`,
};

let gpu: Gpu;
beforeEach(async () => {
  gpu = await openGpu((await openNodeGpu()).gpu);
});
afterEach(() => {
  expect(gpu.strayErrors).toEqual([]);
  gpu.close();
});

function addOne(x: Tensor, rounds: number, work: number, variants?: (base: Variant) => Variant[]): Tensor {
  const y = empty(gpu, x.shape);
  const groups = Math.ceil(x.size / 64);
  const base = {
    name: "spin",
    kernel: kernel(spin, { constants: { ROUNDS: rounds } }),
    groups,
    uniforms: { n: x.size },
  };
  const bindings = [x.allocation, y.allocation];
  gpu.queue.record({
    kind: "dispatch",
    label: "spin",
    variants: variants?.(base) ?? [base],
    bindings,
    work,
    shapeClass: "all",
  });
  return y;
}

test("recorded order is execution order, also when a buffer is reused for an upload", async () => {
  await scoped(gpu, async () => {
    const first = upload(gpu, new Float32Array(1000).fill(1), [1000]);
    const plusOne = addOne(first, 1, 1000);
    first.free(); // its buffer may now be handed to the next upload, before the dispatch above has run
    const second = upload(gpu, new Float32Array(1000).fill(50), [1000]);
    expect((await plusOne.readFloats()).every((v) => v === 2)).toBe(true);
    expect((await second.readFloats()).every((v) => v === 50)).toBe(true);
  });
  expect(gpu.pool.stats().liveBuffers).toBe(0);
});

test("long work is cut into several submits and still covers every workgroup once", async () => {
  await scoped(gpu, async () => {
    const n = 64 * 3000;
    const x = upload(
      gpu,
      Float32Array.from({ length: n }, (_, i) => i),
      [n],
    );
    await gpu.queue.finish();
    const before = gpu.queue.counters.submits;
    const y = addOne(x, 4000, n * 4000 * 3);
    const shares: number[] = [];
    await gpu.flush({ progress: (share) => shares.push(share) });
    expect(gpu.queue.counters.submits - before).toBeGreaterThan(3);
    expect(shares.at(-1)).toBe(1);
    expect([...shares].sort((a, b) => a - b)).toEqual(shares);
    const got = await y.readFloats();
    expect(got.every((v, i) => v === i + 1)).toBe(true);
  });
});

test("a grid beyond 65,535 workgroups is spread over two dimensions", async () => {
  await scoped(gpu, async () => {
    const n = 64 * 70_001;
    const y = addOne(upload(gpu, new Float32Array(n), [n]), 1, n);
    const got = await y.readFloats();
    expect(got.every((v) => v === 1)).toBe(true);
  });
});

test("cancel stops between slices and leaves the device usable", async () => {
  await scoped(gpu, async () => {
    const n = 64 * 4000;
    const x = upload(gpu, new Float32Array(n), [n]);
    addOne(x, 20_000, n * 20_000 * 3);
    const controller = new AbortController();
    const slices: number[] = [];
    const work = gpu.flush({
      signal: controller.signal,
      progress(share) {
        slices.push(share);
        if (slices.length === 2) controller.abort();
      },
    });
    await expect(work).rejects.toMatchObject({ code: "cancelled" });
    expect(slices).toHaveLength(2);
    expect((await addOne(upload(gpu, [1, 2], [2]), 1, 2).readFloats())[1]).toBe(3);
  });
});

test("a lost device rejects what waits, with its own code", async () => {
  const x = upload(gpu, new Float32Array(64 * 1000), [64 * 1000]);
  const waiting = addOne(x, 5000, 64 * 1000 * 5000 * 3).read();
  gpu.close();
  await expect(waiting).rejects.toMatchObject({ code: "device-lost" });
  expect(gpu.isLost).toBe(true);
});

test("a tensor beyond the binding limit is refused before anything is allocated", () => {
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  expect(() => empty(gpu, [limit / 4 + 1])).toThrow(/was asked for, but this device binds at most/);
  expect(gpu.pool.stats().liveBuffers).toBe(0);
});

test("an allocation that the device refuses is an out-of-memory error, and its buffer is never reused", async () => {
  // A device that reports failure for every large buffer, as a full card does.
  const create = gpu.device.createBuffer.bind(gpu.device);
  let refuse = true;
  const pop = gpu.device.popErrorScope.bind(gpu.device);
  gpu.device.popErrorScope = async () => {
    const real = await pop();
    return refuse ? ({ message: "no memory" } as GPUError) : real;
  };
  gpu.device.createBuffer = create;
  await scoped(gpu, async () => {
    const x = empty(gpu, [1 << 20]);
    await expect(gpu.flush()).rejects.toMatchObject({ code: "out-of-memory", fields: { asked: 4 << 20 } });
    refuse = false;
    const poisoned = x.allocation.buffer;
    x.free();
    expect(empty(gpu, [1 << 20]).allocation.buffer).not.toBe(poisoned);
    await gpu.flush();
  });
});

test("a shader error names the author's file and line, and the failed entry is evicted", async () => {
  const broken = {
    file: "test/broken.wgsl",
    text: spin.text.replace("var v = x[i];", "var v = nothing[i];"),
  };
  const compile = () => gpu.pipelines.get(kernel(broken));
  await expect(compile()).rejects.toMatchObject({
    code: "shader",
    message: expect.stringContaining("shaders/test/broken.wgsl:13:"),
  });
  await expect(compile()).rejects.toMatchObject({ code: "shader" });
});

test("the tuner keeps the faster variant and times it once", async () => {
  await scoped(gpu, async () => {
    const x = upload(gpu, new Float32Array(64 * 64), [64 * 64]);
    const two = (base: Variant): Variant[] => [
      { ...base, name: "slow", kernel: kernel(spin, { constants: { ROUNDS: 20_000 } }) },
      { ...base, name: "fast", kernel: kernel(spin, { constants: { ROUNDS: 1 } }) },
    ];
    const y = addOne(x, 1, 64 * 64, two);
    expect((await y.readFloats())[0]).toBe(1);
    expect(gpu.tuner.trials.map((t) => t.variant)).toEqual(["slow", "fast"]);
    const before = gpu.queue.counters.dispatches;
    await addOne(x, 1, 64 * 64, two).readFloats();
    expect(gpu.queue.counters.dispatches - before).toBe(1);
  });
});

test("prepare compiles and tunes but runs one workgroup, and what follows is whole", async () => {
  await scoped(gpu, async () => {
    const x = upload(gpu, new Float32Array(64 * 64), [64 * 64]);
    const y = upload(gpu, new Float32Array(64 * 64).fill(-1), [64 * 64]);
    const record = () =>
      gpu.queue.record({
        kind: "dispatch",
        label: "spin",
        variants: [
          {
            name: "spin",
            kernel: kernel(spin, { constants: { ROUNDS: 3 } }),
            groups: 64,
            uniforms: { n: 64 * 64 },
          },
        ],
        bindings: [x.allocation, y.allocation],
        work: 64 * 64,
        shapeClass: "",
      });
    record();
    await gpu.queue.prepare();
    const after = await y.readFloats();
    expect([after[63], after[64]]).toEqual([1, -1]);
    record();
    expect((await y.readFloats()).every((v) => v === 1)).toBe(true);
  });
});

test("a window is part of a buffer: read, written, dispatched on, and an owner of it", async () => {
  const whole = upload(
    gpu,
    Float32Array.from({ length: 256 }, (_, i) => i),
    [256],
  );
  const part = whole.window(64, [2, 32]);
  const inner = part.reshape([64]).window(0, [4]);
  expect(() => whole.window(1, [2])).toThrow("a window starts at a multiple of 256 bytes, got 4");
  expect(() => whole.window(192, [65])).toThrow(
    "window: [65] from element 192 on reaches past the end of [256]",
  );
  whole.free();
  await scoped(gpu, async () => {
    const plus = addOne(part, 1, 64);
    expect((await plus.readFloats())[63]).toBe(128);
    gpu.queue.record({
      kind: "write",
      target: part.allocation,
      offset: 4,
      data: new Uint8Array(new Float32Array([-1]).buffer),
    });
    gpu.queue.record({
      kind: "copy",
      source: plus.allocation,
      sourceOffset: 4,
      target: part.allocation,
      targetOffset: 128,
      bytes: 4,
    });
    expect([...(await inner.readFloats())]).toEqual([64, -1, 66, 67]);
    expect((await part.readFloats())[32]).toBe(66);
    gpu.queue.record({ kind: "clear", target: inner.allocation });
    expect([...(await part.readFloats()).subarray(0, 5)]).toEqual([0, 0, 0, 0, 68]);
  });
  expect(gpu.pool.stats().liveBuffers).toBe(1);
  for (const tensor of [part, inner]) tensor.free();
  // Not held by a scope: the reshape is still an owner.
  expect(gpu.pool.stats().liveBuffers).toBe(1);
});

test("a recording replays its work on new inputs, its constants included, and holds its buffers", async () => {
  await scoped(gpu, async () => {
    const n = 64 * 50;
    const x = upload(gpu, new Float32Array(n), [n]);
    const sum = empty(gpu, [n]);
    const record = (): void => {
      const constant = upload(gpu, new Float32Array(n).fill(10), [n]); // a write that becomes part of the recording
      const y = addOne(addOne(x, 3, n), 3, n);
      const copy = { sourceOffset: 0, targetOffset: 0, bytes: 128 };
      gpu.queue.record({ kind: "copy", source: y.allocation, target: sum.allocation, ...copy });
      gpu.queue.record({
        kind: "copy",
        source: constant.allocation,
        target: sum.allocation,
        ...copy,
        targetOffset: 128,
      });
    };
    await scoped(gpu, async () => {
      record();
      await gpu.queue.finish();
    });
    let recording = await scoped(gpu, () => {
      record();
      return gpu.queue.capture();
    });
    expect([recording.dispatches, recording.pipelines]).toEqual([2, 1]);
    expect(gpu.pool.stats().pinnedBytes).toBeGreaterThan(0);
    // New tensors must not land in the recording's buffers.
    const bystanders = Array.from({ length: 8 }, (_, i) => upload(gpu, new Float32Array(n).fill(i), [n]));
    const before = gpu.queue.counters.dispatches;
    for (const value of [5, 7]) {
      gpu.queue.record({
        kind: "write",
        target: x.allocation,
        offset: 0,
        data: new Uint8Array(new Float32Array(n).fill(value).buffer),
      });
      gpu.queue.record({ kind: "replay", recording });
      const got = await sum.readFloats();
      expect([got[0], got[31], got[32], got[63]]).toEqual([value + 2, value + 2, 10, 10]);
    }
    expect(gpu.queue.counters.dispatches - before).toBe(4);
    for (const [i, tensor] of bystanders.entries())
      expect(new Set(await tensor.readFloats())).toEqual(new Set([i]));
    recording.dispose();
    expect(gpu.pool.stats().pinnedBytes).toBe(0);
    gpu.queue.record({ kind: "replay", recording });
    await expect(gpu.flush()).rejects.toThrow("a disposed recording was replayed");
    recording = await gpu.queue.capture(); // nothing recorded: an empty recording is fine
    expect(recording.dispatches).toBe(0);
    recording.dispose();
  });
  expect(gpu.pool.stats().liveBuffers).toBe(0);
});

test("long work in a recording is cut into several submits", async () => {
  await scoped(gpu, async () => {
    const n = 64 * 3000;
    const x = upload(gpu, new Float32Array(n), [n]);
    const y = addOne(x, 4000, n * 4000 * 3);
    await gpu.queue.finish();
    const recording = await scoped(gpu, () => {
      gpu.queue.record({ kind: "clear", target: y.allocation });
      const z = addOne(x, 4000, n * 4000 * 3);
      gpu.queue.record({
        kind: "copy",
        source: z.allocation,
        sourceOffset: 0,
        target: y.allocation,
        targetOffset: 0,
        bytes: 4 * n,
      });
      return gpu.queue.capture();
    });
    expect(recording.dispatches).toBeGreaterThan(2);
    const before = gpu.queue.counters.submits;
    gpu.queue.record({ kind: "replay", recording });
    expect((await y.readFloats()).every((v) => v === 1)).toBe(true);
    expect(gpu.queue.counters.submits - before).toBeGreaterThan(2);
    recording.dispose();
  });
});

test("timeWork measures more work as longer", async () => {
  await scoped(gpu, async () => {
    const x = upload(gpu, new Float32Array(64 * 256), [64 * 256]);
    const time = (rounds: number) =>
      timeWork(gpu, () => addOne(x, rounds, 64 * 256).free(), { rounds: 3, minMs: 5 });
    const [short, long] = [await time(10), await time(20_000)];
    expect(long.ms).toBeGreaterThan(short.ms * 3);
  });
});

test("timestamps give the device time of each label", async () => {
  await scoped(gpu, async () => {
    const n = 64 * 512;
    const x = upload(gpu, new Float32Array(n), [n]);
    const times = await profileWork(gpu, () => {
      addOne(x, 2000, n);
      addOne(x, 2000, n);
    });
    expect(gpu.has("timestamp-query")).toBe(true); // both software adapters have it
    expect(times?.map((t) => [t.label, t.dispatches])).toEqual([["spin", 2]]);
    expect(times?.[0].ms).toBeGreaterThan(0);
  });
});
