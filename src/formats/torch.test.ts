// PyTorch files against what PyTorch says is in them; pickles that ask for anything but tensors are refused by name.
import { readFileSync } from "node:fs";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { openTensorFile } from "./open";
import { type ByteSource, bytesSource } from "./source";
import { toFloat32 } from "./tensor-data";

const at = (name: string): URL => new URL(`golden/${name}`, import.meta.url);
const fixture = (name: string): ByteSource => bytesSource(new Uint8Array(readFileSync(at(name))), name);
const { files } = JSON.parse(readFileSync(at("torch-expected.json"), "utf8")) as {
  files: Record<string, Record<string, { shape: number[]; values: (number | string | boolean)[] }>>;
};

test.each(["state.pt", "training.pth"])(
  "%s: every tensor is as PyTorch has it, also a part of it",
  async (name) => {
    const file = await openTensorFile(fixture(name));
    expect(file.kind).toBe("torch");
    expect(file.entries.map((entry) => entry.name).sort()).toEqual(Object.keys(files[name]).sort());
    for (const [tensor, { shape, values }] of Object.entries(files[name])) {
      const read = await file.read(tensor);
      expect(read.shape, tensor).toEqual(shape);
      const wanted = values.map(Number);
      const all = Array.from(read.data as ArrayLike<number | bigint>, Number);
      const floats = Array.from(toFloat32(read));
      for (const [i, value] of wanted.entries()) {
        // 16-bit types are bits in `data`; f32 of a float64 is rounded.
        if (read.dtype === "F16" || read.dtype === "BF16")
          expect(Object.is(floats[i], value), tensor).toBe(true);
        else expect(Object.is(all[i], value), `${tensor} ${i}`).toBe(true);
      }
      if (wanted.length < 3) continue;
      const part = await file.read(tensor, { from: 1, to: wanted.length - 1 });
      expect(part.shape).toEqual([wanted.length - 2]);
      expect(Array.from(toFloat32(part))).toEqual(floats.slice(1, -1));
    }
  },
);

const text = (words: string): number[] => [...new TextEncoder().encode(words)];
/** GLOBAL module name. */
const name = (module: string, of: string): number[] => [0x63, ...text(`${module}\n${of}\n`)];
const start = [0x80, 2];

/** A PyTorch file with this pickle and one storage of four bytes. */
function torchFile(pickle: readonly number[], more: Record<string, Uint8Array> = {}): ByteSource {
  const parts = { "x/data.pkl": Uint8Array.from(pickle), "x/data/0": new Uint8Array(4), ...more };
  return bytesSource(zipSync(parts, { level: 0 }), "x.pt");
}

/** A dictionary {w: tensor} whose tensor is rebuilt from these parts; numbers below 256. */
function tensorPickle({
  storage = "FloatStorage",
  key = "0",
  count = 1,
  offset = 0,
  size = [1],
  stride = [1],
} = {}): number[] {
  const short = (words: string): number[] => [0x8c, words.length, ...text(words)];
  const tuple = (items: readonly number[]): number[] => [0x28, ...items.flatMap((n) => [0x4b, n]), 0x74];
  return [
    ...[...start, 0x7d, ...short("w"), ...name("torch._utils", "_rebuild_tensor_v2"), 0x28, 0x28],
    ...[
      ...short("storage"),
      ...name("torch", storage),
      ...short(key),
      ...short("cpu"),
      0x4b,
      count,
      0x74,
      0x51,
    ],
    ...[0x4b, offset, ...tuple(size), ...tuple(stride), 0x89, 0x4e, 0x74, 0x52, 0x73, 0x2e],
  ];
}

