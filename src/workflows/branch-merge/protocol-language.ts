// What the panel, the command line and the engine say to each other about running a model. Plain data only.
import { choice, float, int, type ParamValues, text } from "../../base/params";

export const languageParams = {
  weights: choice("file", ["file", "f32", "f16", "bf16", "int8"], {
    label: "Weights",
    help: "How weights are kept on the device; bytes have a scale for each row",
    labels: { file: "As in the file", int8: "8 bits" },
  }),
};

export const generateParams = {
  ...languageParams,
  maxTokens: int(128, { label: "Tokens", min: 1, max: 100_000, help: "Most tokens that are written" }),
  temperature: float(0, {
    label: "Temperature",
    ...{ min: 0, max: 10, help: "0 takes the most likely word each time; 1 draws as the model says" },
  }),
  topK: int(0, {
    label: "Top k",
    ...{ min: 0, max: 1_000_000, help: "Draw among so many of the most likely words; 0: all" },
  }),
  topP: float(1, {
    label: "Top p",
    ...{ min: 0, max: 1, help: "Draw among the fewest words that hold this share; 1: all" },
  }),
  minP: float(0, {
    label: "Min p",
    ...{ min: 0, max: 1, help: "Draw among words at least this likely, as a share of the most likely one" },
  }),
  repetition: float(1, {
    label: "Repetition",
    ...{ min: 0.1, max: 10, help: "Logits of words in the text are divided by it; 1 does nothing" },
  }),
  seed: int(0, { label: "Seed", min: 0, max: 2 ** 31 - 1, help: "Seed of the draws" }),
  stop: text("", { label: "Stop", help: "Writing ends before this text; \\n is a new line" }),
};
export type GenerateParams = ParamValues<typeof generateParams>;

export const perplexityParams = {
  ...languageParams,
  window: int(1024, {
    label: "Window",
    ...{
      min: 2,
      max: 131_072,
      unit: "tokens",
      help: "Tokens that the model sees at once, at most what it was made for",
    },
  }),
  stride: int(0, {
    label: "Stride",
    ...{ min: 0, max: 131_072, unit: "tokens" },
    help: "Tokens that are judged in each window; those before them are its context; 0: half a window",
  }),
};
export type PerplexityParams = ParamValues<typeof perplexityParams>;

/** Events while a text is written. */
export interface LanguageEvents {
  /** A piece of the text. */
  text: { piece: string };
}

/** A model on the device, as views show it. */
export interface LoadedModel {
  name: string;
  architecture: string;
  storage: string;
  /** Of the weights on the device. */
  weightBytes: number;
  seconds: number;
}

export interface Generated {
  model: LoadedModel;
  text: string;
  /** `end`: the model ended it; `stop`: the stop text came; `length`, `context`: there was no more room. */
  reason: "end" | "stop" | "length" | "context";
  promptTokens: number;
  newTokens: number;
  /** Tokens a second: of the prompt, kernels compiled meanwhile; of the text after its first two steps, which compile and record. */
  promptRate: number;
  rate: number | null;
  /** Keys and values on the device. */
  cacheBytes: number;
}

export interface Perplexity {
  model: LoadedModel;
  perplexity: number;
  /** Mean of -log p, natural, over the judged tokens. */
  loss: number;
  tokens: number;
  judged: number;
  windows: number;
  window: number;
  stride: number;
  rate: number;
}
