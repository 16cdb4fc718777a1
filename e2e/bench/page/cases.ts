// The cases of the kernel bench, with seeded data.
import { Random } from "../../../src/base/random";
import type { BenchCase } from "./contestant";

const data = (stream: number, length: number): Float32Array => new Random(7, stream).normals(length);

const matmul = (n: number): BenchCase => ({
  row: "matmul",
  case: `${n}x${n}x${n} f32`,
  op: "matmul",
  dims: [n, n, n],
  inputs: [data(1, n * n), data(2, n * n)],
  operations: 2 * n ** 3,
});
const rows = (op: "layernorm" | "softmax", count: number, n: number, perValue: number): BenchCase => ({
  row: op,
  case: `${count}x${n} f32`,
  op,
  dims: [count, n],
  inputs: op === "layernorm" ? [data(3, count * n), data(4, n), data(5, n)] : [data(3, count * n)],
  operations: count * n * perValue,
});
const attention = (length: number): BenchCase => ({
  row: "attention",
  case: `H=4 L=${length} D=64 f32`,
  op: "attention",
  dims: [4, length, 64],
  inputs: [1, 2, 3].map((stream) => data(stream, 4 * length * 64)),
  operations: 4 * 4 * length * length * 64,
});

/** Rows of `bench -- kernels`; `only` keeps those whose row or case contains the text. */
export function kernelCases(only = ""): BenchCase[] {
  const makers = [
    () => matmul(512),
    () => matmul(1024),
    () => rows("layernorm", 1024, 768, 8),
    () => rows("softmax", 1024, 1024, 5),
    () => attention(1024),
    () => attention(2048),
  ];
  return makers.map((make) => make()).filter((c) => `${c.row} ${c.case}`.includes(only));
}
