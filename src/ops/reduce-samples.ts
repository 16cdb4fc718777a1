// Samples and rejects that all reductions share: every position of the axes, one and several passes, empty, extreme.
import type { Reject, Sample } from "./op";
import type { ReduceAttrs } from "./reduce-plan";

const SMALL: readonly Sample<ReduceAttrs>[] = [
  { name: "scalar", inputs: [{ shape: [] }], attrs: {} },
  { name: "all", inputs: [{ shape: [3, 7] }], attrs: {} },
  { name: "no axes", inputs: [{ shape: [3, 7] }], attrs: { axes: [] } },
  { name: "last axis, kept", inputs: [{ shape: [5, 37] }], attrs: { axes: [-1], keepDims: true } },
  { name: "first axis", inputs: [{ shape: [65, 7] }], attrs: { axes: [0] } },
  { name: "middle axis", inputs: [{ shape: [3, 67, 5] }], attrs: { axes: [1] } },
  { name: "outer and inner axes", inputs: [{ shape: [4, 3, 5, 2] }], attrs: { axes: [0, 2] } },
  {
    name: "many axes of length 1 and 2",
    inputs: [{ shape: [2, 1, 3, 2, 1, 2, 2, 3] }],
    attrs: { axes: [0, 3, 4, 6], keepDims: true },
  },
  { name: "wide rows", inputs: [{ shape: [70, 130] }], attrs: { axes: [0] } },
  { name: "long row", inputs: [{ shape: [2, 4100] }], attrs: { axes: [1] } },
  { name: "no results", inputs: [{ shape: [4, 0] }], attrs: { axes: [0] } },
];

const SIZE = "size: the small samples cover it";

/** Samples of sum; its empty and its large ones are left out for mean, which has the same kernels. */
export const sumSamples: readonly Sample<ReduceAttrs>[] = [
  ...SMALL,
  { name: "no values give zeros", inputs: [{ shape: [0, 5] }], attrs: { axes: [0] } },
  { name: "no values among three axes", inputs: [{ shape: [0, 3, 2] }], attrs: { axes: [0, 2] } },
  {
    name: "a million positive values",
    inputs: [{ shape: [1_000_003], fill: { kind: "uniform", from: 0, to: 1 }, dtype: "f32" }],
    attrs: {},
    noGradient: SIZE,
  },
  { name: "tall and narrow", inputs: [{ shape: [70_001, 3] }], attrs: { axes: [0] }, noGradient: SIZE },
];

export const meanSamples: readonly Sample<ReduceAttrs>[] = [
  ...SMALL,
  {
    name: "large values, first axis",
    inputs: [{ shape: [130, 2], fill: { kind: "uniform", from: 1e3, to: 2e3 } }],
    attrs: { axes: [0] },
  },
];

const KINK = "two values lie closer together than the step of the difference";

/** Samples of argmax and minimum. */
export const extremeSamples: readonly Sample<ReduceAttrs>[] = [
  ...SMALL.map((sample) => (sample.name === "wide rows" ? { ...sample, noGradient: KINK } : sample)),
  {
    name: "ties",
    inputs: [{ shape: [3, 70], fill: { kind: "values", values: [1, 2, 2, 1, -2, -2, 1] } }],
    attrs: { axes: [0, 1] },
    noGradient: KINK,
  },
  {
    name: "ties over two groups of axes",
    inputs: [{ shape: [3, 2, 5], fill: { kind: "values", values: [1, 2, 2, -1, -1] } }],
    attrs: { axes: [0, 2] },
    noGradient: KINK,
  },
  {
    name: "all below zero, far apart",
    inputs: [{ shape: [4, 40], fill: { kind: "uniform", from: -6e4, to: -1 } }],
    attrs: { axes: [1] },
    noGradient: KINK,
  },
];

export const maxSamples: readonly Sample<ReduceAttrs>[] = [
  ...extremeSamples,
  { name: "a million to one", inputs: [{ shape: [1_000_003], dtype: "f32" }], attrs: {}, noGradient: SIZE },
];

export function reduceRejects(name: string): Reject<ReduceAttrs>[] {
  const common: Reject<ReduceAttrs>[] = [
    {
      inputs: [{ shape: [2, 3], dtype: "f32" }],
      attrs: { axes: [2] },
      says: `${name}: axis 2 does not exist in a tensor with 2 axes`,
    },
    {
      inputs: [{ shape: [2, 3], dtype: "f32" }],
      attrs: { axes: [0, -2] },
      says: `${name}: axes [0, -2] name an axis of f32[2, 3] twice`,
    },
    {
      inputs: [{ shape: [2, 2], dtype: "i32" }],
      attrs: {},
      says: `${name}: x must be f32 or f16, got i32[2, 2]; cast it first`,
    },
    {
      inputs: [{ shape: [2, 2, 2, 2, 2, 2, 2, 2, 2], dtype: "f32" }],
      attrs: { axes: [0, 2, 4, 6, 8] },
      says: `${name}: kept and reduced axes alternate 9 times, at most 8 are possible; reshape or permute first`,
    },
  ];
  const empty: Reject<ReduceAttrs> = {
    inputs: [{ shape: [0, 5], dtype: "f32" }],
    attrs: { axes: [0] },
    says: `${name}: there are no values along the reduced axes of f32[0, 5]`,
  };
  return name === "sum" ? common : [...common, empty];
}
