// Rotary position embedding in one, two or three dimensions. The frequencies are an input, so any scaling of them fits.
import sourceText from "../../shaders/ops/rotary.wgsl?raw";
import { TesseraError } from "../base/errors";
import type { Gpu } from "../gpu/gpu";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { formatShape, sameShape } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec, upload } from "../tensor/tensor";
import { expectIndex } from "./csr";
import { defineOp, expectFloat, type Op, type Sample } from "./op";

const source: KernelSource = { file: "ops/rotary.wgsl", text: sourceText };
const LANES = 64;
const WORD = 2 ** 32;

export interface RotaryAttrs {
  /** Pairs of features that belong to each of the one to three position axes, in order. */
  split: readonly number[];
  /** Pairs are (2i, 2i + 1); otherwise (i, i + pairs). */
  interleaved: boolean;
  /** Rotates back: the inverse, which is also the gradient. */
  inverse?: boolean;
  /**
   * Set when a token has several rows, x [..., L, slots, D]: as many of the first are rotated, the others copied. So the
   * queries and keys of packed rows are rotated where they lie.
   */
  turned?: number;
}

/** Radians a position for each pair: theta^(-i / pairs of the axis). */
const frequencies = (split: readonly number[], theta: number): number[] =>
  split.flatMap((pairs) => Array.from({ length: pairs }, (_, i) => theta ** (-i / pairs)));

/**
 * Frequencies in radians a position, as fractions of a turn in 64-bit fixed point: two u32 words for each pair. Upload as
 * u32[pairs, 2], or use `rotaryTable`.
 */
export function turnWords(radians: readonly number[]): Uint32Array {
  const words: number[] = [];
  for (const frequency of radians) {
    const turns = (frequency / (2 * Math.PI)) * WORD;
    words.push(Math.floor(turns), Math.floor((turns - Math.floor(turns)) * WORD));
  }
  return Uint32Array.from(words);
}

/** The words of plain frequencies, theta^(-i / pairs of the axis). */
export const rotaryWords = (split: readonly number[], theta = 10_000): Uint32Array =>
  turnWords(frequencies(split, theta));

/** The table as a tensor u32[pairs, 2]. Make it once for a model and keep it. */
export const rotaryTable = (gpu: Gpu, split: readonly number[], theta = 10_000): Tensor =>
  upload(gpu, rotaryWords(split, theta), [split.reduce((a, b) => a + b, 0), 2], "u32");

function check(
  x: TensorSpec,
  position: TensorSpec,
  table: TensorSpec,
  { split, turned }: RotaryAttrs,
): number {
  expectFloat(x, "rotary: x");
  expectIndex(table, "rotary: table");
  if (position.dtype !== "u32" && position.dtype !== "f32")
    throw new TesseraError("dtype", `rotary: position must be u32 or f32, got ${formatSpec(position)}`);
  const pairs = split.reduce((a, b) => a + b, 0);
  if (split.length < 1 || split.length > 3 || !split.every((n) => Number.isInteger(n) && n > 0)) {
    throw new TesseraError(
      "arguments",
      `rotary: split needs one to three whole numbers above 0, got [${split.join(", ")}]`,
    );
  }
  const least = turned === undefined ? 2 : 3;
  if (x.shape.length < least || pairs * 2 > (x.shape.at(-1) ?? 0)) {
    throw new TesseraError(
      "shape",
      `rotary: split [${split.join(", ")}] rotates ${pairs * 2} features, x is ${formatShape(x.shape)}`,
    );
  }
  if (turned !== undefined && !(Number.isInteger(turned) && turned >= 0 && turned <= x.shape.at(-2)!))
    throw new TesseraError(
      "arguments",
      `rotary: of the ${x.shape.at(-2)} rows of a token ${turned} cannot be rotated, x is ${formatShape(x.shape)}`,
    );
  const wanted = [x.shape.at(-least) ?? 0, split.length];
  if (!sameShape(position.shape, wanted))
    throw new TesseraError(
      "shape",
      `rotary: position must be ${formatShape(wanted)}, got ${formatShape(position.shape)}`,
    );
  if (!sameShape(table.shape, [pairs, 2]))
    throw new TesseraError(
      "shape",
      `rotary: table must be ${formatShape([pairs, 2])}, got ${formatShape(table.shape)}`,
    );
  return pairs;
}

