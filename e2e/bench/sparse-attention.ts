// Rows of `bench -- sparse-attention`: our block-sparse kernels against our own dense kernel, in turn, in one run.
import type { Gpu } from "../../src/gpu/gpu";

/** Filled in with the kernels of the workflow. */
export async function sparseAttentionRows(
  _gpu: Gpu,
  _options: { rounds: number; log(line: string): void },
): Promise<object[]> {
  return [];
}
