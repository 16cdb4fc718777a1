// Broken and hostile files: each is refused with a message that says what is wrong, and none costs memory or time.
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { encodeNpy } from "./npy";
import { encodeNpz } from "./npz";
import { openTensorFile } from "./open";
import { encodeSafetensors } from "./safetensors";
import { type ByteSource, blobSource, bytesSource } from "./source";
import { toFloat32 } from "./tensor-data";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`golden/${name}`, import.meta.url)));

/** Where a sequence of bytes begins. */
function positions(bytes: Uint8Array, wanted: readonly number[]): number[] {
  const found: number[] = [];
  for (let at = 0; at + wanted.length <= bytes.length; at++)
    if (wanted.every((b, i) => bytes[at + i] === b)) found.push(at);
  return found;
}

/** A safetensors file with this header text and so many bytes of data. */
function safetensors(header: string | Uint8Array, dataBytes = 0, claimed?: number): ByteSource {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? json.length), true);
  bytes.set(json, 8);
  return bytesSource(bytes, "x.safetensors");
}
const tensor = (dtype: string, shape: number[], from: number, to: number): string =>
  JSON.stringify({ dtype, shape, data_offsets: [from, to] });

describe("safetensors", () => {
  const cases: [string, ByteSource, string][] = [
    [
      "no header",
      bytesSource(new Uint8Array(5), "x.safetensors"),
      "Not a valid safetensors file: it has 5 bytes, the header length alone takes 8: x.safetensors",
    ],
    [
      "header longer than the file",
      safetensors("{}", 0, 1000),
      "The header claims 1000 bytes, but the file ends at 10; it is cut short: x.safetensors",
    ],
    [
      "absurd header length",
      safetensors("{}", 0, 2 ** 52),
      "Not a valid safetensors file: the header claims 4503599627370496 bytes, at most 100000000 are allowed: x.safetensors",
    ],
    [
      "not UTF-8",
      safetensors(Uint8Array.of(0x7b, 0xff, 0x7d)),
      "Not a valid safetensors file: the header is not UTF-8: x.safetensors",
    ],
    [
      "not an object",
      safetensors("[1]"),
      "Not a valid safetensors file: the header is not a JSON object: x.safetensors",
    ],
    [
      "duplicate key",
      safetensors(`{"a":${tensor("U8", [1], 0, 1)},"a":${tensor("U8", [1], 0, 1)}}`, 1),
      "The header is not valid JSON: the key “a” stands twice at character 56: x.safetensors",
    ],
    [
      "deep nesting",
      safetensors(`{"a":${"[".repeat(100_000)}`),
      "The header is not valid JSON: nesting deeper than 16 at character 21: x.safetensors",
    ],
    [
      "unknown dtype",
      safetensors(`{"a":${tensor("F99", [1], 0, 4)}}`, 4),
      'Not a valid safetensors file: tensor a: dtype "F99" is not one of F64, F32, F16, BF16, I64, U64, I32, U32, I16, U16, I8, U8, BOOL: x.safetensors',
    ],
    [
      "size and shape differ",
      safetensors(`{"a":${tensor("F32", [3], 0, 8)}}`, 8),
      "Not a valid safetensors file: tensor a: F32 [3] takes 12 bytes, data_offsets span 8: x.safetensors",
    ],
    [
      "shape overflows",
      safetensors(`{"a":${tensor("F32", [2 ** 40, 2 ** 40], 0, 8)}}`, 8),
      "tensor a: the shape [1099511627776, 1099511627776] has more elements than can be counted",
    ],
    [
      "negative length",
      safetensors(`{"a":${tensor("F32", [-1], 0, 4)}}`, 4),
      "Not a valid safetensors file: tensor a: its shape is not a list of whole numbers: x.safetensors",
    ],
    [
      "cut short",
      safetensors(`{"a":${tensor("F32", [4], 0, 16)}}`, 10),
      "Tensor a ends at byte 79, but the file ends at 73; it is cut short: x.safetensors",
    ],
    [
      "overlap",
      safetensors(`{"a":${tensor("U8", [4], 0, 4)},"b":${tensor("U8", [4], 2, 6)}}`, 6),
      "Not a valid safetensors file: tensor b overlaps the tensor before it: x.safetensors",
    ],
    [
      "gap",
      safetensors(`{"a":${tensor("U8", [2], 0, 2)},"b":${tensor("U8", [2], 4, 6)}}`, 6),
      "Not a valid safetensors file: tensor b leaves 2 bytes unused before it: x.safetensors",
    ],
    [
      "trailing bytes",
      safetensors(`{"a":${tensor("U8", [2], 0, 2)}}`, 9),
      "Not a valid safetensors file: 7 bytes follow the last tensor: x.safetensors",
    ],
    [
      "metadata of the wrong kind",
      safetensors('{"__metadata__":{"a":1}}'),
      "Not a valid safetensors file: __metadata__.a is not a text: x.safetensors",
    ],
  ];
  test.each(cases)("%s", async (_, source, message) => {
    await expect(openTensorFile(source)).rejects.toThrow(
      new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`),
    );
  });

  test("zero-sized tensors and NaN are legal", async () => {
    const data = Float32Array.of(Number.NaN, 1);
    const bytes = encodeSafetensors([
      { name: "none", dtype: "F32", shape: [0, 9], data: new Float32Array(0) },
      { name: "nan", dtype: "F32", shape: [2], data },
    ]);
    const file = await openTensorFile(bytesSource(bytes));
    expect([...toFloat32(await file.read("nan"))]).toEqual([Number.NaN, 1]);
    expect((await file.read("none")).data.length).toBe(0);
  });

  test("two-byte values at an odd position are read right, whole and in part", async () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff); // 1, -2, 65504 in F16
    for (const [dtype, want] of [
      ["F16", [1, -2, 65504]],
      ["BF16", [2 ** -7, -2, (2 - 2 ** -7) * 2 ** 120]],
    ] as const) {
      const bytes = encodeSafetensors([
        { name: "odd", dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
        { name: "half", dtype, shape: [3], data: halves },
      ]);
      const file = await openTensorFile(bytesSource(bytes));
      const values = [...toFloat32(await file.read("half"))];
      for (const [i, value] of values.entries()) expect(value / want[i]).toBeCloseTo(1, 6);
      expect([...toFloat32(await file.read("half", { from: 1, to: 2 }))]).toEqual([-2]);
    }
  });

  test("a tensor that is not there is asked for by name", async () => {
    const file = await openTensorFile(bytesSource(fixture("mixed.safetensors"), "mixed.safetensors"));
    await expect(file.read("q")).rejects.toThrow("There is no tensor q; the file has ");
    await expect(file.read("u8", { from: 5, to: 8 })).rejects.toThrow(
      "u8: elements 5 to 8 were asked for, it has 7",
    );
  });
});

describe("npy and npz", () => {
  const named = (name: string): ByteSource => bytesSource(fixture(name), name);
  test("object arrays are refused by name, structured arrays too", async () => {
    await expect(openTensorFile(named("object.npy"))).rejects.toMatchObject({
      code: "dtype",
      message:
        "Object arrays hold Python pickles and are never opened; save plain numbers with arr.astype(numpy.float32): object.npy",
    });
    await expect(openTensorFile(named("structured.npy"))).rejects.toMatchObject({
      code: "dtype",
      message: expect.stringContaining("Structured arrays"),
    });
  });
  test("an object array inside an npz is refused by its name", async () => {
    const bytes = zipSync(
      {
        "q.npy": encodeNpy({ dtype: "F32", shape: [1], data: new Float32Array(1) }),
        "notes.npy": fixture("object.npy"),
      },
      { level: 0 },
    );
    await expect(openTensorFile(bytesSource(bytes, "x.npz"))).rejects.toMatchObject({
      code: "dtype",
      message: expect.stringMatching(/^Object arrays .+: notes\.npy in x\.npz$/),
    });
  });
  test("values that begin at an odd position are read right", async () => {
    // A header one byte longer than NumPy writes it: the values begin at 129.
    const whole = encodeNpy({ dtype: "F16", shape: [2], data: Uint16Array.of(0x3c00, 0xc000) });
    const start = whole.length - 4;
    const odd = Uint8Array.from([...whole.subarray(0, start - 1), 0x20, ...whole.subarray(start - 1)]);
    odd[8] += 1;
    expect(start % 2).toBe(0);
    const file = await openTensorFile(bytesSource(odd, "odd.npy"));
    expect([...toFloat32(await file.read("odd"))]).toEqual([1, -2]);
  });
  test("two arrays of one name, and an encrypted one, are refused", async () => {
    const twice = encodeNpz({
      a: { dtype: "U8", shape: [1], data: Uint8Array.of(1) },
      b: { dtype: "U8", shape: [1], data: Uint8Array.of(2) },
    });
    const names = positions(twice, [0x62, 0x2e, 0x6e, 0x70, 0x79]); // "b.npy", in its header and in the directory
    expect(names.length).toBe(2);
    for (const at of names) twice[at] = 0x61;
    await expect(openTensorFile(bytesSource(twice, "x.npz"))).rejects.toThrow(
      "two entries are named a.npy: x.npz",
    );

    const locked = encodeNpz({ a: { dtype: "U8", shape: [1], data: Uint8Array.of(1) } });
    const [directory] = positions(locked, [0x50, 0x4b, 0x01, 0x02]);
    locked[directory + 8] |= 1;
    await expect(openTensorFile(bytesSource(locked, "x.npz"))).rejects.toMatchObject({
      code: "file-encrypted",
    });
  });
  test("a claim that no deflate stream can keep is refused before anything is inflated", async () => {
    const bytes = fixture("deflated.npz");
    const [directory] = positions(bytes, [0x50, 0x4b, 0x01, 0x02]);
    new DataView(bytes.buffer).setUint32(directory + 24, 0x7fff_ffff, true);
    await expect(openTensorFile(bytesSource(bytes, "bomb.npz"))).rejects.toThrow(
      /entry c\.npy claims 2147483647 bytes inflated from \d+; no deflate stream holds so much: bomb\.npz$/,
    );
  });
  test("a stream that inflates to more than was announced is given up at once", async () => {
    const bytes = encodeNpz(
      { a: { dtype: "U8", shape: [64 << 20], data: new Uint8Array(64 << 20) } },
      { compress: true },
    );
    const [directory] = positions(bytes, [0x50, 0x4b, 0x01, 0x02]);
    const view = new DataView(bytes.buffer);
    const honest = view.getUint32(directory + 24, true);
    view.setUint32(directory + 24, 1000, true);
    // The array's own header still claims 64 MiB: the contradiction shows when the file is opened.
    await expect(openTensorFile(bytesSource(bytes, "bomb.npz"))).rejects.toThrow(
      `Array a should take ${honest} bytes by its header, the zip says 1000: bomb.npz`,
    );
  });
  test("a cut array and a cut zip say so", async () => {
    await expect(
      openTensorFile(bytesSource(fixture("fortran.npy").subarray(0, 300), "cut.npy")),
    ).rejects.toMatchObject({ code: "file-truncated" });
    await expect(
      openTensorFile(bytesSource(fixture("stored.npz").subarray(0, 900), "cut.npz")),
    ).rejects.toThrow("Not a valid zip file: the directory at its end is missing; it is cut short: cut.npz");
  });
  test("a flipped byte in a compressed or stored array is found by its checksum or its stream", async () => {
    for (const name of ["stored.npz", "deflated.npz"]) {
      const bytes = fixture(name);
      bytes[230] ^= 0xff; // inside the first array: its values where stored, its stream where compressed
      const read = openTensorFile(bytesSource(bytes, name)).then((file) => file.read("c"));
      await expect(read, name).rejects.toMatchObject({ code: "file-corrupt" });
    }
  });
});

test("a file that was changed after it was chosen is told as that", async () => {
  const gone = {
    size: 100,
    slice: () => ({ arrayBuffer: () => Promise.reject(new Error("The requested file could not be read")) }),
  };
  await expect(openTensorFile(blobSource(gone as unknown as Blob, "q.npz"))).rejects.toMatchObject({
    code: "file-unreadable",
    message: expect.stringContaining("changed, moved or removed since it was chosen"),
    fields: { name: "q.npz", start: 0, end: 12 },
  });
});

test("files that are none of these are named for what they are", async () => {
  const says = async (bytes: readonly number[]): Promise<string> => {
    const error = await openTensorFile(
      bytesSource(Uint8Array.from([...bytes, ...new Array(20).fill(0xff)]), "f"),
    ).catch((e: Error) => e);
    return (error as Error).message;
  };
  expect(await says([0x47, 0x47, 0x55, 0x46])).toBe(
    "safetensors, npz, npy and PyTorch files can be opened, but this is a GGUF model; export the tensors as safetensors: f",
  );
  expect(await says([0x80, 0x02])).toContain(
    "a PyTorch file from before version 1.6; save it again with torch.save",
  );
  expect(await says([1, 2, 3])).toContain("its first bytes belong to none of these");
  await expect(openTensorFile(bytesSource(new Uint8Array(0), "f"))).rejects.toThrow("this file is empty");
});

test("the header of a real 20 GB sparse file is read at once, and a slice from its end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-sparse-"));
  const path = join(folder, "big.safetensors");
  const elements = 10 * 2 ** 30;
  const header = new TextEncoder().encode(`{"q":${tensor("F16", [elements], 0, elements * 2)}}`);
  const handle = openSync(path, "w+");
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(header.length), true);
  writeSync(handle, head);
  writeSync(handle, header);
  const size = 8 + header.length + elements * 2;
  ftruncateSync(handle, size);
  let bytesRead = 0;
  const source: ByteSource = {
    name: "big.safetensors",
    size,
    async read(start, end) {
      const bytes = new Uint8Array(end - start);
      readSync(handle, bytes, 0, bytes.length, start);
      bytesRead += bytes.length;
      return bytes;
    },
  };
  const file = await openTensorFile(source);
  expect(file.entries[0].bytes).toBe(elements * 2);
  expect((await file.read("q", { from: elements - 4, to: elements })).data).toEqual(new Uint16Array(4));
  expect(bytesRead).toBeLessThan(1024);
  closeSync(handle);
  rmSync(folder, { recursive: true });
});
