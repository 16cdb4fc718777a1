// A strict JSON reader for file headers: refuses duplicate keys and deep nesting, which JSON.parse lets through.
import { TesseraError } from "../base/errors";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const MAX_DEPTH = 16;

/**
 * Parses a whole text. Linear time; recursion is bounded.
 * @throws TesseraError `file-corrupt` with the position of the fault.
 */
export function parseStrictJson(text: string, file: string): Json {
  let at = 0;
  const fail = (why: string): never => {
    throw new TesseraError(
      "file-corrupt",
      `The header is not valid JSON: ${why} at character ${at}: ${file}`,
      { at },
    );
  };
  const space = (): void => {
    while (at < text.length && " \t\n\r".includes(text[at])) at++;
  };
  const string = (): string => {
    const start = at++;
    while (at < text.length && text[at] !== '"') {
      if (text.charCodeAt(at) < 0x20) fail("a control character in a text");
      at += text[at] === "\\" ? 2 : 1;
    }
    if (at >= text.length) fail("an unfinished text");
    at++;
    try {
      return JSON.parse(text.slice(start, at)) as string;
    } catch {
      return fail("a bad escape");
    }
  };
  const list = (depth: number, close: string, item: () => void): void => {
    if (depth > MAX_DEPTH) fail(`nesting deeper than ${MAX_DEPTH}`);
    at++;
    space();
    if (text[at] === close) {
      at++;
      return;
    }
    for (;;) {
      item();
      space();
      if (text[at] === close) break;
      if (text[at] !== ",") fail(`“,” or “${close}” is missing`);
      at++;
      space();
    }
    at++;
  };
  const value = (depth: number): Json => {
    space();
    const c = text[at];
    if (c === '"') return string();
    if (c === "{") {
      const entries = new Map<string, Json>();
      list(depth, "}", () => {
        if (text[at] !== '"') fail("a key is missing");
        const key = string();
        if (entries.has(key)) fail(`the key “${key}” stands twice`);
        space();
        if (text[at] !== ":") fail("“:” is missing");
        at++;
        entries.set(key, value(depth + 1));
      });
      return Object.assign(Object.create(null) as { [key: string]: Json }, Object.fromEntries(entries));
    }
    if (c === "[") {
      const items: Json[] = [];
      list(depth, "]", () => void items.push(value(depth + 1)));
      return items;
    }
    const word =
      /^(?:true|false|null|-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?)(?![\w.+-])/.exec(
        text.slice(at, at + 72),
      )?.[0];
    if (word === undefined) return fail("a value is missing or malformed");
    at += word.length;
    return JSON.parse(word) as Json;
  };
  const result = value(0);
  space();
  if (at !== text.length) fail("something follows the end");
  return result;
}
