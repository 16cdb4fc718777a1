// Reads a linked shader's bindings and uniform layout from its text, so that no layout is ever typed twice.
import { TesseraError } from "../base/errors";

export interface Reflection {
  entry: string;
  /** Storage buffers in binding order; `writes` is true for `read_write`. */
  storage: readonly { name: string; binding: number; writes: boolean }[];
  uniform?: { binding: number; bytes: number; fields: ReadonlyMap<string, UniformField> };
}
export interface UniformField {
  offset: number;
  kind: "u32" | "i32" | "f32";
  /** Number of scalars: 1, 4 for a vec4, 4·N for an array of vec4. */
  count: number;
}

/** Parses `@group(0) @binding(n) var<…>` declarations, the uniform struct and the one compute entry point. */
export function reflect(text: string, file: string): Reflection {
  const plain = text.replace(/\/\/[^\n]*/g, "");
  const storage: { name: string; binding: number; writes: boolean }[] = [];
  let uniform: Reflection["uniform"];
  const pattern =
    /@group\(0\)\s*@binding\((\d+)\)\s*var<\s*(\w+)\s*(?:,\s*(\w+)\s*)?>\s*(\w+)\s*:\s*([^;]+);/g;
  for (const [, binding, space, access, name, type] of plain.matchAll(pattern)) {
    if (space === "storage")
      storage.push({ name, binding: Number(binding), writes: access === "read_write" });
    else if (space === "uniform")
      uniform = { binding: Number(binding), ...structLayout(plain, type.trim(), file) };
  }
  storage.sort((a, b) => a.binding - b.binding);
  const entries = [...plain.matchAll(/@compute[\s\S]*?\bfn\s+(\w+)/g)].map((m) => m[1]);
  if (entries.length !== 1) {
    throw new TesseraError(
      "shader-shape",
      `A kernel file has exactly one @compute function, found ${entries.length}: shaders/${file}`,
    );
  }
  return { entry: entries[0], storage, uniform };
}

function structLayout(
  text: string,
  name: string,
  file: string,
): { bytes: number; fields: Map<string, UniformField> } {
  const body = new RegExp(`struct\\s+${name}\\s*\\{([^}]*)\\}`).exec(text)?.[1];
  if (body === undefined)
    throw new TesseraError(
      "shader-shape",
      `The uniform's struct ${name} is not in the file: shaders/${file}`,
    );
  const fields = new Map<string, UniformField>();
  let offset = 0;
  let align = 4;
  for (const [, field, rawType] of body.matchAll(/(\w+)\s*:\s*(array<[^>]*>|\w+(?:<\w+>)?)\s*,?/g)) {
    const type = rawType.replace(/\s/g, "");
    const array = /^array<(vec4[uif]),(\d+)u?>$/.exec(type);
    const vector = /^vec4([uif])$/.exec(array ? array[1] : type);
    const kind = vector ? ({ u: "u32", i: "i32", f: "f32" } as const)[vector[1] as "u" | "i" | "f"] : type;
    if (kind !== "u32" && kind !== "i32" && kind !== "f32") {
      throw new TesseraError(
        "shader-shape",
        `Uniform field ${field}: type ${type} is not one of u32, i32, f32, vec4 or array of vec4: shaders/${file}`,
      );
    }
    const count = vector ? 4 * (array ? Number(array[2]) : 1) : 1;
    if (vector) {
      offset = Math.ceil(offset / 16) * 16;
      align = 16;
    }
    fields.set(field, { offset, kind, count });
    offset += count * 4;
  }
  if (offset > MAX_UNIFORM_BYTES) {
    throw new TesseraError(
      "shader-shape",
      `The uniform struct ${name} takes ${offset} bytes, at most ${MAX_UNIFORM_BYTES} fit: shaders/${file}`,
    );
  }
  return { bytes: Math.max(16, Math.ceil(offset / align) * align), fields };
}

/** One slot of the queue's uniform buffer; also the offset alignment every device allows. */
export const MAX_UNIFORM_BYTES = 256;

export type Uniforms = Readonly<Record<string, number | readonly number[]>>;

/** Fields the dispatcher fills itself: first workgroup of a slice, and the number of workgroups of the whole grid. */
export const DISPATCHER_FIELDS: readonly string[] = ["first_group", "groups"];

/** Writes uniforms by name at `start`. @throws TesseraError `uniforms` on a missing, extra or wrongly sized field. */
export function writeUniforms(
  layout: NonNullable<Reflection["uniform"]>,
  values: Uniforms,
  view: DataView,
  start: number,
  file: string,
): void {
  for (const name of Object.keys(values)) {
    if (!layout.fields.has(name) && !DISPATCHER_FIELDS.includes(name)) {
      throw new TesseraError("uniforms", `The shader has no uniform field ${name}: shaders/${file}`);
    }
  }
  for (const [name, field] of layout.fields) {
    const value = values[name];
    const list = typeof value === "number" ? [value] : value;
    if (!list || list.length !== field.count) {
      throw new TesseraError(
        "uniforms",
        `Uniform field ${name} needs ${field.count} number(s), got ${list ? list.length : "none"}: shaders/${file}`,
      );
    }
    for (let i = 0; i < field.count; i++) {
      const at = start + field.offset + 4 * i;
      if (field.kind === "f32") view.setFloat32(at, list[i], true);
      else if (field.kind === "i32") view.setInt32(at, list[i], true);
      else view.setUint32(at, list[i], true);
    }
  }
}
