// Samples and rejects of the matmul records: shapes for every kernel, transposition, epilogue and edge.
import type { MatmulAttrs } from "./matmul-plan";
import { ACTIVATIONS } from "./matmul-tiles";
import type { Fill, Reject, Sample } from "./op";

interface Extras {
  bias: boolean;
  residual: boolean;
}

/** Operands of op(a) [m, k] and op(b) [k, n] with their batch shapes, stored as the attributes say, plus the extras. */
function sample(
  extras: Extras,
  name: string,
  m: number,
  n: number,
  k: number,
  attrs: MatmulAttrs = {},
  more: { a?: number[]; b?: number[]; fill?: Fill; noGradient?: string } = {},
): Sample<MatmulAttrs> {
  const { a = [], b = [], fill, noGradient } = more;
  const rank = Math.max(a.length, b.length);
  const batch = Array.from({ length: rank }, (_, i) =>
    Math.max(a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1),
  );
  const inputs = [
    { shape: [...a, ...(attrs.transposeA ? [k, m] : [m, k])], fill },
    { shape: [...b, ...(attrs.transposeB ? [n, k] : [k, n])], fill },
  ];
  if (extras.bias) inputs.push({ shape: [n], fill: undefined });
  if (extras.residual) inputs.push({ shape: [...batch, m, n], fill: undefined });
  return { name, inputs, attrs, noGradient };
}

export function matmulSamples(extras: Extras): Sample<MatmulAttrs>[] {
  const make = (
    ...rest: Parameters<typeof sample> extends [Extras, ...infer R] ? R : never
  ): Sample<MatmulAttrs> => sample(extras, ...rest);
  const slow = "size: the small samples cover it";
  const kept = "what is kept has no gradient of its own; the tape's tests cover that of the result";
  const epilogues = ACTIVATIONS.filter((activation) => activation !== "none").map((activation) =>
    make(activation, 5, 6, 8, { activation, scale: 0.5 }),
  );
  const shared = [
    make("one", 1, 1, 1),
    make("odd", 5, 7, 9),
    make("every kernel", 70, 72, 68, {}, { noGradient: slow }),
    make("every kernel, odd", 67, 131, 33, { scale: 0.25 }, { noGradient: slow }),
    make("batch", 3, 4, 5, {}, { a: [3], b: [3] }),
    ...epilogues,
  ];
  if (extras.bias && !extras.residual) {
    return [
      ...shared,
      make("tall, bias and gelu", 1030, 17, 12, { activation: "gelu" }, { noGradient: slow }),
      make(
        "argument kept",
        70,
        71,
        68,
        { activation: "gelu", transposeB: true, keepsArgument: true },
        { noGradient: kept },
      ),
      make(
        "argument kept, split",
        3,
        5,
        1028,
        { activation: "silu", keepsArgument: true },
        { noGradient: kept },
      ),
      make("split inner axis", 2, 3, 4096, { activation: "silu", scale: 0.01 }, { noGradient: slow }),
    ];
  }
  if (extras.bias || extras.residual)
    return [...shared, make("split inner axis", 3, 2, 2052, { scale: 0.01 }, { noGradient: slow })];
  const both = { transposeA: true, transposeB: true };
  return [
    ...shared,
    ...[{ transposeA: true }, { transposeB: true }, both].flatMap((attrs) => [
      make(`${Object.keys(attrs).join(" ")} odd`, 6, 5, 7, attrs),
      make(`${Object.keys(attrs).join(" ")} every kernel`, 66, 73, 65, attrs, { noGradient: slow }),
      make(`${Object.keys(attrs).join(" ")} batch`, 4, 3, 2, attrs, { a: [2, 3], b: [3] }),
      make(`${Object.keys(attrs).join(" ")} split`, 3, 5, 1028, attrs, { noGradient: slow }),
    ]),
    make("vector times matrix", 1, 130, 257),
    make("matrix times vector", 130, 1, 64),
    make("outer product", 33, 35, 1),
    make("broadcast both ways", 2, 3, 4, {}, { a: [3, 1], b: [1, 2] }),
    make("one b for a batch", 3, 5, 6, {}, { a: [2, 3] }),
    make("one a for a batch", 3, 5, 6, {}, { b: [2, 3] }),
    make("long inner axis, batch", 2, 3, 1536, {}, { a: [2], b: [2], noGradient: slow }),
    make("many rows", 70_003, 3, 5, {}, { noGradient: slow }),
    make("many matrices", 2, 2, 2, {}, { a: [66_001], b: [66_001], noGradient: slow }),
    make("large values", 9, 10, 11, {}, { fill: { kind: "uniform", from: -30, to: 30 } }),
    make("cancelling", 4, 4, 64, {}, { fill: { kind: "values", values: [30, -30, 0.5] } }),
    make("no rows", 0, 3, 4),
    make("no inner axis gives zeros", 2, 3, 0),
    make("no batch", 2, 3, 4, {}, { a: [0], b: [0] }),
  ];
}

