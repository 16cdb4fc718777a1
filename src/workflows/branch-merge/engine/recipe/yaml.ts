// YAML with positions: every value knows its line, and every complaint names file, line, what is expected and what was
// got. It knows no recipe. Anchors and tags are refused: no value may be larger than its text or of a foreign type.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  visit,
} from "yaml";
import { TesseraError } from "../../../../base/errors";

/** Recipes are a page long; mergekit's longest example is 8 KB. */
const MAX_TEXT = 1 << 20;
const MAX_DEPTH = 32;

/** One value of a YAML text: a map, a list or a scalar, with its place. */
export class Place {
  constructor(
    private readonly node: Node | null,
    private readonly lines: LineCounter,
    private readonly file: string,
    /** Where it stands in the document: `models[0].parameters`. */
    readonly path: string,
    private readonly offset: number,
  ) {}

  /** `file:line:column`, for messages that are made later. */
  get where(): string {
    const { line, col } = this.position;
    return `${this.file}:${line}:${col}`;
  }

  private get position(): { line: number; col: number } {
    return this.lines.linePos(this.node?.range?.[0] ?? this.offset);
  }

  /** The error for a value that is not what the schema wants. */
  wrong(expected: string): TesseraError {
    return this.error(`${this.path || "the document"}: ${expected} is expected, got ${this.describe()}`);
  }

  error(words: string): TesseraError {
    const { line, col } = this.position;
    return new TesseraError("recipe", `${words}: ${this.where}`, { line, column: col, at: this.path });
  }

  get isNull(): boolean {
    return this.node === null || (isScalar(this.node) && this.node.value === null);
  }
  get isList(): boolean {
    return isSeq(this.node);
  }
  get isMap(): boolean {
    return isMap(this.node);
  }

  /** Entries of a map in their order. @throws TesseraError `recipe` for anything else, or an unknown key. */
  entries(known?: readonly string[]): Map<string, Place> {
    if (!isMap(this.node)) throw this.wrong("a map");
    const found = new Map<string, Place>();
    for (const pair of this.node.items) {
      const key = pair.key as Node;
      const word = isScalar(key) ? String(key.value) : "";
      const at = new Place(key, this.lines, this.file, this.path, this.offset);
      if (!isScalar(key) || key.value === null) throw at.error("a key must be a word");
      if (known && !known.includes(word)) {
        throw at.error(
          `${this.path ? `${this.path}: ` : ""}no such key “${word}”; known are ${known.join(", ")}`,
        );
      }
      const path = this.path ? `${this.path}.${word}` : word;
      found.set(
        word,
        new Place(pair.value as Node | null, this.lines, this.file, path, key.range?.[0] ?? this.offset),
      );
    }
    return found;
  }

  /** Items of a list. @throws TesseraError `recipe` for anything else. */
  items(): Place[] {
    if (!isSeq(this.node)) throw this.wrong("a list");
    return this.node.items.map(
      (item, i) => new Place(item as Node, this.lines, this.file, `${this.path}[${i}]`, this.offset),
    );
  }

  /** A number, a text or yes-or-no. @throws TesseraError `recipe`. */
  scalar(expected = "a number, a text or true or false"): number | string | boolean {
    const value = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value === "number" || typeof value === "string" || typeof value === "boolean") return value;
    throw this.wrong(expected);
  }

  /** A text; numbers that stand where a name is expected (a folder called 2024) are taken as written. */
  text(expected = "a text"): string {
    const value = this.scalar(expected);
    if (typeof value === "boolean") throw this.wrong(expected);
    return typeof value === "string" ? value : String((this.node as { source?: string }).source ?? value);
  }

  wholeNumber(expected = "a whole number, 0 or more"): number {
    const value = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw this.wrong(expected);
    return value;
  }

  bool(): boolean {
    const value = isScalar(this.node) ? this.node.value : undefined;
    if (typeof value !== "boolean") throw this.wrong("true or false");
    return value;
  }

  oneOf<const T extends string>(options: readonly T[]): T {
    const expected = `one of ${options.join(", ")}`;
    const value = this.text(expected);
    if (!options.includes(value as T)) throw this.wrong(expected);
    return value as T;
  }

  private describe(): string {
    if (this.isNull) return "nothing";
    if (isMap(this.node)) return "a map";
    if (isSeq(this.node)) return "a list";
    return JSON.stringify(isScalar(this.node) ? this.node.value : null);
  }
}

/**
 * The documents of a YAML text.
 * @throws TesseraError `recipe` with the place of the first fault: syntax, a key that stands twice, an anchor, a tag.
 */
export function readYaml(text: string, file: string): Place[] {
  const lines = new LineCounter();
  const fail = (words: string, offset: number): TesseraError =>
    new Place(null, lines, file, "", offset).error(words);
  if (text.length > MAX_TEXT)
    throw fail(`a recipe has at most ${MAX_TEXT} characters, this has ${text.length}`, 0);
  let documents: Document.Parsed<ParsedNode>[];
  try {
    const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
    documents = Array.isArray(parsed) ? [...parsed] : [];
  } catch (error) {
    if (error instanceof RangeError) throw fail("the values are nested too deeply", 0);
    throw error;
  }
  if (documents.length === 0) throw fail("a recipe is expected, got an empty file", 0);
  return documents.map((document) => {
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault) throw fail(`this is not plain YAML: ${fault.message}`, fault.pos[0]);
    visit(document, (_key, node, parents) => {
      if (parents.length > 2 * MAX_DEPTH) throw fail("the values are nested too deeply", 0);
      const place = node as Node & { anchor?: string };
      if (isAlias(node) || place?.anchor) {
        throw fail("anchors and aliases are not taken; write the value out", place.range?.[0] ?? 0);
      }
    });
    return new Place(document.contents, lines, file, "", document.range?.[0] ?? 0);
  });
}
