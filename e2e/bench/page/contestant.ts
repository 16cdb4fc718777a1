// What every contestant of a bench offers, and the rows that come out. It times nothing itself.

const KERNELS = ["matmul", "layernorm", "softmax", "attention", "conv"] as const;
export type KernelOp = (typeof KERNELS)[number];
/**
 * What a training step is made of, and whole steps. The gradient of attention is that of Σ w·o for the fourth input w:
 * dq, dk and dv one after the other. A step's result is the loss that the next step sees.
 */
export type TrainingOp =
  | "attention-gradient"
  | "scatter-add"
  | "mlp-step"
  | "transformer-step"
  | "graph-step";

/** One computation on fixed data: all contestants of a row get the same inputs and must give the same output. */
export interface BenchCase<O extends KernelOp | TrainingOp = KernelOp | TrainingOp> {
  row: string;
  case: string;
  op: O;
  /**
   * matmul [m, k, n]; layernorm and softmax [rows, n]; attention and its gradient [heads, length, width]; conv [side,
   * channels in, out]: a square picture [1, side, side, in] under 3 x 3 windows [out, 3, 3, in], padded to the same size;
   * scatter-add [values, width, rows]; steps none.
   */
  dims: readonly number[];
  /** Of steps: x, y (class numbers; of the graph network the wanted values), then the parameters in the order of their specs; see training-models.ts. */
  inputs: readonly Float32Array[];
  /** Useful operations of one run; `rate` is this over the time. */
  operations: number;
}

export interface Prepared {
  /** Computes once and resolves when the device has finished. */
  run(): Promise<void>;
  result(): Promise<Float32Array>;
  dispose(): void;
}

export const isKernel = (item: BenchCase): item is BenchCase<KernelOp> =>
  (KERNELS as readonly string[]).includes(item.op);

export interface Contestant {
  name: string;
  /** Throws when the op cannot be expressed or does not run on the GPU: the row then says so. */
  prepare(item: BenchCase): Promise<Prepared>;
}

export interface Row {
  name: string;
  case: string;
  /** Median milliseconds of ours. */
  ms: number;
  /** Useful operations a second over 1e9; null where operations are not what a row is about. */
  rate: number | null;
  unit: "GFLOP/s";
  /** Median milliseconds of each peer, measured in turn with ours. */
  peers: Record<string, number>;
  /** How many times faster than the best peer of the row; above 1 is ahead. */
  ratio: number | null;
  /** Peers that could not take part, and why. */
  absent: Record<string, string>;
  /** Largest difference to what the row was checked against, relative to the largest value. */
  difference: number | null;
}
