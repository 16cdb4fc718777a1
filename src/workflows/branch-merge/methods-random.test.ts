// The methods that draw masks: shares, sums and means over seeds within three standard errors, and that a mask depends
// on seed, tensor and model alone.
import { describe, expect, test } from "vitest";
import { sampleModels } from "./methods-samples";
import { type JobSketch, mergeSketch } from "./methods-testing";

const SHAPE = [40, 250] as const;
const COUNT = SHAPE[0] * SHAPE[1];
const SEEDS = Array.from({ length: 30 }, (_, i) => 1000 + i);
const DENSITY = 0.3;

const [base, one] = sampleModels(1, SHAPE);
const zeros = new Float32Array(COUNT);
/** Without a base to add to, what comes out is the mask times this. */
const steps = Float32Array.from(one, (x, i) => (x === base[i] ? 1 : x - base[i]));

const sketch = (method: string, more: Partial<JobSketch> = {}): JobSketch => ({
  method,
  models: [zeros, steps],
  shape: SHAPE,
  base: 0,
  ...more,
  shared: { normalize: false, ...more.shared },
  values: more.values ?? [{}, { weight: 1, density: DENSITY }],
});
const mask = async (more: Partial<JobSketch> = {}, method = "dare_linear"): Promise<Uint8Array> => {
  const out = await mergeSketch(sketch(method, { ...more, shared: { rescale: false, ...more.shared } }));
  return Uint8Array.from(out, (x) => (x === 0 ? 0 : 1));
};
const share = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;

/** |got − expected| counted in standard errors. */
const expectWithin = (got: number, expected: number, error: number): void =>
  expect(Math.abs(got - expected) / error).toBeLessThan(3);

describe.each(["dare_linear", "dare_ties", "della_linear", "della"])("%s", (method) => {
  test("keeps the share that was asked for", async () => {
    const shares = await Promise.all(SEEDS.map(async (seed) => share(await mask({ seed }, method))));
    // DELLA's probabilities differ within a row, which makes the error smaller, never larger.
    expectWithin(share(shares), DENSITY, Math.sqrt((DENSITY * (1 - DENSITY)) / COUNT / SEEDS.length));
  });

  test("exact mode: each entry is right in the mean over seeds", async () => {
    const ratio = async (seed: number): Promise<number> =>
      share((await mergeSketch(sketch(method, { seed }))).map((x, i) => x / steps[i]));
    const ratios = await Promise.all(SEEDS.map(ratio));
    const spread = Math.sqrt(share(ratios.map((x) => (x - share(ratios)) ** 2)) / (SEEDS.length - 1));
    expectWithin(share(ratios), 1, spread);
  });

  test("mergekit mode: the sum of magnitudes is kept", async () => {
    const sum = (values: Float32Array): number => values.reduce((all, x) => all + Math.abs(x), 0);
    for (const seed of SEEDS.slice(0, 5)) {
      const out = await mergeSketch(sketch(method, { seed, mode: "mergekit" }));
      expect(sum(out) / sum(steps)).toBeCloseTo(1, 6);
    }
  });
});

test("DELLA keeps an entry with the probability of its rank", async () => {
  const epsilon = 0.2;
  const kept = new Float64Array(SHAPE[1]);
  const ranks = Array.from({ length: SHAPE[0] }, (_, row) => {
    const at = Array.from({ length: SHAPE[1] }, (_, i) => row * SHAPE[1] + i);
    return at.sort((a, b) => Math.abs(steps[a]) - Math.abs(steps[b]) || a - b);
  });
  for (const seed of SEEDS) {
    const got = await mask({ seed, values: [{}, { weight: 1, density: DENSITY, epsilon }] }, "della_linear");
    for (const row of ranks) for (const [rank, i] of row.entries()) kept[rank] += got[i];
  }
  // By tenths of the ranks, 30,000 draws each.
  for (let tenth = 0; tenth < 10; tenth++) {
    const draws = SEEDS.length * SHAPE[0] * 25;
    const got = kept.slice(tenth * 25, tenth * 25 + 25).reduce((sum, x) => sum + x, 0) / draws;
    const expected = DENSITY - epsilon + (2 * epsilon * (tenth * 25 + 12)) / (SHAPE[1] - 1);
    expectWithin(got, expected, Math.sqrt((expected * (1 - expected)) / draws));
  }
});

test("a mask depends on seed, tensor and model, and on nothing else", async () => {
  const first = await mask();
  expect(await mask({ chunk: 33 })).toEqual(first);
  expect(
    await mask({ base: 1, models: [steps, zeros], values: [{ weight: 1, density: DENSITY }, {}] }),
  ).toEqual(first);
  // Independent masks agree where both keep or both drop.
  const agree = DENSITY ** 2 + (1 - DENSITY) ** 2;
  const error = Math.sqrt((agree * (1 - agree)) / COUNT);
  const others = [
    await mask({ seed: 2 }),
    await mask({ seed: 1 + 2 ** 32 }),
    await mask({ name: "v" }),
    await mask({
      models: [zeros, zeros, steps],
      values: [{}, { weight: 1, density: DENSITY }, { weight: 1, density: DENSITY }],
    }),
  ];
  for (const other of others)
    expectWithin(share(other.map((x, i) => (x === first[i] ? 1 : 0))), agree, error);
});
