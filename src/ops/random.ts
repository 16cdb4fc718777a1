// Random numbers made on the device: bits, uniform, normal. Counter-based (Philox 4x32-10), so that number n of a stream
// is the same however the stream is cut, and the bits and uniforms are those of base/random.ts.
// These ops have no inputs. A record still describes them (samples, reference, bound), and the call names the device:
// a tensor passed only to find the device, or a destination to overwrite, would make every caller allocate first and
// would give the tape an input that the result does not depend on.
import sourceText from "../../shaders/ops/random.wgsl?raw";
import { TesseraError } from "../base/errors";
import { philox, wordToUniform } from "../base/random";
import type { Gpu } from "../gpu/gpu";
import type { KernelSource } from "../gpu/link";
import { kernel } from "../gpu/pipelines";
import { formatShape, type Shape, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { type Bound, defineOp, type Op, type Sample } from "./op";
import { EXACT } from "./unary-record";

const source: KernelSource = { file: "ops/random.wgsl", text: sourceText };
const LANES = 64;
const WORD = 2 ** 32;

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

function check(name: string, { shape, seed, stream = 0, offset = 0 }: RandomAttrs): void {
  if (!shape.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new TesseraError("shape", `${name}: the shape needs whole numbers, got ${formatShape(shape)}`);
  }
  for (const [what, value, limit] of [
    ["seed", seed, WORD - 1],
    ["stream", stream, WORD - 1],
    ["offset", offset, Number.MAX_SAFE_INTEGER - sizeOf(shape)],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > limit) {
      throw new TesseraError(
        "arguments",
        `${name}: ${what} must be a whole number from 0 to ${limit}, got ${value}`,
      );
    }
  }
}

const normalPair = (a: number, b: number): [number, number] => {
  const radius = Math.sqrt(-2 * Math.log(1 - wordToUniform(a)));
  const angle = 2 * Math.PI * wordToUniform(b);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
};

function reference(kind: (typeof KINDS)[number], attrs: RandomAttrs): Float64Array {
  const { shape, seed, stream = 0, offset = 0 } = attrs;
  const data = new Float64Array(sizeOf(shape));
  const skip = offset % 4;
  for (let at = -skip; at < data.length; at += 4) {
    const block = (offset + at) / 4;
    const words = philox([block % WORD, Math.floor(block / WORD), 0, 0], [seed, stream]);
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

function define(kind: (typeof KINDS)[number], summary: string, f32: Bound): Op<RandomAttrs> {
  const dtype = kind === "random-bits" ? "u32" : "f32";
  return defineOp<RandomAttrs>({
    name: kind,
    summary,
    inputs: [],
    variants: ["block"],
    infer(_, attrs) {
      check(kind, attrs);
      return [{ shape: attrs.shape, dtype }];
    },
    launch({ outputs: [y], attrs: { seed, stream = 0, offset = 0 }, dispatch }) {
      const block = Math.floor(offset / 4);
      const skip = offset % 4;
      const blocks = y.size === 0 ? 0 : Math.ceil((y.size + skip) / 4);
      dispatch({
        variants: [
          {
            name: "block",
            kernel: kernel(source, { types: { Y: dtype }, constants: { KIND: KINDS.indexOf(kind) } }),
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
        bindings: [y],
        work: blocks * 500,
      });
    },
    vjp: { none: "random numbers depend on no input" },
    reference: (_, attrs) => [{ shape: attrs.shape, data: reference(kind, attrs) }],
    samples: [
      sample("scalar", [], { seed: 1 }),
      sample("odd", [3, 7], { seed: 20_260_101, stream: 5 }),
      sample("from inside a block", [2, 5], { seed: 1, offset: 7 }),
      sample("past 2^32 blocks", [9], { seed: WORD - 1, stream: WORD - 1, offset: 4 * WORD - 6 }),
      sample("far", [6], { seed: 0, offset: 2 ** 53 - 100 }),
      sample("long", [300_001], { seed: 3, stream: 1 }),
      sample("empty", [0, 3], { seed: 1 }),
    ],
    rejects: [
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

export const randomBitsOp = define(
  "random-bits",
  "y[i] = word offset + i of the stream (seed, stream)",
  EXACT,
);
export const randomUniformOp = define(
  "random-uniform",
  "y[i] = the upper 24 bits of word offset + i, times 2^-24",
  EXACT,
);
export const randomNormalOp = define(
  "random-normal",
  "y[2j], y[2j + 1] = √(-2 ln(1 - u))·(cos 2πv, sin 2πv) of two neighbouring uniforms u, v",
  {
    rel: 1e-6,
    scaled: 0,
    abs: 6e-7,
    why: "log and root 6 ULP of a radius up to 5.8; the angle's polynomials err by 1e-7 where the coordinate is near 0",
  },
);

/** u32 of 32 random bits each. @throws TesseraError `arguments` on a seed, stream or offset out of range. */
export const randomBits = (gpu: Gpu, shape: Shape, stream: StreamAttrs): Tensor =>
  randomBitsOp([], { shape, ...stream }, gpu)[0];
/** f32 uniform in [0, 1), multiples of 2⁻²⁴: the uniforms of base/random.ts bit for bit. */
export const randomUniform = (gpu: Gpu, shape: Shape, stream: StreamAttrs): Tensor =>
  randomUniformOp([], { shape, ...stream }, gpu)[0];
/** f32 standard normal; at even places of the stream, the normals of base/random.ts within 1e-6. */
export const randomNormal = (gpu: Gpu, shape: Shape, stream: StreamAttrs): Tensor =>
  randomNormalOp([], { shape, ...stream }, gpu)[0];
