// What the page and the worker of this workflow say to each other. Types and the parameter record, no work.
import { int, type ParamValues } from "../../base/params";
import type { TaskContext } from "../../base/task";

/** Declared once: the form, the link, the command-line flags and the checks come from here. */
export const params = {
  bins: int(64, {
    label: "Bins",
    min: 2,
    max: 1024,
    help: "Number of bars between the smallest and the largest value",
  }),
};
export type HelloParams = ParamValues<typeof params>;

export interface Histogram {
  /** Values per bin, counted on the GPU; their sum is `values`. */
  counts: Uint32Array;
  values: number;
  low: number;
  high: number;
  /** Bins in which the plain CPU loop counts otherwise; a value within rounding of a bin's edge may do that. */
  differingBins: number;
  adapter: { name: string; description: string; software: boolean };
  /** Milliseconds: the GPU's include upload and readback. */
  timings: { gpuMs: number; cpuMs: number };
}

export interface HelloService {
  /** Reads a file of raw little-endian f32 values, or makes normal ones, and counts them. */
  histogram(input: HelloParams & { file: Blob | "example" }, context: TaskContext): Promise<Histogram>;
}
