// The small files of a merged model: config.json, tokenizer, model card. They come after the weights.
import { TesseraError } from "../../../../base/errors";
import { readSmallFile } from "../../../../formats/folder";
import { isObject, type JsonObject, LAYER_KEYS, readJson, textPart } from "../model/config";
import { TOKENIZER_FILES } from "../model/tokenizer";
import type { Plan } from "../plan/plan";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

/** The files in the order in which they are to be written; config.json, which makes a folder a model, is the last. */
export async function smallFiles(plan: Plan, recipe: string): Promise<[string, Uint8Array][]> {
  const files = await tokenizerFiles(plan);
  files.push(["README.md", new TextEncoder().encode(modelCard(plan, recipe))]);
  const config = outputConfig(plan);
  if (config) files.push(["config.json", json(config)]);
  return files;
}

/** The donor's config with the element type, the number of layers and of tokens that the output has. */
export function outputConfig(plan: Plan): JsonObject | undefined {
  const { model } = plan.models[plan.donor];
  if (!model.config.json) return undefined;
  const config = structuredClone(model.config.json);
  const part = textPart(config);
  const dtype = plan.recipe.outDtype ?? plan.recipe.dtype;
  if (dtype) {
    const key = "dtype" in part || "dtype" in config ? "dtype" : "torch_dtype";
    for (const place of new Set([config, part])) if (place === config || key in place) place[key] = dtype;
  }
  for (const key of LAYER_KEYS) if (key in part && plan.layers.length) part[key] = plan.layers.length;
  if (Array.isArray(part.layer_types) && plan.layers.length) {
    part.layer_types = plan.layers.map(({ model: at, layer }) => {
      const own = plan.models[at].model.config.json;
      const types = own && textPart(own).layer_types;
      return Array.isArray(types) ? types[layer] : null;
    });
  }
  const embedding = plan.tensors.find((tensor) => tensor.name === model.embedding);
  for (const place of [config, part])
    if (embedding && "vocab_size" in place) place.vocab_size = embedding.shape[0];
  if (!plan.isTied && model.config.isTied)
    for (const place of [config, part]) if ("tie_word_embeddings" in place) place.tie_word_embeddings = false;
  return config;
}

async function tokenizerFiles(plan: Plan): Promise<[string, Uint8Array][]> {
  const { recipe, vocabulary } = plan;
  const { folder } = plan.models[vocabulary?.donor ?? plan.donor].model;
  const present = new Set((await folder.list()).map((file) => file.name));
  const files = new Map<string, Uint8Array>();
  for (const name of TOKENIZER_FILES)
    if (present.has(name)) files.set(name, await readSmallFile(folder, name));
  if (vocabulary) {
    files.set("tokenizer.json", json(vocabulary.tokenizer.json));
    // These tell the old vocabulary; tokenizer.json alone holds the new one.
    for (const name of ["added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model"])
      files.delete(name);
    const config = await readJson(folder, "tokenizer_config.json");
    if (config && isObject(config.added_tokens_decoder)) {
      const decoder: JsonObject = {};
      for (const { id, content, ...rest } of vocabulary.tokenizer.added.values())
        decoder[String(id)] = { content, ...rest };
      files.set("tokenizer_config.json", json({ ...config, added_tokens_decoder: decoder }));
    }
  }
  if (recipe.chatTemplate) await setTemplate(plan, recipe.chatTemplate, files);
  return [...files];
}

/** The one named template that is a public format of one line; others must be written out. */
const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

async function setTemplate(plan: Plan, wanted: string, files: Map<string, Uint8Array>): Promise<void> {
  const text = await chatTemplate(plan, wanted);
  if (text === undefined) return;
  const bytes = files.get("tokenizer_config.json");
  const config = bytes ? (JSON.parse(new TextDecoder().decode(bytes)) as JsonObject) : {};
  files.set("tokenizer_config.json", json({ ...config, chat_template: text }));
  files.delete("chat_template.jinja");
  files.delete("chat_template.json");
}

/** @throws TesseraError `recipe` for a name that is not known. */
async function chatTemplate(plan: Plan, wanted: string): Promise<string | undefined> {
  if (wanted === "chatml") return CHATML;
  if (wanted !== "auto") {
    if (wanted.includes("{")) return wanted;
    throw new TesseraError(
      "recipe",
      `chat_template: auto, chatml or a Jinja template is expected, got “${wanted}”; write the template out: ${plan.recipe.where}`,
    );
  }
  const votes = new Map<string, number>();
  for (const { model } of plan.models) {
    const text = await ownTemplate(model.folder);
    if (text) votes.set(text, (votes.get(text) ?? 0) + 1);
  }
  return [...votes].sort((a, b) => b[1] - a[1])[0]?.[0];
}

async function ownTemplate(folder: Plan["models"][number]["model"]["folder"]): Promise<string | undefined> {
  if ((await folder.list()).some((file) => file.name === "chat_template.jinja"))
    return new TextDecoder().decode(await readSmallFile(folder, "chat_template.jinja")).trim();
  const template = (await readJson(folder, "tokenizer_config.json"))?.chat_template;
  return typeof template === "string" ? template.trim() : undefined;
}

function modelCard(plan: Plan, recipe: string): string {
  const { method, models, mode, donor, notes } = plan;
  const fence = recipe.includes("```") ? "~~~~" : "```";
  return `---
library_name: transformers
tags:
- merge
---
# A merge of ${models.length} ${models.length === 1 ? "model" : "models"}

Made with Tessera in the browser or by its command line, method \`${method.id}\` (${method.title}), ${mode} mode. Settings and
tokenizer come from \`${models[donor].ref.text}\`.

Method: ${method.formula}. Source: ${method.source}.

Models:

${models.map(({ ref, model }) => `- \`${ref.text}\` (${model.config.architecture ?? "architecture unknown"})`).join("\n")}
${notes.length ? `\nNotes:\n\n${notes.map((note) => `- ${note}`).join("\n")}\n` : ""}
Recipe:

${fence}yaml
${recipe.trim()}
${fence}
`;
}
