// Merge methods in exact mode against float64 references, their properties, and that no result depends on how a tensor
// is cut into chunks.
import { describe, expect, test } from "vitest";
import { findMethod, METHODS } from "./engine/methods/index";
import type { Mode } from "./engine/methods/method";
import { REFERENCES } from "./methods-reference";
import { SAMPLES, type Sample, sampleModels } from "./methods-samples";
import { mergeSketch, sketchJob } from "./methods-testing";

const bits = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);
const expectSame = (got: Float32Array, expected: Float32Array): void =>
  expect(bits(got)).toEqual(bits(expected));
const sampleOf = (method: string): Sample => SAMPLES.find((sample) => sample.method === method)!;

test("every method has a sample and a reference", () => {
  expect(METHODS.map(({ id }) => id).filter((id) => !sampleOf(id) || !REFERENCES[id])).toEqual([]);
  expect(new Set(METHODS.map(({ id }) => id)).size).toBe(METHODS.length);
});

describe("float64 reference", () => {
  test.each(
    SAMPLES.filter(({ method }) => REFERENCES[method]).map((sample) => [sample.title, sample] as const),
  )("%s", async (_, sample) => {
    const got = await mergeSketch({ ...sample, chunk: 100 });
    const expected = REFERENCES[sample.method]({ ...sketchJob(sample), models: sample.models });
    const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    // Rounded once to float32, half a unit in the last place; float64 sums in another order differ by far less.
    for (const [i, x] of expected.entries())
      expect(Math.abs(got[i] - x), `element ${i}`).toBeLessThanOrEqual(
        Math.abs(x) * 2 ** -24 + scale * 1e-13,
      );
  });
});

describe.each<Mode>(["exact", "mergekit"])("any chunks, %s mode", (mode) => {
  test.each(SAMPLES.map((sample) => [sample.title, sample] as const))("%s", async (_, sample) => {
    const whole = await mergeSketch({ ...sample, mode });
    for (const chunk of [1, 7, 64, 100]) expectSame(await mergeSketch({ ...sample, mode, chunk }), whole);
  });
});

describe.each([
  { shape: [], count: 1 },
  { shape: [1], count: 1 },
  { shape: [3, 1], count: 3 },
  { shape: [0], count: 0 },
  { shape: [2, 3, 5], count: 30 },
])("a tensor of shape $shape", ({ shape, count }) => {
  test.each(SAMPLES.map((sample) => [sample.title, sample] as const))("%s", async (_, sample) => {
    const models = sample.models.map((model) => model.slice(0, count));
    const got = await mergeSketch({ ...sample, models, shape, chunk: 2 });
    expect(got.every(Number.isFinite)).toBe(true);
  });
});

describe("properties", () => {
  const [base, one] = sampleModels(1);
  const both = { models: [base, one], base: 0, shape: [12, 37] };

  test("linear of equal models is the model", async () => {
    const values = [0.1, 0.7, 0.3].map((weight) => ({ weight }));
    expectSame(await mergeSketch({ method: "linear", models: [one, one, one], values }), one);
  });

  test("weights that cancel are refused in exact mode", async () => {
    const values = [{ weight: 1 }, { weight: -1 }];
    await expect(mergeSketch({ method: "linear", models: [base, one], values })).rejects.toThrow(
      "The weights sum to 0 and cannot be normalised: 1, -1: w",
    );
  });

  test.each(["task_arithmetic", "ties", "dare_linear", "dare_ties", "della_linear", "della", "breadcrumbs"])(
    "%s with weight 0 is the base, bit by bit",
    async (method) => {
      const signed = base.map((x, i) => (i % 5 === 0 ? -0 : x));
      const values = [{}, { weight: 0, density: 0.5 }];
      expectSame(await mergeSketch({ method, ...both, models: [signed, one], values }), signed);
    },
  );

  test("ties of one model at density 1 is the model", async () => {
    expectSame(await mergeSketch({ method: "ties", ...both, values: [{}, { weight: 0.3 }] }), one);
    // Also where a float32 difference would lose the smaller of the two.
    const wide = one.map((x, i) => x * 2 ** ((i % 31) - 20));
    expectSame(
      await mergeSketch({ method: "ties", models: [base, wide], base: 0, values: [{}, { weight: 1 }] }),
      wide,
    );
  });

  test.each(["dare_linear", "della_linear"])("%s at density 1 is task arithmetic", async (method) => {
    const values = [{}, { weight: 0.7, density: 1 }];
    expectSame(
      await mergeSketch({ method, ...both, values }),
      await mergeSketch({ method: "task_arithmetic", ...both, values }),
    );
  });

  test.each<Mode>(["exact", "mergekit"])("slerp at 0 and 1, %s mode", async (mode) => {
    expectSame(await mergeSketch({ method: "slerp", ...both, mode, shared: { t: 0 } }), base);
    expectSame(await mergeSketch({ method: "slerp", ...both, mode, shared: { t: 1 } }), one);
  });

  test.each(["arcee_fusion", "karcher", "multislerp", "nuslerp", "slerp", "nearswap"])(
    "%s of a model with itself is the model",
    async (method) => {
      const { base: policy } = findMethod(method);
      const sketch = {
        method,
        models: [one, one],
        shape: [12, 37],
        base: policy === "required" ? 0 : undefined,
        shared: { t: 0.3 },
        values: [{ weight: 0.4 }, { weight: 0.6 }],
      };
      expectSame(await mergeSketch(sketch), one);
    },
  );

  test.each([
    "task_arithmetic",
    "ties",
    "multislerp",
    "model_stock",
    "sce",
    "ram",
    "ramplus_tl",
    "breadcrumbs_ties",
  ])("%s of three models that are the base is the base", async (method) => {
    const values = [{}, { weight: 0.5 }, { weight: 0.3 }, { weight: 0.2 }];
    expectSame(await mergeSketch({ method, models: [base, base, base, base], base: 0, values }), base);
  });
});

