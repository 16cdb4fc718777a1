// Reads the golden files for tests: the NumPy results, and the inputs, which both sides make by the same integer hash.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface GoldenCase {
  heads: number;
  length: number;
  dim: number;
  block: number;
  sparsity: number;
  grid: [number, number, number, number];
  keep: number;
  firstText: number;
  recall: number[];
  tierThreshold: number;
  tierSparsity: number[];
  inputs_sha256: string;
  file: string;
  sha256: string;
}

const folder = new URL("./", import.meta.url);

export const goldenCases: Record<string, GoldenCase> = JSON.parse(
  readFileSync(new URL("manifest.json", folder), "utf8"),
).cases;

/** Tensors of a golden file by name, after its hash was checked. */
export function goldenTensors(item: GoldenCase): Record<string, Float32Array | Int32Array | Uint8Array> {
  const bytes = readFileSync(new URL(item.file, folder));
  if (sha256(bytes) !== item.sha256) throw new Error(`${item.file} is not the file that manifest.json names`);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
    bytes.toString("utf8", 8, 8 + headerBytes),
  );
  const kinds = { F32: Float32Array, I32: Int32Array, U8: Uint8Array };
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          data_offsets: [from, to],
        },
      ]) => {
        const raw = Uint8Array.from(bytes.subarray(8 + headerBytes + from, 8 + headerBytes + to)).buffer;
        return [name, new kinds[dtype as keyof typeof kinds](raw)];
      },
    ),
  );
}

/** q, k, v [H, L, D] of a case; checked against the hash that the script wrote down. */
export function goldenInputs(item: GoldenCase): { q: Float32Array; k: Float32Array; v: Float32Array } {
  const size = item.heads * item.length * item.dim;
  const perHead = size / item.heads;
  const sharp = [2, 1, 1.5, 0.5];
  const q = hashed(1, size).map((x, i) => 2 * sharp[Math.floor(i / perHead)] * x);
  const k = hashed(2, size).map((x) => 2 * x);
  const v = hashed(3, size);
  const all = Buffer.concat([q, k, v].map((a) => Buffer.from(a.buffer)));
  if (sha256(all) !== item.inputs_sha256) throw new Error("the inputs differ from those of make.py");
  return { q, k, v };
}

function hashed(seed: number, n: number): Float32Array<ArrayBuffer> {
  const start = Math.imul(seed, 0x85ebca77);
  return Float32Array.from({ length: n }, (_, i) => {
    let x = (Math.imul(i, 0x9e3779b1) + start) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0;
    x = Math.imul(x ^ (x >>> 12), 0x297a2d39) >>> 0;
    x = (x ^ (x >>> 15)) >>> 0;
    return (x >>> 8) * 2 ** -23 - 1;
  });
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
