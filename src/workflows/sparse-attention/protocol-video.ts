// What the second part of the laboratory is set by: sizes of the video transformer, training, sampling. Declared once for
// forms, addresses and the command line. Nothing here computes.
import { bool, choice, float, int, type ParamValues, text } from "../../base/params";

/** A video diffusion transformer and the clips it works on; everything about it follows from these numbers. */
export interface VideoConfig {
  frames: number;
  /** Pixels; multiples of `PATCH`. */
  height: number;
  width: number;
  /** Width of a token. */
  dim: number;
  layers: number;
  heads: number;
}

/** Pixels along each side of a patch; a patch lies in one frame. */
export const PATCH = 4;
/** Width of the hidden layer of the MLP, in token widths. */
export const MLP_RATIO = 4;

export const SIZE_NAMES = ["XXS", "XS", "S", "S+", "M"] as const;
export type SizeName = (typeof SIZE_NAMES)[number];

/** 512, 1,024, 4,096, 4,096 and 16,384 video tokens. */
export const SIZES: Readonly<Record<SizeName, VideoConfig>> = {
  XXS: { frames: 8, height: 32, width: 32, dim: 64, layers: 4, heads: 4 },
  XS: { frames: 16, height: 32, width: 32, dim: 128, layers: 6, heads: 4 },
  S: { frames: 16, height: 64, width: 64, dim: 128, layers: 6, heads: 4 },
  "S+": { frames: 16, height: 64, width: 64, dim: 256, layers: 8, heads: 4 },
  M: { frames: 16, height: 128, width: 128, dim: 256, layers: 8, heads: 4 },
};

const ofSize = (what: string, max: number, step = 1) =>
  int(0, { min: 0, max, step, help: `${what}; 0 takes it from the size.`, group: "Model" });

/** Parameters of the model: the flags of `train`. */
export const modelParams = {
  size: choice("XS", SIZE_NAMES, {
    label: "Model size",
    help: "XXS 512 tokens (a try on any device), XS 1,024, S and S+ 4,096, M 16,384; the other fields change single numbers of it.",
    group: "Model",
  }),
  frames: ofSize("Frames of a clip", 128),
  height: ofSize("Height of a clip in pixels", 256, PATCH),
  width: ofSize("Width of a clip in pixels", 256, PATCH),
  dim: ofSize("Width of a token", 1024, 16),
  layers: ofSize("Transformer blocks", 64),
  heads: ofSize("Attention heads", 64),
} as const;

/** Parameters of training. */
export const trainParams = {
  steps: int(10_000, { min: 1, max: 10_000_000, help: "Optimiser steps.", group: "Training" }),
  batch: int(8, { min: 1, max: 256, unit: "clips", help: "Clips of a step.", group: "Training" }),
  accumulate: int(1, {
    min: 1,
    max: 64,
    unit: "batches",
    help: "Batches whose gradients are averaged in a step.",
    group: "Training",
  }),
  optimiser: choice("adamw", ["adamw", "muon"], {
    labels: { adamw: "AdamW", muon: "Muon" },
    help: "Muon updates the matrices of the blocks, AdamW the rest at a tenth of the rate.",
    group: "Training",
  }),
  precision: choice("f32", ["f32", "mixed"], {
    labels: { f32: "f32", mixed: "Mixed, f16 and f32" },
    help: "Mixed stores activations, their gradients and a copy of the weights in f16, where the device has it; sums and the weights themselves stay f32, and a loss scale keeps small gradients.",
    group: "Training",
  }),
  learningRate: float(1e-3, {
    min: 0,
    max: 1,
    label: "Learning rate",
    help: "Highest learning rate (about 0.001 for AdamW, 0.02 for Muon); it rises linearly, then falls as a cosine to a tenth.",
    group: "Training",
  }),
  warmup: int(200, { min: 0, max: 100_000, unit: "steps", help: "Steps of the rise.", group: "Training" }),
  weightDecay: float(0.01, {
    min: 0,
    max: 1,
    label: "Weight decay",
    help: "Of matrices; biases, gains and embeddings have none.",
    group: "Training",
  }),
  maxNorm: float(1, {
    min: 0,
    max: 1e6,
    label: "Gradient norm limit",
    help: "Global norm that gradients are clipped to; 0 does not clip.",
    group: "Training",
  }),
  emaDecay: float(0.999, {
    min: 0,
    max: 1,
    label: "EMA decay",
    help: "Share of the running average of the weights that a step keeps; the average is what is saved.",
    group: "Training",
  }),
  dropout: float(0.1, {
    min: 0,
    max: 1,
    label: "Condition dropout",
    help: "Share of clips trained without their caption, for classifier-free guidance.",
    group: "Training",
  }),
  times: choice("uniform", ["uniform", "logit-normal"], {
    label: "Training times",
    help: "Distribution of t between noise (0) and data (1): uniform, or the sigmoid of a standard normal.",
    group: "Training",
  }),
  seed: int(0, {
    min: 0,
    max: 2 ** 31 - 1,
    help: "Seed of weights, clips, noise and times.",
    group: "Training",
  }),
} as const;

