// What every contestant of a bench offers, and the rows that come out. It times nothing itself.

/** One computation on fixed data: all contestants of a row get the same inputs and must give the same output. */
export interface BenchCase {
  row: string;
  case: string;
  op: "matmul" | "layernorm" | "softmax" | "attention";
  /** matmul [m, k, n]; layernorm and softmax [rows, n]; attention [heads, length, width]. */
  dims: readonly number[];
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
