// What an operation is: one record from which tests, tuning, gradients, benches and reference pages are derived.
import { TesseraError } from "../base/errors";
import type { Gpu } from "../gpu/gpu";
import type { Variant } from "../gpu/work";
import { type DType, empty, formatSpec, type Tensor, type TensorSpec } from "../tensor/tensor";

/** Float64 (or integer) data of a reference computation. */
export interface RefArray {
  shape: readonly number[];
  data: Float64Array;
}

/** How a sample's input is filled; values are drawn from the suite's seeded generator. */
export type Fill =
  | { kind: "normal"; scale?: number; shift?: number }
  | { kind: "uniform"; from: number; to: number }
  | { kind: "index"; below: number }
  | { kind: "values"; values: readonly number[] };

export interface SampleInput {
  shape: readonly number[];
  /** Standard normal when left out. */
  fill?: Fill;
  /** Fixed element type; left out, the sample is run in every float type of the op's `bound`. */
  dtype?: DType;
}
export interface Sample<A> {
  name: string;
  inputs: readonly SampleInput[];
  attrs: A;
  /** Why the gradient is not checked on this sample (a kink, sheer size). Left out: it is checked. */
  noGradient?: string;
}

/** Bad input and the exact message it must give. */
export interface Reject<A> {
  inputs: readonly TensorSpec[];
  attrs: A;
  says: string;
}

/** |got - reference| ≤ rel·|reference| + scaled·max|reference| + abs, elementwise. `why` derives it from the arithmetic. */
export interface Bound {
  rel: number;
  scaled: number;
  /** Absolute part: the spacing of subnormals, for results that come near zero in f16. */
  abs?: number;
  why: string;
}

export interface LaunchContext<A> {
  gpu: Gpu;
  inputs: readonly Tensor[];
  outputs: readonly Tensor[];
  attrs: A;
  /** A scratch tensor, freed when the op has been recorded. */
  temp(shape: readonly number[], dtype?: DType): Tensor;
  /** Records one dispatch; several variants are tuned on first use per device and shape class. */
  dispatch(spec: DispatchSpec): void;
}
export interface DispatchSpec {
  variants: readonly Variant[];
  bindings: readonly Tensor[];
  /** About how many arithmetic operations the grid takes. */
  work: number;
  /** Only needed with several variants. */
  shapeClass?: string;
  /** Tells dispatches of one op apart for tuning; the op's name when left out. */
  label?: string;
}

/** What a gradient rule may ask of the reverse sweep that calls it, to save work. */
export interface Sweep {
  /** False when nobody asks for the gradient of input i. */
  wants(i: number): boolean;
  /** True when other uses of input i have given something that `take` would hand over. */
  has(i: number): boolean;
  /**
   * Takes over what other uses of input i have given so far, if anything: the gradient that is returned for i must then
   * be the sum with it. It may be shared with other gradients, so it is read only.
   */
  take(i: number): Tensor | undefined;
}
/** Outside of a sweep every gradient is wanted, and there are no other uses. */
export const ALONE: Sweep = { wants: () => true, has: () => false, take: () => undefined };

/** Gradients of the loss for each input, given those for each output (undefined: that output was not used). */
export type Vjp<A> = (
  dys: readonly (Tensor | undefined)[],
  saved: { inputs: readonly Tensor[]; outputs: readonly Tensor[]; attrs: A; sweep?: Sweep },
) => readonly (Tensor | undefined)[];