export const TOKEN_ORDERS = ["raster", "tile-1x8x8", "tile-4x4x4"] as const;
/** Rules by which the sampler keeps blocks. All get the same number of blocks, refreshed at the same steps. */
export const SAMPLER_RULES = ["adaspa", "pooled", "template", "window", "random"] as const;
export type SamplerRule = (typeof SAMPLER_RULES)[number];

/** Everything the paper lets one set about sparse sampling. */
export const sparseParams = {
  sparsity: float(0.8, {
    min: 0,
    max: 0.99,
    step: 0.01,
    label: "Sparsity (share skipped)",
    help: "Share of video key blocks that each query block skips in sparse steps; text blocks are never skipped.",
    group: "Method",
  }),
  block: choice("64", ["32", "64", "128"], {
    label: "Block side",
    unit: "tokens",
    help: "Side of a score block.",
    group: "Method",
  }),
  order: choice("raster", TOKEN_ORDERS, {
    label: "Token order",
    help: "Order in which video tokens are cut into blocks; positions of the rotary embedding stay true.",
    group: "Method",
  }),
  denseSteps: int(10, {
    min: 0,
    max: 1000,
    label: "Warm-up",
    unit: "steps",
    help: "First steps that run dense whatever the mask.",
    group: "Schedule",
  }),
  searches: text("10,30", {
    pattern: /^(\d+(,\d+)*)?$/,
    label: "Search steps",
    help: "Steps, counted from 1, at which the masks are searched; steps before the first run dense.",
    group: "Schedule",
  }),
  rule: choice("adaspa", SAMPLER_RULES, {
    label: "Selection rule",
    help: "Exact block mass (AdaSpa), mean-pooled q·k, spatial or temporal template, 3-D window, random.",
    group: "Method",
  }),
  tiers: bool(true, {
    label: "Head-adaptive tiers",
    help: "Heads of high recall skip (1+s)/2, as many of low recall (3s-1)/2; exact block mass only.",
    group: "Method",
  }),
  lseReuse: bool(true, {
    label: "LSE reuse",
    help: "Later searches use the log-sum-exp of the first one (one QK pass, sparse output); off: each search runs dense.",
    group: "Method",
  }),
  firstSearch: choice("two-pass", ["two-pass", "one-pass"], {
    label: "First search",
    labels: {
      "two-pass": "Dense, then masses (paper)",
      "one-pass": "Masses during the dense pass, on the LSE of the step before",
    },
    help: "How the first masks are found; one-pass needs a dense step before it.",
    group: "Method",
  }),
  textSink: bool(true, {
    label: "Keep text blocks",
    help: "Keeps every block that holds a caption token, besides the budget.",
    group: "Method",
  }),
} as const;
export type SparseSettings = ParamValues<typeof sparseParams>;

/** Parameters of one clip. */
export const clipParams = {
  steps: int(50, { min: 1, max: 1000, help: "Euler steps.", group: "Clip" }),
  prompt: text("", {
    help: 'Caption, e.g. "small red circle bounces, dark plain backdrop"; empty takes one of the generator.',
    group: "Clip",
  }),
  guidance: float(1, {
    min: 0,
    max: 20,
    help: "Classifier-free guidance; 1 is none and costs half.",
    group: "Clip",
  }),
  seed: int(0, {
    min: 0,
    max: 2 ** 31 - 1,
    help: "Seed of the noise and of the generated caption.",
    group: "Clip",
  }),
} as const;
export type ClipSettings = ParamValues<typeof clipParams>;

