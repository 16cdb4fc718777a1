// Running models from the command line: writing on from a prompt, judging a text.
import { TesseraError } from "../../../../base/errors";
import { text } from "../../../../base/params";
import type { TaskContext } from "../../../../base/task";
import { scoped } from "../../../../tensor/scope";
import { type Command, type CommandHost, defineCommand } from "../../../define";
import { generateParams, perplexityParams } from "../../protocol-language";
import { openModel } from "../model/open";
import { generate } from "./generate";
import { type Language, loadLanguage } from "./load";
import { perplexity } from "./perplexity";
import type { ChatMessage } from "./text-coder";
import type { StorageChoice } from "./weights";

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

const generateCommand = defineCommand({
  summary: "Writes on from a prompt, or answers it where --chat is given",
  files: ["MODEL_FOLDER"],
  params: {
    ...generateParams,
    prompt: text("", { help: "The text to go on from; \\n is a new line" }),
    chat: text("", { help: "A message to answer, put into the model's chat template; instead of a prompt" }),
    system: text("", { help: "With --chat: the system message" }),
  },
  async run({ params: { weights, prompt, chat, system, ...settings }, files }, host, context) {
    if ((prompt === "") === (chat === ""))
      throw new TesseraError("params", "Either --prompt or --chat is needed");
    return withLanguage(host, files[0], weights, context, async (language) => {
      const { coder } = language;
      const messages: ChatMessage[] = [{ role: "user", content: unescaped(chat) }];
      if (system) messages.unshift({ role: "system", content: unescaped(system) });
      const words = chat
        ? coder.encode(coder.chat(messages), { bare: true })
        : coder.encode(unescaped(prompt));
      // Pieces of text are for the page; here the progress line shows the end of it.
      return generate(language, words, settings, { ...context, emit: () => {} });
    });
  },
});

const perplexityCommand = defineCommand({
  summary: "Judges how well a model foretells a text: exp of the mean loss over its tokens",
  files: ["MODEL_FOLDER", "TEXT_FILE"],
  params: perplexityParams,
  async run({ params: { weights, ...settings }, files }, host, context) {
    const source = await host.open(files[1]);
    const judged = new TextDecoder().decode(await source.read(0, source.size));
    return withLanguage(host, files[0], weights, context, (language) =>
      perplexity(language, language.coder.encode(judged), settings, context),
    );
  },
});

const unescaped = (words: string): string => words.replaceAll("\\n", "\n");

export const languageCommands: Readonly<Record<string, Command>> = {
  generate: generateCommand,
  perplexity: perplexityCommand,
};