export interface OpSpec<A> {
  name: string;
  /** One sentence with the formula. */
  summary: string;
  /** Names of the inputs in order, as they appear in messages; none for a generator (random numbers). */
  inputs: readonly string[];
  /** As many of the last inputs may be left out. */
  optional?: number;
  /** Takes one or more inputs of the one kind that `inputs` names (concat). */
  variadic?: true;
  /** Names of the kernel variants of the main dispatch; the suite forces each and compares. */
  variants: readonly string[];
  /** Shapes and types of the outputs; throws a `TesseraError` that names what was got. */
  infer(inputs: readonly TensorSpec[], attrs: A): readonly TensorSpec[];
  launch(context: LaunchContext<A>): void;
  vjp: Vjp<A> | { none: string };
  /** The plainest float64 form. */
  reference(inputs: readonly RefArray[], attrs: A): readonly RefArray[];
  samples: readonly Sample<A>[];
  rejects: readonly Reject<A>[];
  bound: { f32: Bound; f16?: Bound; gradient?: Bound };
}

export interface Op<A = unknown> extends OpSpec<A> {
  /** `device` is where an op without inputs works; the others work where their inputs are. */
  (inputs: readonly Tensor[], attrs: A, device?: Gpu): Tensor[];
}

type Observer = (
  op: Op<never>,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  attrs: unknown,
) => void;
let observer: Observer | undefined;

/** Lets the autograd tape see every call while `body` runs; nested observers are restored afterwards. */
export function withObserver<R>(next: Observer | undefined, body: () => R): R {
  const previous = observer;
  observer = next;
  try {
    return body();
  } finally {
    observer = previous;
  }
}

/** Makes a callable op of a record. Calling it checks shapes, allocates outputs in the current scope and records work. */
export function defineOp<A>(spec: OpSpec<A>): Op<A> {
  const call = (inputs: readonly Tensor[], attrs: A, device?: Gpu): Tensor[] => {
    const least = spec.variadic ? 1 : spec.inputs.length - (spec.optional ?? 0);
    if (inputs.length < least || (!spec.variadic && inputs.length > spec.inputs.length)) {
      throw new TesseraError(
        "arguments",
        `${spec.name}: ${spec.inputs.length} inputs are needed (${spec.inputs.join(", ")}), got ${inputs.length}`,
      );
    }
    const gpu = inputs.length ? inputs[0].gpu : device;
    if (!gpu)
      throw new TesseraError("arguments", `${spec.name}: an op without inputs is called with a device`);
    const outputs = spec.infer(inputs, attrs).map((s) => empty(gpu, s.shape, s.dtype, spec.name));
    const temps: Tensor[] = [];
    spec.launch({
      gpu,
      inputs,
      outputs,
      attrs,
      temp(shape, dtype = "f32") {
        const tensor = empty(gpu, shape, dtype, `${spec.name} scratch`);
        temps.push(tensor);
        return tensor;
      },
      dispatch: ({ variants, bindings, work, shapeClass = "", label = spec.name }) => {
        if (variants[0].groups === 0) return; // an empty output has no work
        gpu.queue.record({
          kind: "dispatch",
          label,
          variants,
          bindings: bindings.map((t) => t.allocation),
          work,
          shapeClass,
        });
      },
    });
    for (const tensor of temps) tensor.free();
    observer?.(op as unknown as Op<never>, inputs, outputs, attrs);
    return outputs;
  };
  const op = Object.defineProperty(call, "name", { value: spec.name, configurable: true });
  const { name: _, ...rest } = spec;
  return Object.assign(op, rest) as unknown as Op<A> & typeof op as Op<A>;
}

/** @throws TesseraError `dtype` unless the input is one of the float types that kernels read directly. */
export function expectFloat(spec: TensorSpec, what: string): void {
  if (spec.dtype !== "f32" && spec.dtype !== "f16") {
    throw new TesseraError("dtype", `${what} must be f32 or f16, got ${formatSpec(spec)}; cast it first`);
  }
}

/** @throws TesseraError `dtype` unless both have the same element type. */
export function expectSameDtype(a: TensorSpec, b: TensorSpec, what: string): void {
  if (a.dtype !== b.dtype) {
    throw new TesseraError(
      "dtype",
      `${what}: element types differ, ${formatSpec(a)} and ${formatSpec(b)}; cast one of them`,
    );
  }
}
