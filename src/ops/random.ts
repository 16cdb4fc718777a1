// Random numbers made on the device: bits, uniform, normal. Counter-based (Philox 4x32-10), so that number n of a stream
// is the same however the stream is cut, and the bits and uniforms are those of base/random.ts.
// With a clock, a tensor of two words, the numbers also depend on its content: a replayed training step draws new ones.
// Without it these ops have no inputs. A record still describes them (samples, reference, bound), and the call names the device:
// a tensor passed only to find the device, or a destination to overwrite, would make every caller allocate first and
// would give the tape an input that the result does not depend on.
import sourceText from "../../shaders/ops/random.wgsl?raw";
import { TesseraError } from "../base/errors";
import { philox, wordToUniform } from "../base/random";
import type { Gpu } from "../gpu/gpu";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { formatShape, type Shape, sameShape, sizeOf } from "../tensor/shape";
import { formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";
import { type Bound, defineOp, type Op, type Reject, type Sample, type SampleInput } from "./op";
import { EXACT } from "./unary-record";

const source: KernelSource = { file: "ops/random.wgsl", text: sourceText };
const LANES = 64;
const WORD = 2 ** 32;

/** Words of a clock: u32[CLOCK_SIZE], the upper half of the generator's counter. */
export const CLOCK_SIZE = 2;

/** Which numbers: number i of the result is number offset + i of the stream (seed, stream). */
export interface StreamAttrs {
  /** 0 to 2³² - 1. */
  seed: number;
  /** 0 to 2³² - 1; streams of one seed are independent. 0 when left out. */
  stream?: number;
  /** Numbers passed over, 0 to 2⁵³ - 1. 0 when left out. */
  offset?: number;
}
export interface RandomAttrs extends StreamAttrs {
  shape: Shape;
}

/** Order is meaning: KIND of the kernel is a place in this list. */
const KINDS = ["random-bits", "random-uniform", "random-normal"] as const;

/** @throws TesseraError `shape`, `dtype` unless the clock is u32[2]. */
export function expectClock(clock: TensorSpec, what: string): void {
  if (clock.dtype !== "u32" || !sameShape(clock.shape, [CLOCK_SIZE]))
    throw new TesseraError("shape", `${what}: clock must be u32[${CLOCK_SIZE}], got ${formatSpec(clock)}`);
}

/** @throws TesseraError `arguments` on a seed, stream or offset out of range. */
export function expectStream(
  name: string,
  { seed, stream = 0, offset = 0 }: StreamAttrs,
  size: number,
): void {
  for (const [what, value, limit] of [
    ["seed", seed, WORD - 1],
    ["stream", stream, WORD - 1],
    ["offset", offset, Number.MAX_SAFE_INTEGER - size],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > limit) {
      throw new TesseraError(
        "arguments",
        `${name}: ${what} must be a whole number from 0 to ${limit}, got ${value}`,
      );
    }
  }
}

function check(name: string, attrs: RandomAttrs): void {
  const { shape } = attrs;
  if (!shape.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new TesseraError("shape", `${name}: the shape needs whole numbers, got ${formatShape(shape)}`);
  }
  expectStream(name, attrs, sizeOf(shape));
}

const normalPair = (a: number, b: number): [number, number] => {
  const radius = Math.sqrt(-2 * Math.log(1 - wordToUniform(a)));
  const angle = 2 * Math.PI * wordToUniform(b);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
};

function reference(
  kind: (typeof KINDS)[number],
  attrs: RandomAttrs,
  clock: readonly [number, number],
): Float64Array {
  const { shape, seed, stream = 0, offset = 0 } = attrs;
  const data = new Float64Array(sizeOf(shape));
  const skip = offset % 4;
  for (let at = -skip; at < data.length; at += 4) {
    const block = (offset + at) / 4;
    const words = philox([block % WORD, Math.floor(block / WORD), ...clock], [seed, stream]);
    const numbers =
      kind === "random-bits"
        ? words
        : kind === "random-uniform"
          ? words.map(wordToUniform)
          : [...normalPair(words[0], words[1]), ...normalPair(words[2], words[3])];
    for (const [k, value] of numbers.entries()) if (at + k >= 0 && at + k < data.length) data[at + k] = value;
  }
  return data;
}

const sample = (name: string, shape: Shape, attrs: StreamAttrs): Sample<RandomAttrs> => ({
  name,
  inputs: [],
  attrs: { shape, ...attrs },
});

const clockInput = (...values: number[]): SampleInput => ({
  shape: [CLOCK_SIZE],
  dtype: "u32",
  fill: { kind: "values", values },
});
const clockedSamples: Sample<RandomAttrs>[] = [
  { name: "at zero", inputs: [clockInput(0, 0)], attrs: { shape: [5], seed: 7 } },
  { name: "later", inputs: [clockInput(12_345, 3)], attrs: { shape: [3, 7], seed: 7, stream: 2, offset: 6 } },
  { name: "at the end", inputs: [clockInput(WORD - 1, WORD - 1)], attrs: { shape: [1000], seed: 1 } },
];
const clockedRejects = (kind: string): Reject<RandomAttrs>[] => [
  {
    inputs: [{ shape: [3], dtype: "u32" }],
    attrs: { shape: [2], seed: 0 },
    says: `${kind}: clock must be u32[2], got u32[3]`,
  },
];

function define(
  kind: (typeof KINDS)[number],
  summary: string,
  f32: Bound,
  clocked: boolean,
): Op<RandomAttrs> {
  const dtype = kind === "random-bits" ? "u32" : "f32";
  return defineOp<RandomAttrs>({
    name: clocked ? `${kind}-clocked` : kind,
    summary: clocked ? `${summary}, of the generator at the time that the clock shows` : summary,
    inputs: clocked ? ["clock"] : [],
    variants: ["block"],
    infer([clock], attrs) {
      check(kind, attrs);
      if (clocked) expectClock(clock, kind);
      return [{ shape: attrs.shape, dtype }];
    },
    launch({ inputs, outputs: [y], attrs: { seed, stream = 0, offset = 0 }, dispatch }) {
      const block = Math.floor(offset / 4);
      const skip = offset % 4;
      const blocks = y.size === 0 ? 0 : Math.ceil((y.size + skip) / 4);
      dispatch({
        variants: [
          {
            name: "block",
            kernel: kernel(source, {
              types: { Y: dtype },
              constants: { KIND: KINDS.indexOf(kind) },
              imports: clocked ? { "lib/no_clock": "lib/clock" } : {},
            }),
            groups: Math.ceil(blocks / LANES),
            uniforms: {
              count: y.size,
              skip,
              block_low: block % WORD,
              block_high: Math.floor(block / WORD),
              seed,
              stream,
            },
          },
        ],
        bindings: [y, ...inputs],
        work: blocks * 500,
      });
    },
    vjp: { none: "random numbers depend on no input" },
    reference: ([clock], attrs) => {
      const [low, high] = clocked ? clock.data : [0, 0];
      return [{ shape: attrs.shape, data: reference(kind, attrs, [low, high]) }];
    },
    samples: clocked
      ? clockedSamples
      : [
          sample("scalar", [], { seed: 1 }),
          sample("odd", [3, 7], { seed: 20_260_101, stream: 5 }),
          sample("from inside a block", [2, 5], { seed: 1, offset: 7 }),
          sample("past 2^32 blocks", [9], { seed: WORD - 1, stream: WORD - 1, offset: 4 * WORD - 6 }),
          sample("far", [6], { seed: 0, offset: 2 ** 53 - 100 }),
          sample("long", [300_001], { seed: 3, stream: 1 }),
          sample("empty", [0, 3], { seed: 1 }),
        ],
    rejects: clocked
      ? clockedRejects(kind)
      : [
          {
            inputs: [],
            attrs: { shape: [2], seed: -1 },
            says: `${kind}: seed must be a whole number from 0 to 4294967295, got -1`,
          },
          {
            inputs: [],
            attrs: { shape: [2], seed: 0, offset: 0.5 },
            says: `${kind}: offset must be a whole number from 0 to 9007199254740989, got 0.5`,
          },
          {
            inputs: [],
            attrs: { shape: [2, 1.5], seed: 0 },
            says: `${kind}: the shape needs whole numbers, got [2, 1.5]`,
          },
        ],
    bound: { f32 },
  });
}

const BITS = ["random-bits", "y[i] = word offset + i of the stream (seed, stream)", EXACT] as const;
const UNIFORM = [
  "random-uniform",
  "y[i] = the upper 24 bits of word offset + i, times 2^-24",
  EXACT,
] as const;
const NORMAL = [
  "random-normal",
  "y[2j], y[2j + 1] = √(-2 ln(1 - u))·(cos 2πv, sin 2πv) of two neighbouring uniforms u, v",
  {
    rel: 1e-6,
    scaled: 0,
    abs: 6e-7,
    why: "log and root 6 ULP of a radius up to 5.8; the angle's polynomials err by 1e-7 where the coordinate is near 0",
  },
] as const;
export const randomBitsOp = define(...BITS, false);
export const randomUniformOp = define(...UNIFORM, false);
export const randomNormalOp = define(...NORMAL, false);
export const randomBitsClockedOp = define(...BITS, true);
export const randomUniformClockedOp = define(...UNIFORM, true);
export const randomNormalClockedOp = define(...NORMAL, true);

/** A stream, and optionally a clock u32[2] that a replayed recording reads. */
export interface StreamOptions extends StreamAttrs {
  clock?: Tensor;
}

const draw = (
  plain: Op<RandomAttrs>,
  clocked: Op<RandomAttrs>,
  gpu: Gpu,
  shape: Shape,
  { clock, ...stream }: StreamOptions,
): Tensor => (clock ? clocked([clock], { shape, ...stream }) : plain([], { shape, ...stream }, gpu))[0];

/** u32 of 32 random bits each. @throws TesseraError `arguments` on a seed, stream or offset out of range. */
export const randomBits = (gpu: Gpu, shape: Shape, stream: StreamOptions): Tensor =>
  draw(randomBitsOp, randomBitsClockedOp, gpu, shape, stream);
/** f32 uniform in [0, 1), multiples of 2⁻²⁴: the uniforms of base/random.ts bit for bit. */
export const randomUniform = (gpu: Gpu, shape: Shape, stream: StreamOptions): Tensor =>
  draw(randomUniformOp, randomUniformClockedOp, gpu, shape, stream);
/** f32 standard normal; at even places of the stream, the normals of base/random.ts within 1e-6. */
export const randomNormal = (gpu: Gpu, shape: Shape, stream: StreamOptions): Tensor =>
  draw(randomNormalOp, randomNormalClockedOp, gpu, shape, stream);
