// Links a plain `.wgsl` file into the final shader text: imports, element types, constants. It knows no device.
import { TesseraError } from "../base/errors";

/** A shader file as the author wrote it; `file` is relative to `shaders/` and appears in messages. */
export interface KernelSource {
  file: string;
  text: string;
}

export interface LinkOptions {
  /** New right-hand sides for `alias NAME = …;` lines, e.g. `{ T: "f16" }`. */
  types?: Readonly<Record<string, string>>;
  /** New values for `const NAME: type = …;` or `override NAME: type = …;` lines. */
  constants?: Readonly<Record<string, number>>;
  /** Library files to import instead of others, e.g. `{ "lib/no_clock": "lib/clock" }`. */
  imports?: Readonly<Record<string, string>>;
}

export interface Linked {
  text: string;
  /** Pipeline constants: those of `constants` that are `override`s. */
  overrides: Readonly<Record<string, number>>;
  /** Author's file and line for every line of `text` (index 0 is line 1). */
  origin: readonly { file: string; line: number }[];
}

const library: Record<string, string> = import.meta.glob("../../shaders/lib/*.wgsl", {
  query: "?raw",
  import: "default",
  eager: true,
});

function libraryFile(name: string, importer: string, line: number): KernelSource {
  const text = library[`../../shaders/${name}.wgsl`];
  if (text === undefined) {
    throw new TesseraError(
      "shader-import",
      `#import ${name}: there is no shaders/${name}.wgsl. Asked for by ${importer}:${line}`,
    );
  }
  return { file: `${name}.wgsl`, text };
}

/**
 * Resolves `#import lib/name` lines (each file is included once, at its first use), rewrites aliases and constants,
 * and keeps the author's position of each line.
 * @throws TesseraError `shader-import` for a missing import, or one to replace that nobody imports; `shader-constant` for
 * a name the text does not declare.
 */
export function link(source: KernelSource, options: LinkOptions = {}): Linked {
  const lines: string[] = [];
  const origin: { file: string; line: number }[] = [];
  const seen = new Set<string>();
  const types = options.types ?? {};
  const constants = options.constants ?? {};
  const imports = options.imports ?? {};
  const unreplaced = new Set(Object.keys(imports));
  const unused = new Set([...Object.keys(types), ...Object.keys(constants)]);
  const overrides: Record<string, number> = {};

  if (Object.values(types).includes("f16")) {
    lines.push("enable f16;");
    origin.push({ file: source.file, line: 0 });
  }

  const include = (part: KernelSource): void => {
    if (seen.has(part.file)) return;
    seen.add(part.file);
    for (const [index, raw] of part.text.split("\n").entries()) {
      const imported = /^\s*#import\s+(\S+)/.exec(raw);
      if (imported) {
        unreplaced.delete(imported[1]);
        include(libraryFile(imports[imported[1]] ?? imported[1], part.file, index + 1));
        continue;
      }
      lines.push(rewrite(raw));
      origin.push({ file: part.file, line: index + 1 });
    }
  };
  const rewrite = (line: string): string => {
    const alias = /^(\s*alias\s+(\w+)\s*=\s*)[^;]+;(.*)$/.exec(line);
    if (alias && alias[2] in types) {
      unused.delete(alias[2]);
      return `${alias[1]}${types[alias[2]]};${alias[3]}`;
    }
    const constant = /^(\s*(const|override)\s+(\w+)\s*:\s*(\w+)\s*=\s*)[^;]+;(.*)$/.exec(line);
    if (!constant || !(constant[3] in constants)) return line;
    const [, head, keyword, name, type, tail] = constant;
    unused.delete(name);
    if (keyword === "override") {
      overrides[name] = constants[name];
      return line;
    }
    return `${head}${literal(constants[name], type)};${tail}`;
  };

  include(source);
  if (unreplaced.size) {
    throw new TesseraError(
      "shader-import",
      `The shader does not import ${[...unreplaced].join(", ")}: shaders/${source.file}`,
      { file: source.file, names: [...unreplaced] },
    );
  }
  if (unused.size) {
    throw new TesseraError(
      "shader-constant",
      `The shader declares no alias, const or override named ${[...unused].join(", ")}: shaders/${source.file}`,
      { file: source.file, names: [...unused] },
    );
  }
  return { text: lines.join("\n"), overrides, origin };
}

function literal(value: number, type: string): string {
  if (type === "u32") return `${value}u`;
  if (type === "i32") return `${value}i`;
  if (type === "bool") return value ? "true" : "false";
  return Number.isInteger(value) ? `${value}.0` : `${value}`;
}