/** Gradients of a weight and a bias: the first operand is stored transposed there. */
export const rowSumSamples: Sample<MatmulAttrs>[] = (
  [
    ["one", 1, 1, 1, {}],
    ["odd", 5, 7, 9, { transposeA: true }],
    ["every kernel", 132, 131, 67, { transposeA: true, scale: 0.5 }],
    ["plain", 35, 70, 33, {}],
    ["split", 6, 5, 4100, { transposeA: true, scale: 0.01 }],
    ["no inner axis gives zeros", 2, 3, 0, { transposeA: true }],
  ] as const
).map(([name, m, n, k, attrs]) => {
  const made = sample({ bias: false, residual: false }, name, m, n, k, attrs);
  // Every variant takes a second to compile on software adapters; f16 goes through the two small ones.
  const dtype = m > 30 ? ("f32" as const) : undefined;
  return { ...made, inputs: made.inputs.map((input) => ({ ...input, dtype })) };
});

export function matmulRejects(extras: Extras): Reject<MatmulAttrs>[] {
  const f32 = (...shape: number[]): { shape: number[]; dtype: "f32" } => ({ shape, dtype: "f32" });
  if (extras.bias && extras.residual) {
    return [
      {
        inputs: [f32(2, 3), f32(3, 4), f32(4), f32(2, 3)],
        attrs: {},
        says: "matmul: residual must be [2, 4], got [2, 3]",
      },
    ];
  }
  if (extras.bias) {
    return [
      { inputs: [f32(2, 3), f32(3, 4), f32(3)], attrs: {}, says: "matmul: bias must be [4], got [3]" },
      {
        inputs: [f32(2, 3), f32(3, 4), { shape: [4], dtype: "f16" }],
        attrs: {},
        says: "matmul: a and bias: element types differ, f32[2, 3] and f16[4]; cast one of them",
      },
    ];
  }
  if (extras.residual)
    return [
      {
        inputs: [f32(5, 2, 3), f32(3, 4), f32(2, 4)],
        attrs: {},
        says: "matmul: residual must be [5, 2, 4], got [2, 4]",
      },
    ];
  return [
    {
      inputs: [f32(4, 8), f32(9, 2)],
      attrs: {},
      says: "matmul: inner sizes differ, a is [4, 8] and b is [9, 2]; transpose b?",
    },
    {
      inputs: [f32(4, 8), f32(8, 2)],
      attrs: { transposeA: true },
      says: "matmul: inner sizes differ, a is [4, 8], transposed and b is [8, 2]; transpose b?",
    },
    {
      inputs: [f32(4), f32(4, 2)],
      attrs: {},
      says: "matmul: a needs at least 2 axes, got f32[4]; reshape a vector to a row or a column",
    },
    {
      inputs: [{ shape: [4, 4], dtype: "i32" }, f32(4, 2)],
      attrs: {},
      says: "matmul: a must be f32 or f16, got i32[4, 4]; cast it first",
    },
    {
      inputs: [f32(2, 4, 4), f32(3, 4, 2)],
      attrs: {},
      says: "matmul: batch axes: shapes [2] and [3] do not broadcast; axis -1 is 2 and 3",
    },
  ];
}
