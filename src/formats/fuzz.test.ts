// Property-based fuzz of the parsers: whatever the bytes, the outcome is tensors or a TesseraError, within bounds of
// memory that are measured. Every case that fails prints its seed and path.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { TesseraError } from "../base/errors";
import type { ByteSource } from "./source";

// In this order: what the parsers and the inflater allocate is counted from their first line on.
const { allocatedBytes } = await import("./testing");
const { openTensorFile } = await import("./open");

const CASES = 24_000;
const SEED = 20_260_101;
const SLACK = 16 << 20;

const fixtures = [
  "mixed.safetensors",
  "stored.npz",
  "deflated.npz",
  "zip64.npz",
  "fortran.npy",
  "object.npy",
  "state.pt",
].map((name) => ({
  name,
  bytes: new Uint8Array(readFileSync(new URL(`golden/${name}`, import.meta.url))),
}));

/** Counts what is read, and refuses to serve a file for ever. */
function metered(bytes: Uint8Array, name: string): { source: ByteSource; largest: () => number } {
  let largest = 0;
  let reads = 0;
  const source: ByteSource = {
    name,
    size: bytes.length,
    async read(start, end) {
      if (!(start >= 0 && end >= start && end <= bytes.length)) {
        throw new TesseraError("file-truncated", `range ${start} to ${end} of ${bytes.length}`);
      }
      if (++reads > 10_000) throw new Error("the parser reads without end");
      largest = Math.max(largest, end - start);
      return bytes.slice(start, end) as Uint8Array<ArrayBuffer>;
    },
  };
  return { source, largest: () => largest };
}

type Change =
  | { kind: "flip"; at: number; value: number }
  | { kind: "cut"; at: number }
  | { kind: "insert"; at: number; bytes: Uint8Array }
  | { kind: "number"; at: number; value: number; wide: boolean };

// Not fc.double: its values crowd near zero, and every change would hit the first bytes.
const position = fc.nat(2 ** 20).map((n) => n / (2 ** 20 + 1));
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at: position, value: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant("cut" as const), at: position }),
  fc.record({
    kind: fc.constant("insert" as const),
    at: position,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
  }),
  // Lengths, counts and offsets are what parsers believe too easily.
  fc.record({
    kind: fc.constant("number" as const),
    at: position,
    value: fc.constantFrom(0, 1, 0x7fffffff, 0xffffffff, 0xfffffffe, 1 << 24),
    wide: fc.boolean(),
  }),
);

function apply(bytes: Uint8Array, changes: readonly Change[]): Uint8Array {
  let out = bytes.slice();
  for (const c of changes) {
    const at = Math.floor(c.at * out.length);
    if (c.kind === "flip" && out.length) out[Math.min(at, out.length - 1)] ^= c.value;
    else if (c.kind === "cut") out = out.slice(0, at);
    else if (c.kind === "insert")
      out = Uint8Array.from([...out.subarray(0, at), ...c.bytes, ...out.subarray(at)]);
    else if (c.kind === "number" && at + 8 <= out.length) {
      const view = new DataView(out.buffer);
      view.setUint32(at, c.value, true);
      if (c.wide) view.setUint32(at + 4, c.value, true);
    }
  }
  return out;
}

/** Opens a file and reads every tensor in it. @throws TesseraError, or whatever a defect throws. */
async function readAll(source: ByteSource): Promise<void> {
  const file = await openTensorFile(source);
  for (const entry of file.entries) await file.read(entry.name);
}

test(`${CASES} mutated files: tensors or a TesseraError, and never more memory than the file's size and 16 MiB`, async () => {
  let read = 0;
  let refused = 0;
  let most = 0;
  const property = fc.asyncProperty(
    fc.constantFrom(...fixtures),
    fc.array(change, { minLength: 1, maxLength: 4 }),
    async (fixture, changes) => {
      const bytes = apply(fixture.bytes, changes);
      const { source, largest } = metered(bytes, fixture.name);
      allocatedBytes();
      try {
        await readAll(source);
        read++;
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        refused++;
      }
      // All that the case took, also what was free again by its end.
      const taken = allocatedBytes();
      most = Math.max(most, taken - bytes.length);
      expect(taken).toBeLessThanOrEqual(bytes.length + SLACK);
      expect(largest()).toBeLessThanOrEqual(bytes.length);
    },
  );
  await fc.assert(property, { seed: SEED, numRuns: CASES });
  // Both outcomes must be well represented, or the mutations test nothing.
  expect(read).toBeGreaterThan(CASES / 50);
  expect(refused).toBeGreaterThan(CASES / 4);
  expect(most).toBeGreaterThan(0); // the meter sees allocations
  process.stdout.write(
    `fuzz: at most ${most} bytes beyond the file's size, ${read} files read, ${refused} refused\n`,
  );
});

test("a header may claim what it likes: opening costs little more than the file", async () => {
  const { encodeNpz } = await import("./npz");
  const zeros = { dtype: "U8" as const, shape: [64 << 20], data: new Uint8Array(64 << 20) };
  const bytes = encodeNpz({ a: zeros, b: zeros, c: zeros }, { compress: true });
  expect(bytes.length).toBeLessThan(1 << 20);
  allocatedBytes();
  const file = await openTensorFile(metered(bytes, "bomb.npz").source);
  expect(allocatedBytes()).toBeLessThanOrEqual(bytes.length + SLACK);
  expect(file.entries.map((e) => e.bytes)).toEqual([64 << 20, 64 << 20, 64 << 20]);
  // The directory claims one byte less than the arrays' own headers do.
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 46 < bytes.length; at++) {
    if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, (64 << 20) + 127, true);
  }
  await expect(readAll(metered(bytes, "bomb.npz").source)).rejects.toMatchObject({ code: "file-corrupt" });
  expect(allocatedBytes()).toBeLessThanOrEqual(bytes.length + SLACK);
});
