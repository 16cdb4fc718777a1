// The parameters of the attention laboratory, declared once for the form, the address and the command line, and the
// selection rules by name. Nothing here computes.
import { bool, choice, float, int, type ParamValues, text } from "../../base/params";

export const STRATEGIES = [
  "adaspa",
  "stale-lse",
  "pooled",
  "antidiagonal",
  "template",
  "window",
  "random",
  "oracle",
] as const;
export type StrategyId = (typeof STRATEGIES)[number];

/** Rules that give a block mask, and so can run sparse. */
export const MASK_STRATEGIES = [
  "adaspa",
  "stale-lse",
  "pooled",
  "antidiagonal",
  "template",
  "window",
  "random",
] as const;
export type MaskStrategyId = (typeof MASK_STRATEGIES)[number];

export interface StrategyInfo {
  label: string;
  /** One sentence: the rule by which blocks are kept. */
  rule: string;
  /** The methods that select in this way. */
  like: string;
  /** True where the rule keeps single tokens, not blocks: it has recall only, no sparse output and no time. */
  recallOnly: boolean;
  /** True where the rule needs f, h, w; without them it is left out, and `Curves.left` says so. */
  needsGrid: boolean;
}

/** Names and rules of the strategies, for legends, tables and help. */
export const STRATEGY_INFO: Readonly<Record<StrategyId, StrategyInfo>> = {
  adaspa: info("Exact block mass", "Largest softmax mass per query block, from a fresh LSE.", "AdaSpa"),
  "stale-lse": info(
    "Stale LSE",
    "As exact block mass, but with the LSE of another step or of perturbed queries.",
    "AdaSpa's LSE-cached search",
  ),
  pooled: info(
    "Mean-pooled",
    "Mean query of a block times mean key of a block.",
    "SpargeAttn, VSA, DraftAttention",
  ),
  antidiagonal: info(
    "Antidiagonal sums",
    "Softmax over strided antidiagonal sums of the scores.",
    "XAttention",
  ),
  template: info(
    "Spatial or temporal template",
    "Per head the fixed template with the smaller output error on sampled rows.",
    "Sparse-VideoGen",
    { needsGrid: true },
  ),
  window: info("3-D window", "Nearest blocks in frame, height and width.", "Sliding Tile Attention", {
    needsGrid: true,
  }),
  random: info("Random", "A seeded random choice: the floor that every rule must beat.", "none"),
  oracle: info(
    "Token oracle",
    "The single tokens with the largest probability of each row, on sampled rows.",
    "the ceiling",
    { recallOnly: true },
  ),
};

