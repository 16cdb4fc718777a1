// The linker: imports once, rewrites aliases and constants, and keeps the author's positions.
import { expect, test } from "vitest";
import { link } from "./link";
import { kernel } from "./pipelines";
import { reflect, writeUniforms } from "./reflect";

const source = {
  file: "test/a.wgsl",
  text: `// adds
#import lib/grid
#import lib/grid
alias T = f32;
const ROWS: u32 = 4u; // rows
override LANES: u32 = 64u;
struct Params { first_group: u32, groups: u32, scale: f32, sizes: array<vec4u, 2> }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(LANES)
fn main() {}`,
};

test("an import is included once and every line knows its author's file", () => {
  const linked = link(source);
  expect(linked.text.match(/fn flat_group/g)).toHaveLength(1);
  const at = linked.text.split("\n").findIndex((l) => l.includes("fn main"));
  expect(linked.origin[at]).toEqual({ file: "test/a.wgsl", line: 12 });
  const library = linked.text.split("\n").findIndex((l) => l.includes("fn flat_group"));
  expect(linked.origin[library].file).toBe("lib/grid.wgsl");
});

test("types and constants are rewritten in place, overrides stay and are passed on", () => {
  const linked = link(source, { types: { T: "f16" }, constants: { ROWS: 8, LANES: 32 } });
  expect(linked.text.startsWith("enable f16;\n")).toBe(true);
  expect(linked.text).toContain("alias T = f16;");
  expect(linked.text).toContain("const ROWS: u32 = 8u; // rows");
  expect(linked.text).toContain("override LANES: u32 = 64u;");
  expect(linked.overrides).toEqual({ LANES: 32 });
});

test("a missing import and an unknown constant say where and what", () => {
  const missing = { file: "test/b.wgsl", text: "// b\n#import lib/nothing" };
  expect(() => link(missing)).toThrow(
    "#import lib/nothing: there is no shaders/lib/nothing.wgsl. Asked for by test/b.wgsl:2",
  );
  expect(() => link(source, { constants: { COLUMNS: 3 } })).toThrow(
    "The shader declares no alias, const or override named COLUMNS: shaders/test/a.wgsl",
  );
});

test("a library file is imported in place of another, which must be one that the shader imports", () => {
  const text = link(source, { imports: { "lib/grid": "lib/integer" } }).text;
  expect(text).toContain("fn mul_high");
  expect(text).not.toContain("fn flat_group");
  expect(() => link(source, { imports: { "lib/rows": "lib/integer" } })).toThrow(
    "The shader does not import lib/rows: shaders/test/a.wgsl",
  );
});

test("bindings and the uniform layout come from the text", () => {
  const { storage, uniform, entry } = reflect(link(source).text, source.file);
  expect(entry).toBe("main");
  expect(storage.map((s) => [s.name, s.binding, s.writes])).toEqual([
    ["x", 0, false],
    ["y", 1, true],
  ]);
  // vec4 arrays align to 16 bytes: 3 scalars, 4 bytes of padding, 32 bytes of array.
  expect(uniform?.bytes).toBe(48);
  expect(uniform?.fields.get("sizes")).toEqual({ offset: 16, kind: "u32", count: 8 });
});

test("uniforms are written by name, and a missing or extra name is refused", () => {
  const layout = reflect(link(source).text, source.file).uniform!;
  const view = new DataView(new ArrayBuffer(64));
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8];
  writeUniforms(layout, { first_group: 7, groups: 9, scale: 0.5, sizes }, view, 0, "test/a.wgsl");
  expect([
    view.getUint32(0, true),
    view.getUint32(4, true),
    view.getFloat32(8, true),
    view.getUint32(44, true),
  ]).toEqual([7, 9, 0.5, 8]);
  const complete = { first_group: 0, groups: 0, scale: 1, sizes };
  expect(() => writeUniforms(layout, { ...complete, extra: 1 }, view, 0, "test/a.wgsl")).toThrow(
    "The shader has no uniform field extra: shaders/test/a.wgsl",
  );
  expect(() => writeUniforms(layout, { first_group: 0, groups: 0, sizes }, view, 0, "test/a.wgsl")).toThrow(
    "Uniform field scale needs 1 number(s), got none: shaders/test/a.wgsl",
  );
});

test("kernels with the same final text share a key, others do not", () => {
  expect(kernel(source).key).toBe(kernel({ ...source }).key);
  expect(kernel(source, { constants: { ROWS: 8 } }).key).not.toBe(kernel(source).key);
  expect(kernel(source, { constants: { LANES: 8 } }).key).not.toBe(kernel(source).key);
});
