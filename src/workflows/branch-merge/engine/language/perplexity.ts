// How well a model foretells a text: windows that overlap, each token judged once with as much before it as its window has.
import { TesseraError } from "../../../../base/errors";
import type { TaskContext } from "../../../../base/task";
import { crossEntropy } from "../../../../ops/cross-entropy";
import { sliceAxis } from "../../../../ops/slice";
import { scoped } from "../../../../tensor/scope";
import { upload } from "../../../../tensor/tensor";
import type { Perplexity, PerplexityParams } from "../../protocol-language";
import { causalAttention, hiddenStates, logitsOf } from "./forward";
import type { Language } from "./load";

/** Bytes of logits that are held at a time. */
const LOGIT_BYTES = 64 << 20;

/** One window: tokens [begin, end), of which the last `judged` are foretold from those before them. */
export interface Window {
  begin: number;
  end: number;
  judged: number;
}

/** Every token but the first of the text is judged in exactly one window. `stride` is shorter than the window. */
export function windowsOf(tokens: number, window: number, stride: number): Window[] {
  const found: Window[] = [];
  let seen = 0;
  for (let begin = 0; seen < tokens; begin += stride) {
    const end = Math.min(begin + window, tokens);
    found.push({ begin, end, judged: Math.min(end - seen, end - begin - 1) });
    seen = end;
  }
  return found;
}

/** @throws TesseraError `params` for a text, or a window, of fewer than two tokens. */
export async function perplexity(
  { gpu, model, info }: Pick<Language, "gpu" | "model" | "info">,
  words: readonly number[],
  settings: Omit<PerplexityParams, "weights">,
  context: TaskContext,
): Promise<Perplexity> {
  const window = Math.min(settings.window, model.config.context);
  const stride = Math.min(settings.stride || Math.floor(window / 2), window - 1);
  if (words.length < 2 || window < 2)
    throw new TesseraError(
      "params",
      `The text has ${words.length} tokens, a window ${window}; two are the least to judge one`,
    );
  const windows = windowsOf(words.length, window, stride);
  const rows = Math.max(1, Math.floor(LOGIT_BYTES / (4 * model.config.vocabulary)));
  let [total, judged] = [0, 0];
  const started = performance.now();
  for (const { begin, end, judged: count } of windows) {
    await context.gate();
    total += await scoped(gpu, async () => {
      const length = end - begin;
      const tokens = upload(gpu, words.slice(begin, end), [length], "u32");
      const positions = upload(
        gpu,
        Array.from({ length }, (_, i) => i),
        [length, 1],
        "u32",
      );
      const hidden = hiddenStates(model, tokens, positions, causalAttention(model));
      let sum = 0;
      for (let at = length - 1 - count; at < length - 1; at += rows) {
        const to = Math.min(at + rows, length - 1);
        sum += await scoped(gpu, async () => {
          const next = upload(gpu, words.slice(begin + at + 1, begin + to + 1), [to - at], "u32");
          const losses = crossEntropy(logitsOf(model, sliceAxis(hidden, 0, at, to)), next);
          return (await losses.readFloats()).reduce((a, b) => a + b, 0);
        });
      }
      return sum;
    });
    judged += count;
    const soFar = Math.exp(total / judged).toPrecision(5);
    context.report({ done: end, total: words.length, what: `Perplexity of ${judged} tokens: ${soFar}` });
  }
  const loss = total / judged;
  return {
    ...{ model: info, perplexity: Math.exp(loss), loss, judged, window, stride },
    tokens: words.length,
    windows: windows.length,
    rate: (1000 * windows.reduce((sum, w) => sum + w.end - w.begin, 0)) / (performance.now() - started),
  };
}
