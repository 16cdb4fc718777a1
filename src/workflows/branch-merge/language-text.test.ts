// Tokenizers and chat templates of model folders against transformers, on a text of many scripts; text as it streams.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type ChatMessage, openTextCoder } from "./engine/language/text-coder";
import { textStream } from "./engine/language/text-stream";
import { openModel } from "./engine/model/open";
import { languageFolder, tokenizerFiles } from "./golden-language";

interface Said {
  texts: { text: string; ids: number[]; bare: number[]; back: string }[];
  chats: { messages: ChatMessage[]; prompt: boolean; text: string; ids: number[] }[];
}

const coderOf = async (name: string, more = tokenizerFiles(name), change = {}) =>
  openTextCoder(await openModel(await languageFolder(name, { more, change })));

describe.each(["qwen2", "llama", "mistral"])("the tokenizer of %s", async (name) => {
  const said: Said = JSON.parse(
    readFileSync(new URL(`golden-language/tokenizer-${name}/said.json`, import.meta.url), "utf8"),
  );
  const coder = await coderOf(name);
  test.each(said.texts)(
    "%#: tokens and text are those of transformers: $text",
    ({ text, ids, bare, back }) => {
      expect(coder.encode(text)).toEqual(ids);
      expect(coder.encode(text, { bare: true })).toEqual(bare);
      expect(coder.decode(ids)).toBe(back);
    },
  );

  test.each(said.chats)(
    "%#: the chat template gives what it does in transformers",
    ({ messages, prompt, text, ids }) => {
      expect(coder.chat(messages, { prompt })).toBe(text);
      expect(coder.encode(text, { bare: true })).toEqual(ids);
    },
  );

  test("text that streams is the text as a whole, and no piece ends within a character", () => {
    for (const { ids, back } of said.texts) {
      const stream = textStream(coder.decode);
      const pieces = ids.map((id) => stream.push(id));
      expect(pieces.join("")).not.toContain("\ufffd");
      expect([...pieces, stream.finish()].join("")).toBe(back);
    }
  });
});

test("the tokens that end a text come from all three files", async () => {
  const files = tokenizerFiles("qwen2");
  expect([...(await coderOf("qwen2")).ends]).toEqual([2]);
  const generation = new TextEncoder().encode(JSON.stringify({ eos_token_id: [7, 2] }));
  const more = { ...files, "generation_config.json": generation };
  expect([...(await coderOf("qwen2", more, { eos_token_id: 9 })).ends]).toEqual([7, 2, 9]);
});

test("templates in the older files are found; without one a chat is refused, and a template's own words are shown", async () => {
  const { "chat_template.jinja": template, ...files } = tokenizerFiles("llama");
  const text = new TextDecoder().decode(template);
  const messages: ChatMessage[] = [{ role: "user", content: "Hi" }];
  const wanted = (await coderOf("llama")).chat(messages);
  const json = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const settings = JSON.parse(new TextDecoder().decode(files["tokenizer_config.json"]));
  const named = [
    { name: "tools", template: "no" },
    { name: "default", template: text },
  ];
  for (const more of [
    { ...files, "chat_template.json": json({ chat_template: text }) },
    { ...files, "tokenizer_config.json": json({ ...settings, chat_template: named }) },
  ])
    expect((await coderOf("llama", more)).chat(messages)).toBe(wanted);
  const bare = await coderOf("llama", files);
  expect(bare.hasChat).toBe(false);
  expect(() => bare.chat(messages)).toThrow(
    "The model has no chat template; give it a text to go on with: llama",
  );
  const tool = [{ role: "tool", content: "x" } as unknown as ChatMessage];
  const coder = await coderOf("llama");
  expect(() => coder.chat(tool)).toThrow("No such role: tool");
});

test("a folder without a tokenizer, or with another thing in its place, is refused", async () => {
  await expect(coderOf("llama", {})).rejects.toThrow("There is no tokenizer.json");
  const wrong = { "tokenizer.json": new TextEncoder().encode('{"model":{"type":"What"}}') };
  await expect(coderOf("llama", wrong)).rejects.toThrow("tokenizer.json cannot be read");
});

test("a stop text ends the stream before itself, also across tokens; its beginnings are held back", () => {
  const words = ["One", " tw", "o th", "ree\nU", "ser", ": x"];
  const decode = (ids: readonly number[]): string => ids.map((id) => words[id]).join("");
  const stream = textStream(decode, ["\nUser:", "never"]);
  expect(words.map((_, id) => stream.push(id))).toEqual(["O", "ne tw", "o th", "ree", "", ""]);
  expect([stream.isStopped, stream.finish()]).toEqual([true, ""]);
  const open = textStream(decode, ["\nUsers"]);
  const pieces = [0, 1, 2, 3].map((id) => open.push(id));
  expect([...pieces, open.finish()]).toEqual(["One", " tw", "o th", "ree", "\nU"]);
});
