// From logits to a word: repetition penalty, temperature, top-k, top-p, min-p, in the order and with the edges that
// transformers has, then a seeded draw. On the CPU; a filter needs one sort of the logits.
import type { Random } from "../../../../base/random";

export interface SamplingSettings {
  /** 0 takes the most likely word; then no other setting but the penalty counts. */
  temperature: number;
  /** Keep so many of the most likely words; 0 keeps all. */
  topK: number;
  /** Keep the fewest words that hold this share; 1 keeps all. */
  topP: number;
  /** Keep words at least this likely, as a share of the most likely one; 0 keeps all. */
  minP: number;
  /** Logits of words that stand in the text already are divided by it (multiplied where negative); 1 does nothing. */
  repetition: number;
}

export interface Kept {
  words: Uint32Array;
  /** Of the same length; their sum is 1. */
  probabilities: Float64Array;
}

/** Index of the largest value, the first among equals. */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** Draws a word. `text`: the words so far, prompt included. */
export function sampleWord(
  logits: Float32Array,
  settings: SamplingSettings,
  text: Iterable<number>,
  random: Random,
): number {
  if (settings.temperature === 0) return mostLikely(penalised(logits, settings.repetition, text));
  const { words, probabilities } = keptWords(logits, settings, text);
  let left = random.uniform();
  for (let i = 0; i < words.length; i++) {
    left -= probabilities[i];
    if (left < 0) return words[i];
  }
  return words.at(-1)!; // rounding of the sum
}

/** The words that may be drawn, in order of their numbers, and how likely each is. Temperature above 0. */
export function keptWords(logits: Float32Array, settings: SamplingSettings, text: Iterable<number>): Kept {
  const { temperature, repetition } = settings;
  const scores = penalised(logits, repetition, text).map((v) => v / temperature);
  const sorted = scores.slice().sort();
  const count = keptCount(sorted, settings);
  const least = sorted[sorted.length - count];
  // Of words that are exactly as likely as the last one kept, as many as there is room for.
  let ties = count;
  for (let i = sorted.length - 1; i >= 0 && sorted[i] > least; i--) ties--;
  const words: number[] = [];
  for (let i = 0; i < scores.length; i++)
    if (scores[i] > least || (scores[i] === least && ties-- > 0)) words.push(i);
  const top = sorted[sorted.length - 1];
  const weights = Float64Array.from(words, (i) => Math.exp(scores[i] - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return { words: Uint32Array.from(words), probabilities: weights.map((w) => w / total) };
}

function penalised(logits: Float32Array, penalty: number, text: Iterable<number>): Float32Array {
  if (penalty === 1) return logits;
  const scores = logits.slice();
  for (const word of new Set(text))
    scores[word] = scores[word] < 0 ? scores[word] * penalty : scores[word] / penalty;
  return scores;
}

/** How many of the values at the end of `sorted` (ascending) pass the filters. */
function keptCount(sorted: Float32Array, { topK, topP, minP }: SamplingSettings): number {
  const n = sorted.length;
  const top = sorted[n - 1];
  let first = 0;
  if (topK > 0) {
    const least = sorted[Math.max(0, n - topK)]; // words equal to the k-th stay too
    while (sorted[first] < least) first++;
  }
  if (topP < 1) {
    let total = 0;
    for (let i = first; i < n; i++) total += Math.exp(sorted[i] - top);
    // The least likely go as long as together they hold no more than 1 - p.
    let gone = 0;
    while (first < n - 1) {
      gone += Math.exp(sorted[first] - top) / total;
      if (gone > 1 - topP) break;
      first++;
    }
  }
  if (minP > 0) {
    const least = top + Math.log(minP);
    while (first < n - 1 && sorted[first] < least) first++;
  }
  return n - first;
}
