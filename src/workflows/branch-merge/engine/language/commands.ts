// The commands that run models: what they take. What they do is loaded when one is called, so that a merge, which needs
// no kernel, does not hold them all in memory.
import { type ParamValues, text } from "../../../../base/params";
import { type Command, defineCommand } from "../../../define";
import { generateParams, perplexityParams } from "../../protocol-language";

const generateFlags = {
  ...generateParams,
  prompt: text("", { help: "The text to go on from; \\n is a new line" }),
  chat: text("", { help: "A message to answer, put into the model's chat template; instead of a prompt" }),
  system: text("", { help: "With --chat: the system message" }),
};
export type GenerateFlags = ParamValues<typeof generateFlags>;

export const languageCommands: Readonly<Record<string, Command>> = {
  generate: defineCommand({
    summary: "Writes on from a prompt, or answers it where --chat is given",
    files: ["MODEL_FOLDER"],
    params: generateFlags,
    async run(args, host, context) {
      return (await import("./run-commands")).runGenerate(args, host, context);
    },
  }),
  perplexity: defineCommand({
    summary: "Judges how well a model foretells a text: exp of the mean loss over its tokens",
    files: ["MODEL_FOLDER", "TEXT_FILE"],
    params: perplexityParams,
    async run(args, host, context) {
      return (await import("./run-commands")).runPerplexity(args, host, context);
    },
  }),
};