/** How much a sampler looks at: whole steps only, each layer's phases (waits around attention), or also the truth. */
export const REPORT_LEVELS = ["steps", "layers", "diagnose"] as const;
export type ReportLevel = (typeof REPORT_LEVELS)[number];

/** Kinds of attention work that are timed apart. `rest` is everything that is not attention. */
export const PHASES = ["dense", "one-pass", "search", "select", "sparse", "rest"] as const;
export type Phase = (typeof PHASES)[number];

/** One layer in one step. What was not measured is null; lists are per head, batch entries one after the other. */
export interface LayerReport {
  /** Milliseconds by phase; empty at the level `steps`. */
  ms: Partial<Record<Phase, number>>;
  /** Share of all blocks that this step's attention computed. */
  kept: number;
  /** At a search by masses: recall at the uniform budget, and tier (-1 keeps more, +1 keeps less) of each head. */
  uniformRecall: number[] | null;
  tiers: number[] | null;
  /**
   * At a search by masses: softmax mass that the final mask keeps, from the masses found. Exact with a fresh LSE (two-pass);
   * with an older one an estimate, as is `uniformRecall`.
   */
  maskRecall: number[] | null;
  /** At a later search: share of the new mask's blocks that the mask before had. */
  maskOverlap: number | null;
  /**
   * In a sparse step: mean of exp(LSE of the kept part - cached LSE). It is the recall while q and k are those of the
   * search; later it mixes in drift, and tells when a mask is going stale.
   */
  recallGauge: number[] | null;
  /** In a diagnosed sparse step, against dense attention of the same q, k and v. */
  truth: {
    /** Softmax mass kept by the mask in use, and by the best mask of the same budget. */
    recall: number[];
    bestRecall: number[];
    /** Share of the best mask's blocks that the mask in use has. */
    overlap: number;
    /** Mean and standard deviation over rows of fresh LSE - cached LSE. */
    driftMean: number;
    driftDeviation: number;
    /** ‖sparse - dense‖ / ‖dense‖ of the layer's attention output. */
    outputError: number;
  } | null;
}

export interface StepReport {
  step: number;
  /** Time at which the step starts: 0 noise, 1 clip. */
  t: number;
  output: "dense" | "sparse";
  search: "none" | "two-pass" | "one-pass" | "cached";
  /** Wall milliseconds of the step without diagnosis. */
  ms: number;
  layers: LayerReport[];
}

/** Attention and the rest of a whole run, one line for each kind of work. */
export interface PhaseTime {
  phase: Phase;
  /** Layers times steps in which it ran; for `rest`, steps. */
  calls: number;
  ms: number;
  msPerCall: number;
  /** msPerCall over that of one dense pass: measured, and by counting operations; null for `rest` and `select`. */
  share: number | null;
  theoretical: number | null;
}

export interface RunTimes {
  totalMs: number;
  phases: PhaseTime[];
}

/** A sparse run against the dense run of the same noise and caption. */
export interface VideoComparison {
  /** Per frame and mean, see `qualityDefinition`; PSNR null where frames are equal. */
  psnr: (number | null)[];
  ssim: number[];
  meanPsnr: number | null;
  meanSsim: number;
  qualityDefinition: string;
  denseMs: number;
  sparseMs: number;
  speedup: number;
  /** Attention's share of the dense run's time, measured; null at the report level `steps`. */
  attentionShare: number | null;
  /** Attention work of the schedule over the dense run's, by counting with the blocks really kept. */
  attentionWork: number;
  /** Amdahl's bound from the two, and the share of it that was reached; null without the first. */
  bound: number | null;
  ofBound: number | null;
  /** Time of search and selection over the whole dense run: measured (null at `steps`), and by counting. */
  searchShare: number | null;
  searchTheory: number | null;
  /** Mean share of blocks that sparse steps computed; null when no step was sparse. */
  kept: number | null;
}