/** Parameters of an analysis: the panel's form, the URL, and the flags of `analyse`. */
export const params = {
  sparsity: float(0.8, {
    min: 0,
    max: 0.99,
    step: 0.01,
    label: "Sparsity (share skipped)",
    help: "Share of video key blocks that each query block skips; text blocks are never skipped.",
    group: "Method",
  }),
  block: choice("64", ["32", "64", "128"], {
    label: "Block side",
    unit: "tokens",
    help: "Side of a score block.",
    group: "Method",
  }),
  strategy: choice("adaspa", MASK_STRATEGIES, {
    label: "Selection rule",
    labels: Object.fromEntries(MASK_STRATEGIES.map((id) => [id, STRATEGY_INFO[id].label])),
    help: "Rule by which blocks are kept; all rules get the same number of blocks.",
    group: "Method",
  }),
  tiers: bool(true, {
    label: "Head-adaptive tiers",
    help: "Heads of high recall skip (1+s)/2, as many of low recall (3s-1)/2; needs sparsity of at least 1/3.",
    group: "Method",
  }),
  textSink: bool(true, {
    label: "Keep text blocks",
    help: "Keeps every block that holds a text token, besides the budget.",
    group: "Method",
  }),
  search: choice("fused", ["fused", "cached", "one-pass"], {
    label: "Search",
    labels: {
      fused: "Two passes: dense + LSE, then masses",
      cached: "One pass of masses on a cached LSE",
      "one-pass": "Output, LSE and masses at once, with guard",
    },
    help: "How block masses are found: the fused search, the LSE-cached search, or the single guarded pass.",
    group: "Method",
  }),
  order: choice("raster", ["raster", "tile-1x8x8", "tile-4x4x4"], {
    label: "Token order",
    labels: {
      raster: "Raster (frame, row, column)",
      "tile-1x8x8": "Tiles of 1 frame x 8 x 8",
      "tile-4x4x4": "Tiles of 4 frames x 4 x 4",
    },
    help: "Order of the video tokens before they are cut into blocks; tiles need f, h and w.",
    group: "Method",
  }),
  scale: float(0, {
    min: 0,
    max: 16,
    label: "Score scale",
    help: "Factor on q·k before the softmax; 0 means 1/sqrt(D).",
    group: "Input",
  }),
  pattern: text("", {
    label: "Tensor names",
    help: "Naming pattern with {role}, {layer}, {step} and {any}, e.g. step{step}.layer{layer}.{role}; empty tries the usual ones.",
    group: "Input",
  }),
  frames: int(0, {
    min: 0,
    max: 4096,
    label: "Frames f",
    help: "0 takes it from the file's metadata.",
    group: "Input",
  }),
  height: int(0, {
    min: 0,
    max: 4096,
    label: "Height h",
    unit: "tokens",
    help: "0 takes it from the file's metadata.",
    group: "Input",
  }),
  width: int(0, {
    min: 0,
    max: 4096,
    label: "Width w",
    unit: "tokens",
    help: "0 takes it from the file's metadata.",
    group: "Input",
  }),
  textTokens: int(-1, {
    min: -1,
    max: 1 << 20,
    label: "Text tokens t",
    help: "Text tokens at the end of the sequence; -1 takes it from the file's metadata.",
    group: "Input",
  }),
  sampleRows: int(0, {
    min: 0,
    max: 131_072,
    label: "Sampled query rows",
    unit: "rows",
    help: "Rows analysed per head, in whole blocks spread over the sequence; 0 chooses by size.",
    group: "Input",
  }),
  seed: int(0, {
    min: 0,
    max: 2 ** 31 - 1,
    help: "Seed of row sampling, perturbation and the random rule.",
    group: "Input",
  }),
} as const;
export type Settings = ParamValues<typeof params>;

/** Parameters of the generator: the panel's form and the flags of `synth`. */
export const synthParams = {
  heads: int(8, {
    min: 1,
    max: 64,
    help: "Heads; their sparsity runs from sharp to diffuse.",
    group: "Generated input",
  }),
  length: int(4096, {
    min: 64,
    max: 131_072,
    unit: "tokens",
    help: "Tokens in all; what frames x height x width leaves over is text.",
    group: "Generated input",
  }),
  dim: int(64, {
    min: 16,
    max: 128,
    step: 8,
    label: "Head width",
    help: "Width of a head.",
    group: "Generated input",
  }),
  text: int(64, {
    min: 0,
    max: 4096,
    label: "Text tokens",
    unit: "tokens",
    help: "Text tokens at the end, at least; rounding of the grid may add some.",
    group: "Generated input",
  }),
  layers: int(1, {
    min: 1,
    max: 16,
    help: "Layers, each with patterns of its own.",
    group: "Generated input",
  }),
  steps: int(1, {
    min: 1,
    max: 8,
    help: "Denoising steps: the same structure with more noise at early steps.",
    group: "Generated input",
  }),
  dtype: choice("F32", ["F32", "F16", "BF16"], {
    label: "Element type",
    help: "Element type of the file.",
    group: "Generated input",
  }),
  synthSeed: int(7, {
    min: 0,
    max: 2 ** 31 - 1,
    label: "Generator seed",
    help: "The same seed gives the same file, byte for byte.",
    group: "Generated input",
  }),
} as const;
export type SynthSettings = ParamValues<typeof synthParams>;

function info(
  label: string,
  rule: string,
  like: string,
  flags: Partial<Pick<StrategyInfo, "recallOnly" | "needsGrid">> = {},
): StrategyInfo {
  return { label, rule, like, recallOnly: false, needsGrid: false, ...flags };
}
