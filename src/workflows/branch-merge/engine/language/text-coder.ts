// Text to tokens and back, and chats to text, as a model folder describes them. The work is done by two libraries that are
// loaded with the first text; this file finds the settings that they need, and the tokens that end a text.
import type { Tokenizer } from "@huggingface/tokenizers";
import { readSmallFile } from "../../../../formats/folder";
import { isObject, type JsonObject, readJson } from "../model/config";
import type { Model } from "../model/open";
import { fault } from "./faults";

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface TextCoder {
  /** Tokens of a text; `bare` leaves out what the tokenizer puts around every text (a token that begins it). */
  encode(text: string, options?: { bare?: boolean }): number[];
  /** Text of tokens, without special ones. An incomplete character is U+FFFD. */
  decode(ids: readonly number[]): string;
  /** The chat as text, with the beginning of an answer unless told. @throws TesseraError `chat` as the template says. */
  chat(messages: readonly ChatMessage[], options?: { prompt?: boolean }): string;
  hasChat: boolean;
  /** Tokens that end a text or an answer. */
  ends: ReadonlySet<number>;
}

/** @throws TesseraError `model` when the folder has no tokenizer that can be read. */
export async function openTextCoder(model: Model): Promise<TextCoder> {
  const json = await readJson(model.folder, "tokenizer.json");
  if (!json)
    throw fault(
      "model",
      "There is no tokenizer.json; save the tokenizer with save_pretrained of a fast tokenizer",
      model.name,
    );
  const settings = (await readJson(model.folder, "tokenizer_config.json")) ?? {};
  const { Tokenizer } = await import("@huggingface/tokenizers");
  let tokenizer: Tokenizer;
  try {
    tokenizer = new Tokenizer(json, settings);
  } catch (error) {
    throw fault("model", `tokenizer.json cannot be read (${(error as Error).message})`, model.name);
  }
  const template = await readTemplate(model, settings);
  const render = template === undefined ? undefined : await renderer(template, settings, model.name);
  return {
    encode: (text, { bare = false } = {}) => tokenizer.encode(text, { add_special_tokens: !bare }).ids,
    decode: (ids) => (ids.length ? tokenizer.decode([...ids], { skip_special_tokens: true }) : ""),
    chat(messages, { prompt = true } = {}) {
      if (!render)
        throw fault("model", "The model has no chat template; give it a text to go on with", model.name);
      return render(messages, prompt);
    },
    hasChat: render !== undefined,
    ends: await readEnds(model, settings, tokenizer),
  };
}

/** A file of its own, as transformers 5 writes it, or in one of two JSON files, as those before it did. */
async function readTemplate(model: Model, settings: JsonObject): Promise<string | undefined> {
  const names = new Set((await model.folder.list()).map((file) => file.name));
  if (names.has("chat_template.jinja"))
    return new TextDecoder().decode(await readSmallFile(model.folder, "chat_template.jinja"));
  const own = (await readJson(model.folder, "chat_template.json"))?.chat_template ?? settings.chat_template;
  if (typeof own === "string") return own;
  if (!Array.isArray(own)) return undefined;
  const named = own.filter(isObject);
  const chosen = named.find((entry) => entry.name === "default") ?? named[0];
  return typeof chosen?.template === "string" ? chosen.template : undefined;
}

type Render = (messages: readonly ChatMessage[], prompt: boolean) => string;

async function renderer(template: string, settings: JsonObject, where: string): Promise<Render> {
  const { Template } = await import("@huggingface/jinja");
  const tokens = Object.fromEntries(
    ["bos_token", "eos_token", "unk_token", "pad_token"].map((key) => [key, tokenText(settings[key]) ?? ""]),
  );
  return (messages, prompt) => {
    try {
      return new Template(template).render({ ...tokens, messages, add_generation_prompt: prompt });
    } catch (error) {
      throw fault("model", `The chat template refuses this chat (${(error as Error).message})`, where);
    }
  };
}

/** A special token is its text, or an object that holds it. */
const tokenText = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : isObject(value) && typeof value.content === "string"
      ? value.content
      : undefined;

async function readEnds(
  model: Model,
  settings: JsonObject,
  tokenizer: Tokenizer,
): Promise<ReadonlySet<number>> {
  const generation = await readJson(model.folder, "generation_config.json");
  const listed = [generation?.eos_token_id, model.config.json?.eos_token_id].flat();
  const named = tokenizer.token_to_id(tokenText(settings.eos_token) ?? "");
  return new Set([...listed, named].filter((id): id is number => Number.isInteger(id)));
}
