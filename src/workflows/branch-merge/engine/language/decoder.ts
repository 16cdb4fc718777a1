// A text that grows: a prompt at once, then word by word, over a cache of keys and values. A step records the same work each
// time, so it is captured once and replayed; what changes, the word and its place, lies in two small tensors.
import { assert, TesseraError } from "../../../../base/errors";
import type { Gpu } from "../../../../gpu/gpu";
import { replayed } from "../../../../nn/replayed";
import { copyInto } from "../../../../tensor/copy";
import { scoped } from "../../../../tensor/scope";
import { empty, type Tensor, upload } from "../../../../tensor/tensor";
import { cachedAttention, makeCache } from "./cache";
import { hiddenStates, type LanguageModel, lastRow, logitsOf } from "./forward";

export interface Decoder {
  /** Tokens in the cache. */
  readonly length: number;
  readonly capacity: number;
  /** Bytes of keys and values. */
  readonly cacheBytes: number;
  /** Dispatches of a replayed step; 0 until it is captured. */
  readonly dispatches: number;
  /**
   * Adds words and gives the logits after the last one. One word is a replayed step, several are done at once, in pieces.
   * @throws TesseraError `context` when they do not fit.
   */
  add(words: readonly number[], signal?: AbortSignal): Promise<Float32Array>;
  /** Forgets all tokens but the first ones. */
  cut(length: number): void;
  /** Gives the recorded step back. Tensors belong to the scope in which the decoder was made. */
  dispose(): void;
}

/** Words of a prompt that are done at once: their activations stay small beside the weights. */
const PIECE = 512;

/** The tensors belong to the current scope. */
export function makeDecoder(gpu: Gpu, model: LanguageModel, capacity: number, piece = PIECE): Decoder {
  const { config } = model;
  const cache = makeCache(gpu, config, capacity);
  const word = empty(gpu, [1], "u32", "word");
  const place = empty(gpu, [1], "u32", "place");
  const logits = empty(gpu, [1, config.vocabulary], "f32", "logits");
  let length = 0;

  const run = (words: Tensor, start: Tensor, positions: Tensor, isBeginning: boolean): Tensor =>
    hiddenStates(model, words, positions, cachedAttention(config, cache, start, { isBeginning }));
  const step = replayed(gpu, () => {
    copyInto(logitsOf(model, run(word, place, place.reshape([1, 1]), false)), logits);
  });
  const set = (target: Tensor, value: number): void =>
    gpu.queue.record({
      kind: "write",
      target: target.allocation,
      offset: 0,
      data: new Uint8Array(Uint32Array.of(value).buffer),
    });

  const prefill = (words: readonly number[], isLast: boolean, signal?: AbortSignal): Promise<void> =>
    scoped(gpu, async () => {
      const start = upload(gpu, [length], [1], "u32");
      const places = words.map((_, i) => length + i);
      const positions = upload(gpu, places, [words.length, 1], "u32");
      const hidden = run(upload(gpu, words, [words.length], "u32"), start, positions, length === 0);
      if (isLast) copyInto(logitsOf(model, lastRow(hidden)), logits);
      await gpu.flush(signal ? { signal } : {});
    });

  return {
    get length() {
      return length;
    },
    capacity,
    cacheBytes: cache.bytes,
    get dispatches() {
      return step.recording?.dispatches ?? 0;
    },
    async add(words, signal) {
      assert(words.length > 0, "no words were added");
      if (length + words.length > capacity)
        throw new TesseraError(
          "context",
          `${length + words.length} tokens were asked for, there is room for ${capacity}; shorten the text or raise the context`,
          { asked: length + words.length, capacity },
        );
      const unknown = words.find((id) => !(id >= 0 && id < config.vocabulary));
      if (unknown !== undefined)
        throw new TesseraError(
          "tokenizer",
          `The tokenizer gives token ${unknown}, the model knows ${config.vocabulary}; they do not belong together`,
        );
      if (words.length === 1) {
        set(word, words[0]);
        set(place, length);
        await step.run(signal);
        length++;
      }
      for (let at = 0; at < words.length && words.length > 1; at += piece) {
        const some = words.slice(at, at + piece);
        await prefill(some, at + piece >= words.length, signal);
        length += some.length;
      }
      return logits.readFloats();
    },
    cut(to) {
      assert(to >= 0 && to <= length, `a text of ${length} tokens was cut to ${to}`);
      length = to;
    },
    dispose: () => step.dispose(),
  };
}
