// Files written by NumPy and by the reference safetensors library, read back; and our own files, round trip.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import expected from "./golden/expected.json";
import manifest from "./golden/manifest.json";
import { encodeNpy } from "./npy";
import { encodeNpz } from "./npz";
import { openTensorFile } from "./open";
import { encodeSafetensors } from "./safetensors";
import { bytesSource } from "./source";
import { toFloat32 } from "./tensor-data";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`golden/${name}`, import.meta.url)));
const open = (name: string) => openTensorFile(bytesSource(fixture(name), name));
const numbers = (texts: readonly string[]): number[] =>
  texts.map((t) => Number(t.replace("inf", "Infinity")));

test("the fixtures are those of the manifest", () => {
  for (const [name, hash] of Object.entries(manifest.sha256)) {
    expect(createHash("sha256").update(fixture(name)).digest("hex"), name).toBe(hash);
  }
});

test("safetensors of the reference library: types, shapes, metadata, values", async () => {
  const file = await open("mixed.safetensors");
  expect(file.kind).toBe("safetensors");
  expect(file.metadata).toEqual({ f: "2", note: "grüß" });
  const shapes = Object.fromEntries(file.entries.map((e) => [e.name, [e.dtype, ...e.shape]]));
  expect(shapes).toEqual({
    f32: ["F32", 3, 5, 4],
    f16: ["F16", 10],
    bf16: ["BF16", 10],
    i64: ["I64", 2, 2],
    u8: ["U8", 7],
    bool: ["BOOL", 3],
    empty: ["F32", 0, 3],
    scalar: ["F32"],
  });
  const floats = async (name: string): Promise<number[]> => [...toFloat32(await file.read(name))];
  expect(await floats("f32")).toEqual(expected.values);
  expect(await floats("f16")).toEqual(numbers(expected.f16));
  expect(await floats("bf16")).toEqual(numbers(expected.bf16));
  expect(await floats("i64")).toEqual([1, -2, 3, 2 ** 40]);
  expect(await floats("bool")).toEqual([1, 0, 1]);
  expect(await floats("empty")).toEqual([]);
  expect(await floats("scalar")).toEqual([2.5]);
});

test("a range of elements is the same part of the tensor", async () => {
  for (const name of ["mixed.safetensors", "stored.npz", "deflated.npz", "fortran.npy", "version2.npy"]) {
    const file = await open(name);
    const entry = file.entries.find((e) => ["f32", "c", "fortran", "version2"].includes(e.name))!;
    const part = await file.read(entry.name, { from: 7, to: 19 });
    expect([part.shape, [...toFloat32(part)]], name).toEqual([[12], expected.values.slice(7, 19)]);
  }
});

test.each(["stored.npz", "deflated.npz"])(
  "%s of NumPy: C and Fortran order, both byte orders",
  async (name) => {
    const file = await open(name);
    for (const array of ["c", "fortran", "big"]) {
      const read = await file.read(array);
      expect([read.shape, [...toFloat32(read)]], array).toEqual([[3, 5, 4], expected.values]);
    }
    expect([...toFloat32(await file.read("half"))]).toEqual(numbers(expected.f16));
    expect([...toFloat32(await file.read("i2"))]).toEqual([-300, 7]);
    expect((await file.read("scalar")).data[0]).toBe(0.1);
  },
);

test("npz with zip64 sizes", async () => {
  const file = await open("zip64.npz");
  expect([...toFloat32(await file.read("c"))]).toEqual(expected.values);
});

test("single npy files take their file's name, and version 2 headers are read", async () => {
  expect((await open("fortran.npy")).entries[0]).toMatchObject({
    name: "fortran",
    dtype: "F32",
    shape: [3, 5, 4],
  });
  expect([...toFloat32(await (await open("version2.npy")).read("version2"))]).toEqual(expected.values);
});

test("our files read back as written; safetensors data starts at a multiple of 8", async () => {
  const a = { name: "a", dtype: "F32" as const, shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) };
  const b = { name: "b", dtype: "BF16" as const, shape: [3], data: Uint16Array.from([1, 2, 0x3f80]) };
  const bytes = encodeSafetensors([b, a], { note: "x" });
  const file = await openTensorFile(bytesSource(bytes));
  expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
  // `a` starts at byte 6 of the data: not a multiple of 4, and still read right.
  expect([...(await file.read("a")).data]).toEqual([...a.data]);
  expect([...(await file.read("b")).data]).toEqual([...b.data]);
  expect(file.metadata).toEqual({ note: "x" });

  for (const compress of [false, true]) {
    const npz = await openTensorFile(
      bytesSource(encodeNpz({ a, s: { dtype: "F64", shape: [], data: Float64Array.of(7) } }, { compress })),
    );
    expect(npz.entries.map((e) => [e.name, e.shape])).toEqual([
      ["a", [2, 3]],
      ["s", []],
    ]);
    expect([...(await npz.read("a")).data]).toEqual([...a.data]);
    expect((await npz.read("s")).data[0]).toBe(7);
  }
  expect(() => encodeNpy(b)).toThrow("NumPy has no bfloat16; write F32, or use safetensors");
});

test("npy is written as NumPy writes it, byte for byte", async () => {
  // NumPy stores without compressing: an entry of its npz is the npy itself.
  const file = unzipSync(fixture("stored.npz"));
  const npz = await open("stored.npz");
  for (const name of ["c", "half", "scalar"]) {
    const { dtype, shape, data } = await npz.read(name);
    expect(
      Buffer.from(encodeNpy({ dtype, shape, data })).equals(Buffer.from(file[`${name}.npy`])),
      name,
    ).toBe(true);
  }
});