function sample(
  name: string,
  shape: number[],
  split: number[],
  interleaved: boolean,
  more: {
    positions?: number[];
    float?: boolean;
    theta?: number;
    inverse?: boolean;
    noGradient?: string;
    turned?: number;
  } = {},
): Sample<RotaryAttrs> {
  const { positions, float = false, theta, inverse, noGradient, turned } = more;
  const length = shape[shape.length - (turned === undefined ? 2 : 3)];
  const dtype = float ? "f32" : "u32";
  return {
    name,
    inputs: [
      { shape },
      {
        shape: [length, split.length],
        dtype,
        fill: positions ? { kind: "values", values: positions } : { kind: "index", below: 4096 },
      },
      {
        shape: [split.reduce((a, b) => a + b, 0), 2],
        dtype: "u32",
        fill: { kind: "values", values: [...rotaryWords(split, theta)] },
      },
    ],
    attrs: { split, interleaved, inverse, turned },
    noGradient,
  };
}

export const rotaryOp: Op<RotaryAttrs> = defineOp<RotaryAttrs>({
  name: "rotary",
  summary: "pairs (u, v) of x become (u cos t - v sin t, u sin t + v cos t), t = position · frequency",
  inputs: ["x", "position", "table"],
  variants: ["pair"],
  infer([x, position, table], attrs) {
    check(x, position, table, attrs);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  launch({ inputs: [x, position, table], outputs: [y], attrs, dispatch }) {
    if (x.size === 0) return;
    const { split, interleaved, inverse, turned } = attrs;
    const pairs = check(x, position, table, attrs);
    const d = x.shape.at(-1) ?? 0;
    const rows = x.size / d;
    const ends = [split[0], split[0] + (split[1] ?? pairs), pairs, pairs];
    dispatch({
      variants: [
        {
          name: "pair",
          kernel: kernel(source, {
            types: { T: x.dtype, P: position.dtype },
            constants: { INTERLEAVED: interleaved ? 1 : 0, FLOAT_POSITION: position.dtype === "f32" ? 1 : 0 },
          }),
          groups: Math.ceil((rows * (d - pairs)) / LANES),
          uniforms: {
            ends,
            rows,
            d,
            length: position.shape[0],
            slots: turned === undefined ? 1 : x.shape.at(-2)!,
            turned: turned ?? 1,
            axes: split.length,
            pairs,
            direction: inverse ? -1 : 1,
          },
        },
      ],
      bindings: [x, position, table, y],
      work: x.size * 30,
    });
  },
  vjp: ([dy], { inputs: [, position, table], attrs }) => [
    dy && rotaryOp([dy, position, table], { ...attrs, inverse: !attrs.inverse })[0],
    undefined,
    undefined,
  ],
  reference: ([x, position, table], { split, interleaved, inverse, turned }) => {
    const d = x.shape.at(-1) ?? 0;
    const length = position.shape[0];
    const slots = turned === undefined ? 1 : x.shape.at(-2)!;
    const pairs = table.shape[0];
    const axisOf = split.flatMap((n, axis) => new Array<number>(n).fill(axis));
    const data = x.data.slice();
    for (let row = 0; row < (d ? x.data.length / d : 0); row++) {
      if (row % slots >= (turned ?? 1)) continue;
      for (let i = 0; i < pairs; i++) {
        const at = position.data[(Math.floor(row / slots) % length) * split.length + axisOf[i]];
        // The whole turns drop out in float64: 53 bits of frequency leave 2^-35 turns at position 2^17.
        const turns = at * (table.data[2 * i] / WORD + table.data[2 * i + 1] / WORD / WORD);
        const t = (inverse ? -1 : 1) * (turns - Math.floor(turns)) * 2 * Math.PI;
        const u = row * d + (interleaved ? 2 * i : i);
        const v = interleaved ? u + 1 : u + pairs;
        data[u] = x.data[u] * Math.cos(t) - x.data[v] * Math.sin(t);
        data[v] = x.data[u] * Math.sin(t) + x.data[v] * Math.cos(t);
      }
    }
    return [{ shape: x.shape, data }];
  },
  samples: [
    sample("one pair", [1, 2], [1], true),
    sample("interleaved", [2, 5, 8], [4], true),
    sample("halves", [2, 5, 8], [4], false),
    sample("inverse", [3, 6], [3], false, { inverse: true }),
    sample("partly rotated, odd width", [3, 7], [2], true),
    sample("partly rotated halves", [3, 9], [3], false),
    sample("two axes", [2, 7, 12], [2, 4], true),
    sample("three axes", [3, 5, 16], [2, 3, 3], false),
    sample("positions to 131,072 and beyond", [8, 16], [8], true, {
      positions: [0, 1, 65_535, 65_536, 131_071, 131_072, 1_000_003, 4_294_967_295],
    }),
    sample("other base", [4, 8], [4], true, { theta: 500_000, positions: [131_072, 100_000, 7, 3] }),
    sample("fractional positions", [6, 8], [4], true, {
      float: true,
      positions: [0.5, -1.25, 131_071.5, -70_000, 3, 1e-3],
    }),
    sample("queries and keys of packed rows", [2, 3, 4, 8], [2, 1], true, { turned: 3 }),
    sample("several rows, halves", [2, 2, 6], [3], false, { turned: 2 }),
    sample("long", [70_001, 4], [2], false, { noGradient: "size: the small samples cover it" }),
    sample("no tokens", [0, 4], [2], false),
  ],
  rejects: [
    {
      inputs: [
        { shape: [3, 4], dtype: "f32" },
        { shape: [3, 1], dtype: "u32" },
        { shape: [3, 2], dtype: "u32" },
      ],
      attrs: { split: [3], interleaved: true },
      says: "rotary: split [3] rotates 6 features, x is [3, 4]",
    },
    {
      inputs: [
        { shape: [3, 4], dtype: "f32" },
        { shape: [2, 1], dtype: "u32" },
        { shape: [2, 2], dtype: "u32" },
      ],
      attrs: { split: [2], interleaved: true },
      says: "rotary: position must be [3, 1], got [2, 1]",
    },
    {
      inputs: [
        { shape: [3, 4], dtype: "f32" },
        { shape: [3, 1], dtype: "i32" },
        { shape: [2, 2], dtype: "u32" },
      ],
      attrs: { split: [2], interleaved: true },
      says: "rotary: position must be u32 or f32, got i32[3, 1]",
    },
    {
      inputs: [
        { shape: [3, 4], dtype: "f32" },
        { shape: [3, 1], dtype: "u32" },
        { shape: [2, 2], dtype: "u32" },
      ],
      attrs: { split: [], interleaved: true },
      says: "rotary: split needs one to three whole numbers above 0, got []",
    },
    {
      inputs: [
        { shape: [3, 2, 4], dtype: "f32" },
        { shape: [3, 1], dtype: "u32" },
        { shape: [2, 2], dtype: "u32" },
      ],
      attrs: { split: [2], interleaved: true, turned: 3 },
      says: "rotary: of the 2 rows of a token 3 cannot be rotated, x is [3, 2, 4]",
    },
  ],
  bound: {
    f32: {
      rel: 4e-7,
      scaled: 4e-7,
      why: "the angle is rounded once (π/4·2⁻²⁴), the polynomials add 1 ULP, the rotation 3 roundings; no growth with the position",
    },
    f16: { rel: 1e-3, scaled: 1e-5, why: "one rounding of the result to f16; f32 inside" },
    gradient: { rel: 1e-6, scaled: 1e-6, why: "the same rotation backwards" },
  },
});

/**
 * Rotates x f[..., L, D] by `position` (u32 or f32 [L, axes]) with the frequencies of `table` u32[pairs, 2].
 * Exact to f32 rounding for every u32 position and for |f32 position| < 2^31. Features past 2·pairs are copied.
 */
export const rotary = (x: Tensor, position: Tensor, table: Tensor, attrs: RotaryAttrs): Tensor =>
  rotaryOp([x, position, table], attrs)[0];
