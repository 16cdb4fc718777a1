// The small language of the clips: its words, and captions as the tokens that a model reads. It knows no picture.
import { TesseraError } from "../../../../base/errors";

/** Tokens of one caption: one attention block, so that the text sink is a block of its own (paper 4.3). */
export const TEXT_TOKENS = 64;

export const KINDS = ["circle", "ring", "square", "triangle", "cross"] as const;
export const COLOURS = ["red", "orange", "yellow", "green", "cyan", "blue", "magenta", "white"] as const;
export const SIZES = ["small", "large"] as const;
export const MOTIONS = ["stays", "bounces", "drifts", "rotates", "orbits"] as const;
export const DIRECTIONS = ["left", "right", "up", "down"] as const;
export const BACKDROPS = ["dark", "light"] as const;
export const PATTERNS = ["plain", "striped"] as const;

export type Kind = (typeof KINDS)[number];
export type Colour = (typeof COLOURS)[number];
export type Direction = (typeof DIRECTIONS)[number];

/** Token 0 fills the rest of a caption, and the whole of it where a model is to ignore the condition. */
const PAD = "";
export const PAD_TOKEN = 0;

/** Place in this list is the token. Trained weights depend on it: add at the end only. */
export const WORDS: readonly string[] = [
  PAD,
  ...SIZES,
  ...COLOURS,
  ...KINDS,
  ...MOTIONS,
  ...DIRECTIONS,
  ...BACKDROPS,
  ...PATTERNS,
  "behind",
  "and",
  "backdrop",
  "camera",
  "pans",
];

const TOKENS = new Map(WORDS.map((word, token) => [word, token]));

/**
 * Tokens u32 [64] of a caption, padded with 0; commas and case do not count. An empty caption is "no condition".
 * @throws TesseraError `caption` for words that no clip has, or more than 64.
 */
export function encodeCaption(caption: string): Uint32Array<ArrayBuffer> {
  const words = caption
    .toLowerCase()
    .split(/[\s,.]+/)
    .filter(Boolean);
  const unknown = words.filter((word) => !TOKENS.has(word));
  if (unknown.length)
    throw new TesseraError(
      "caption",
      `The clips have no word "${unknown[0]}"; they know ${WORDS.slice(1).join(", ")}.`,
      { unknown },
    );
  if (words.length > TEXT_TOKENS)
    throw new TesseraError(
      "caption",
      `A caption has at most ${TEXT_TOKENS} words, got ${words.length}; shorten it.`,
    );
  const tokens = new Uint32Array(TEXT_TOKENS).fill(PAD_TOKEN);
  for (const [i, word] of words.entries()) tokens[i] = TOKENS.get(word)!;
  return tokens;
}

/** The words of a caption's tokens, without padding. */
export function decodeCaption(tokens: ArrayLike<number>): string {
  return Array.from(tokens, (token) => WORDS[token] ?? "")
    .filter(Boolean)
    .join(" ");
}
