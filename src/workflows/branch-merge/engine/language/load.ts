// A model folder as something that runs: configuration, weights on the device, tokenizer.
import type { TaskContext } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import type { LoadedModel } from "../../protocol-language";
import type { Model } from "../model/open";
import { readLanguageConfig } from "./config";
import { type LanguageModel, makeLanguageModel } from "./forward";
import { openTextCoder, type TextCoder } from "./text-coder";
import { loadWeights, type StorageChoice } from "./weights";

export interface Language {
  gpu: Gpu;
  model: LanguageModel;
  coder: TextCoder;
  info: LoadedModel;
}

/** Tensors belong to the current scope. @throws TesseraError as `readLanguageConfig`, `loadWeights`, `openTextCoder`. */
export async function loadLanguage(
  gpu: Gpu,
  folder: Model,
  options: { storage: StorageChoice; context: TaskContext },
): Promise<Language> {
  const started = performance.now();
  const config = readLanguageConfig(folder.config.json, folder.name);
  const coder = await openTextCoder(folder);
  const weights = await loadWeights(gpu, folder, config, options);
  const { architecture } = config;
  const { storage, bytes: weightBytes } = weights;
  const seconds = (performance.now() - started) / 1000;
  return {
    gpu,
    model: makeLanguageModel(gpu, config, weights),
    coder,
    info: { name: folder.name, architecture, storage, weightBytes, seconds },
  };
}