describe("traps of mergekit that the exact mode mends", () => {
  const [base, one, two] = sampleModels(2);
  const onBase = { base: 0, shape: [12, 37] };
  const distance = (a: Float32Array, b: Float32Array): number =>
    Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0));

  test("arcee_fusion: where most entries agree the threshold is 0 and all that has changed is taken", async () => {
    const moved = base.map((x, i) => (i % 8 === 0 ? one[i] : x));
    const sketch = { method: "arcee_fusion", ...onBase, models: [base, moved] };
    expectSame(await mergeSketch(sketch), moved);
    const got = await mergeSketch({ ...sketch, shared: { changed_only: true } });
    const changed = moved.filter((x, i) => x !== base[i]).length;
    const taken = got.filter((x, i) => x !== base[i]).length;
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(changed / 5);
  });

  test("ties: a model of negative weight is subtracted, not added", async () => {
    const sketch = { method: "ties", ...onBase, models: [base, one], values: [{}, { weight: -0.4 }] };
    const away = base.map((x, i) => x - Math.fround(one[i] - x));
    expect(distance(await mergeSketch(sketch), away)).toBeLessThan(1e-6);
    expect(distance(await mergeSketch({ ...sketch, mode: "mergekit" }), one)).toBeLessThan(1e-6);
  });

  test("sce: small differences have weights too", async () => {
    const little = [one, two].map((model, k) => base.map((x, i) => x + (model[i] - x) * (k ? 0.001 : 0.01)));
    const sketch = { method: "sce", ...onBase, models: [base, ...little] };
    const larger = {
      ...sketch,
      models: [base, ...little.map((model) => base.map((x, i) => x + (model[i] - x) * 64))],
    };
    const [small, large] = [await mergeSketch(sketch), await mergeSketch(larger)];
    const scaled = base.map((x, i) => x + (small[i] - x) * 64);
    expect(distance(scaled, large) / distance(base, large)).toBeLessThan(1e-3);
    const rough = await mergeSketch({ ...sketch, mode: "mergekit" });
    expect(distance(rough, small) / distance(base, small)).toBeGreaterThan(0.1);
  });

  test("slerp: no angle is so small that the sphere is flat", async () => {
    const near = base.map((x, i) => x * (i % 2 ? 1.02 : 0.98));
    const job = { method: "slerp", ...onBase, models: [base, near], shared: { t: 0.5 } };
    const norm = (x: Float32Array): number =>
      distance(
        x,
        x.map(() => 0),
      );
    // On the arc of two vectors of about the same length the length is kept; the chord is shorter.
    const [arc, chord] = [await mergeSketch(job), await mergeSketch({ ...job, mode: "mergekit" })];
    expect(norm(arc)).toBeGreaterThan(norm(chord));
    expect(norm(arc) / norm(base)).toBeCloseTo((1 + norm(near) / norm(base)) / 2, 5);
  });

  test("breadcrumbs: the largest entries go at density 1 too", async () => {
    const sketch = {
      method: "breadcrumbs",
      ...onBase,
      models: [base, one],
      values: [{}, { weight: 1, density: 1, gamma: 0.1 }],
    };
    const got = await mergeSketch(sketch);
    const largest = Math.max(...one.map((x, i) => Math.abs(x - base[i])));
    expect(Math.max(...got.map((x, i) => Math.abs(x - base[i])))).toBeLessThan(largest * 0.9);
    expectSame(
      await mergeSketch({ ...sketch, mode: "mergekit" }),
      await mergeSketch({ ...sketch, method: "task_arithmetic" }),
    );
  });

  test("della: a row of one, and an epsilon that is too large", async () => {
    const values = [{}, { weight: 1, density: 0.9, epsilon: 0.15 }];
    const sketch = { method: "della", models: [base, one], base: 0, shape: [base.length, 1], values };
    expect((await mergeSketch(sketch)).every(Number.isFinite)).toBe(true);
    await expect(mergeSketch({ ...sketch, mode: "mergekit" })).rejects.toThrow(
      "density ± epsilon must lie within 0 and 1, got 0.9 ± 0.15: w",
    );
  });

  test("multislerp: three models that all equal the base", async () => {
    const sketch = {
      method: "multislerp",
      models: [base, base, base, base],
      base: 0,
      values: [{}, { weight: 1 }, { weight: 1 }, { weight: 1 }],
    };
    expectSame(await mergeSketch(sketch), base);
    await expect(mergeSketch({ ...sketch, mode: "mergekit" })).rejects.toThrow("directions cancel");
  });
});
