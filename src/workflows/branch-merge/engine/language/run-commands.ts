// Running models from the command line: writing on from a prompt, judging a text.
import { TesseraError } from "../../../../base/errors";
import type { TaskContext } from "../../../../base/task";
import { scoped } from "../../../../tensor/scope";
import type { CommandHost } from "../../../define";
import type { Generated, Perplexity, PerplexityParams } from "../../protocol-language";
import { openModel } from "../model/open";
import type { GenerateFlags } from "./commands";
import { generate } from "./generate";
import { type Language, loadLanguage } from "./load";
import { perplexity } from "./perplexity";
import type { ChatMessage } from "./text-coder";
import type { StorageChoice } from "./weights";

interface Args<P> {
  params: P;
  files: readonly string[];
}

export async function runGenerate(
  { params: { weights, prompt, chat, system, ...settings }, files }: Args<GenerateFlags>,
  host: CommandHost,
  context: TaskContext,
): Promise<Generated> {
  if ((prompt === "") === (chat === ""))
    throw new TesseraError("params", "Either --prompt or --chat is needed");
  return withLanguage(host, files[0], weights, context, async (language) => {
    const { coder } = language;
    const messages: ChatMessage[] = [{ role: "user", content: unescaped(chat) }];
    if (system) messages.unshift({ role: "system", content: unescaped(system) });
    const words = chat ? coder.encode(coder.chat(messages), { bare: true }) : coder.encode(unescaped(prompt));
    // Pieces of text are for the page; here the progress line shows the end of it.
    return generate(language, words, settings, { ...context, emit: () => {} });
  });
}

export async function runPerplexity(
  { params: { weights, ...settings }, files }: Args<PerplexityParams>,
  host: CommandHost,
  context: TaskContext,
): Promise<Perplexity> {
  const source = await host.open(files[1]);
  const text = new TextDecoder().decode(await source.read(0, source.size));
  return withLanguage(host, files[0], weights, context, (language) =>
    perplexity(language, language.coder.encode(text), settings, context),
  );
}

async function withLanguage<R>(
  host: CommandHost,
  folder: string,
  storage: StorageChoice,
  context: TaskContext,
  body: (language: Language) => Promise<R>,
): Promise<R> {
  const model = await openModel(await host.folder(folder));
  const gpu = await host.gpu();
  return scoped(gpu, async () => body(await loadLanguage(gpu, model, { storage, context })));
}

const unescaped = (words: string): string => words.replaceAll("\\n", "\n");
