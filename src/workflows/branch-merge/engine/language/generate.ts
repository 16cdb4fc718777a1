// Writes on from a prompt: prefill, then a word at a time until the model ends, a stop text comes or there is no more room.
import { TesseraError } from "../../../../base/errors";
import { Random } from "../../../../base/random";
import type { TaskContext } from "../../../../base/task";
import { scoped } from "../../../../tensor/scope";
import type { Generated, GenerateParams, LanguageEvents } from "../../protocol-language";
import { makeDecoder } from "./decoder";
import type { Language } from "./load";
import { sampleWord } from "./sampling";
import { textStream } from "./text-stream";

/** The first step compiles and the second is recorded; the rate is of those after them. */
const WARM_STEPS = 2;

/** `words`: the prompt, at least one. Pieces of text are events. @throws TesseraError `context` for a prompt too long. */
export async function generate(
  { gpu, model, coder, info }: Language,
  words: readonly number[],
  { maxTokens, seed, stop, ...sampling }: Omit<GenerateParams, "weights">,
  context: TaskContext<LanguageEvents>,
): Promise<Generated> {
  const room = model.config.context;
  if (words.length === 0)
    throw new TesseraError("params", "The prompt has no tokens; write at least a word to go on from");
  if (words.length > room)
    throw new TesseraError(
      "context",
      `The prompt has ${words.length} tokens, the model was made for ${room}; shorten it`,
      { asked: words.length, capacity: room },
    );
  return scoped(gpu, async () => {
    const decoder = makeDecoder(gpu, model, Math.min(room, words.length + maxTokens));
    try {
      const random = new Random(seed);
      const written: number[] = [...words];
      const stream = textStream(coder.decode, stop ? [stop.replaceAll("\\n", "\n")] : []);
      let text = "";
      const give = (piece: string): void => {
        if (piece) context.emit("text", { piece });
        text += piece;
      };
      const started = performance.now();
      let logits = await decoder.add(words, context.signal);
      const promptSeconds = (performance.now() - started) / 1000;
      let warm = performance.now();
      let reason: Generated["reason"] | undefined;
      while (!reason) {
        await context.gate();
        const word = sampleWord(logits, sampling, written, random);
        if (coder.ends.has(word)) {
          reason = "end";
          break;
        }
        written.push(word);
        const count = written.length - words.length;
        give(stream.push(word));
        context.report({ done: count, total: maxTokens, what: `Writing: ${oneLine(text)}` });
        if (stream.isStopped) reason = "stop";
        else if (count >= maxTokens) reason = "length";
        else if (decoder.length >= room) reason = "context";
        else logits = await decoder.add([word], context.signal);
        if (count === WARM_STEPS) warm = performance.now();
      }
      give(stream.finish());
      const newTokens = written.length - words.length;
      const steps = decoder.length - words.length - WARM_STEPS;
      const seconds = (performance.now() - warm) / 1000;
      return {
        ...{ model: info, text, reason, newTokens, cacheBytes: decoder.cacheBytes },
        promptTokens: words.length,
        promptRate: words.length / promptSeconds,
        rate: steps > 0 ? steps / seconds : null,
      };
    } finally {
      decoder.dispose();
    }
  });
}

const oneLine = (text: string): string => text.slice(-60).replace(/\s+/g, " ");