describe("what is no tensor is refused, and nothing runs", () => {
  const system = [...start, ...name("os", "system"), 0x58, 4, 0, 0, 0, ...text("ls /"), 0x85, 0x52, 0x2e];
  const cases: [string, ByteSource, string, string][] = [
    [
      "a command of the system",
      torchFile(system),
      "pickle",
      "asks for os.system, which is no part of a tensor",
    ],
    [
      "a function of builtins",
      torchFile([...start, ...name("builtins", "eval"), 0x2e]),
      "pickle",
      "asks for builtins.eval",
    ],
    [
      "a name from the stack",
      torchFile([...start, 0x8c, 5, ...text("posix"), 0x8c, 6, ...text("system"), 0x93, 0x2e]),
      "pickle",
      "asks for posix.system",
    ],
    [
      "a module as an object",
      fixture("model-object.pt"),
      "pickle",
      "asks for torch.nn.modules.container.Sequential",
    ],
    [
      "the opcode NEWOBJ",
      torchFile([...start, 0x29, 0x29, 0x81, 0x2e]),
      "pickle",
      "the pickle opcode 0x81 at byte 4",
    ],
    [
      "the opcode INST",
      torchFile([...start, 0x28, 0x69, ...text("os\nsystem\n"), 0x2e]),
      "pickle",
      "opcode 0x69",
    ],
    ["an extension", torchFile([...start, 0x82, 1, 0x2e]), "pickle", "opcode 0x82"],
    ["no end", torchFile([...start, 0x4e]), "file-corrupt", "it ends too early at byte 3"],
    [
      "a text past the end",
      torchFile([...start, 0x58, 255, 255, 255, 255]),
      "file-corrupt",
      "it ends too early",
    ],
    [
      "a memo that is empty",
      torchFile([...start, 0x68, 7, 0x2e]),
      "file-corrupt",
      "entry 7 of the memo is missing",
    ],
    ["an empty stack", torchFile([...start, 0x85, 0x2e]), "file-corrupt", "a value is missing"],
    [
      "no tensor",
      torchFile([...start, 0x7d, 0x2e]),
      "file-unknown",
      "There is no tensor in this PyTorch file",
    ],
    [
      "a storage that is missing",
      torchFile(tensorPickle({ key: "7" })),
      "file-corrupt",
      "tensor w: its storage 7 is missing",
    ],
    [
      "a storage of another size",
      torchFile(tensorPickle({ count: 2 })),
      "file-corrupt",
      "tensor w: its storage should have 2 elements of 4 bytes and has 4 bytes",
    ],
    [
      "a tensor past its storage",
      torchFile(tensorPickle({ size: [3], stride: [1] })),
      "file-corrupt",
      "tensor w: it reaches to element 2 of 1",
    ],
    [
      "an element type that is not known",
      torchFile(tensorPickle({ storage: "ComplexFloatStorage" })),
      "dtype",
      "Elements of torch.ComplexFloatStorage cannot be read",
    ],
    [
      "big-endian numbers",
      torchFile(tensorPickle(), { "x/byteorder": Uint8Array.from(text("big")) }),
      "file-corrupt",
      "its numbers are big-endian",
    ],
  ];
  test.each(cases)("%s", async (_, source, code, words) => {
    await expect(openTensorFile(source)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });
});

test("a dictionary that holds itself, and ones that hold each other twice, end", async () => {
  const body = tensorPickle().slice(2, -1); // leaves {w: tensor} on the stack
  const self = [...start, ...body, 0x71, 0, 0x8c, 4, ...text("self"), 0x68, 0, 0x73, 0x2e];
  expect((await openTensorFile(torchFile(self))).entries.map((entry) => entry.name)).toEqual(["w"]);
  // {a: d, b: d} thirty times over: a walk along every path would take 2^30 steps.
  const entry = (key: string, place: number): number[] => [0x8c, 1, ...text(key), 0x68, place, 0x73];
  const twice = [...start, ...body, 0x71, 0, 0x30];
  for (let i = 1; i <= 30; i++) twice.push(0x7d, ...entry("a", i - 1), ...entry("b", i - 1), 0x71, i, 0x30);
  const found = await openTensorFile(torchFile([...twice, 0x68, 30, 0x2e]));
  expect(found.entries.map((e) => e.name)).toEqual([`${"a.".repeat(30)}w`]);
});
