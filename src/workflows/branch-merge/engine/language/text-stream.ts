// Tokens as they come, text as soon as it is certain: bytes of an unfinished character and what may become a stop text are
// held back. Pure strings; it knows no model.

export interface TextStream {
  /** Adds a token and gives the text that became certain. */
  push(id: number): string;
  /** What was held back, when no more tokens come. */
  finish(): string;
  /** A stop text came; it and what followed are not given out. */
  readonly isStopped: boolean;
}

export function textStream(
  decode: (ids: readonly number[]) => string,
  stops: readonly string[] = [],
): TextStream {
  const ids: number[] = [];
  // Text of a token depends on those before it (spaces at word starts), so two windows that begin at the same token are
  // compared. `begin`: where they begin; `read`: tokens whose text was given out.
  let begin = 0;
  let read = 0;
  let held = "";
  let isStopped = false;

  const decoded = (isLast: boolean): string => {
    const before = decode(ids.slice(begin, read));
    const after = decode(ids.slice(begin));
    if (after.length <= before.length || (!isLast && after.endsWith("\ufffd"))) return "";
    begin = read;
    read = ids.length;
    return after.slice(before.length);
  };
  const release = (isLast: boolean): string => {
    held += decoded(isLast);
    const at = stops.map((stop) => held.indexOf(stop)).filter((i) => i >= 0);
    if (at.length) {
      isStopped = true;
      return take(Math.min(...at));
    }
    return take(isLast ? held.length : held.length - longestBeginning(held, stops));
  };
  const take = (count: number): string => {
    const text = held.slice(0, count);
    held = held.slice(count);
    return text;
  };

  return {
    push(id) {
      if (isStopped) return "";
      ids.push(id);
      return release(false);
    },
    finish: () => (isStopped ? "" : release(true)),
    get isStopped() {
      return isStopped;
    },
  };
}

/** Length of the longest end of `text` with which a stop text begins. */
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops)
    for (let n = Math.min(stop.length - 1, text.length); n > longest; n--)
      if (text.endsWith(stop.slice(0, n))) longest = n;
  return longest;
}
