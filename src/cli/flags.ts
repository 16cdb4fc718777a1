// Turns command-line words into parameter values by their declaration. It knows no workflow and prints nothing.
import { TesseraError } from "../base/errors";
import { type ParamSpec, type ParamValues, parseValue, validate } from "../base/params";

/** Wrong use of the command line: the exit status is 2 and the usage text is shown. */
export const usageError = (message: string, fields = {}): TesseraError =>
  new TesseraError("usage", message, fields);

/** `blockSize` → `block-size`. */
export const flagName = (param: string): string => param.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

export interface Parsed<S extends ParamSpec> {
  values: ParamValues<S>;
  files: string[];
}

/**
 * Reads `--flag value`, `--flag=value`, `--flag` and `--no-flag` for yes-or-no parameters, and everything else as
 * files; words after `--` are always files. Flags missing on the line keep their defaults.
 * @throws TesseraError `usage` for an unknown, doubled or incomplete flag, `params` for a value out of range.
 */
export function parseFlags<S extends ParamSpec>(spec: S, words: readonly string[]): Parsed<S> {
  const byFlag = new Map(Object.keys(spec).map((name) => [flagName(name), name]));
  const values: Record<string, unknown> = {};
  const files: string[] = [];
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === "--") {
      files.push(...left);
      break;
    }
    if (!word.startsWith("--")) {
      files.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const flag = word.slice(2, equals < 0 ? undefined : equals);
    let inline = equals < 0 ? undefined : word.slice(equals + 1);
    let name = byFlag.get(flag);
    const negated = name === undefined && flag.startsWith("no-") ? byFlag.get(flag.slice(3)) : undefined;
    if (negated && spec[negated].kind === "bool" && inline === undefined) {
      name = negated;
      inline = "false";
    }
    if (name === undefined)
      throw unknownWord(
        "flag",
        `--${flag}`,
        [...byFlag.keys()].map((f) => `--${f}`),
      );
    if (name in values) throw usageError(`--${flagName(name)} is given twice`, { flag: flagName(name) });
    const param = spec[name];
    if (inline === undefined && param.kind === "bool") inline = "true";
    if (inline === undefined && left[0] !== undefined && !left[0].startsWith("--")) inline = left.shift();
    if (inline === undefined) throw usageError(`--${flag} needs a value`, { flag });
    values[name] = parseValue(`--${flagName(name)}`, param, inline);
  }
  return { values: validate(spec, values), files };
}

/** An error for a word that is not in the list, with the nearest one that is. */
export function unknownWord(kind: string, got: string, known: readonly string[]): TesseraError {
  const nearest = nearestWord(got, known);
  const hint = nearest ? `; did you mean ${nearest}?` : known.length ? `; known are ${known.join(", ")}` : "";
  return usageError(`There is no ${kind} ${got}${hint}`, { got, nearest: nearest ?? null });
}

/** The known word with the fewest edits, when these are at most a third of its length (and at least 2 are allowed). */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestEdits = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const edits = editDistance(word, candidate);
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  return best !== undefined && bestEdits <= Math.max(2, best.length / 3) ? best : undefined;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/**
 * Checks the number of files against their names; `[NAME]` may be left out, `NAME...` stands for one or more.
 * @throws TesseraError `usage`.
 */
export function checkFiles(names: readonly string[], files: readonly string[]): void {
  const needed = names.filter((n) => !n.startsWith("["));
  if (files.length < needed.length) throw usageError(`${needed.slice(files.length).join(" ")} is missing`);
  if (!names.some((n) => n.includes("...")) && files.length > names.length) {
    throw usageError(`${files[names.length]} is one file too many; ${names.join(" ") || "no file"} is taken`);
  }
}
