// What the panel, the command line and the engine of the attention laboratory say to each other. Plain data only:
// nothing here computes, and the parameters are in protocol-params.ts. Shape letters: H heads, L tokens, D head width,
// B block side, nq query blocks, nk key blocks. With row sampling nq counts the sampled query blocks only; nk is always
// ceil(L/B).
import type { TaskContext } from "../../base/task";
import type { Settings, StrategyId, SynthSettings } from "./protocol-params";

/** Where tensors come from. `blob` is a File in the browser; the engine reads slices of it and never the whole. */
export type InputSource =
  | { kind: "file"; blob: Blob; name: string; pattern?: string }
  | { kind: "synth"; settings: SynthSettings };

/** f·h·w video tokens, then t text tokens. Without a grid (`known` false) all tokens count as video in one line. */
export interface Grid {
  frames: number;
  height: number;
  width: number;
  text: number;
  known: boolean;
  /** "metadata", "form" or "none". */
  from: "metadata" | "form" | "none";
}

/** One q, k, v triple found in the input. `id` names it in all commands, e.g. "step 3 layer 0". */
export interface TripleInfo {
  id: string;
  step: number | null;
  layer: number | null;
  names: { q: string; k: string; v: string };
  /** B·H: batch entries count as further heads, numbered batch-major. */
  heads: number;
  batch: number;
  length: number;
  dim: number;
  dtype: string;
}

/** What was found in an input, matched or not; shown before anything runs. */
export interface InputInfo {
  name: string;
  /** True for tensors of the generator: show "synthetic data". */
  synthetic: boolean;
  bytes: number;
  /** The pattern that matched; editable. */
  pattern: string;
  triples: TripleInfo[];
  /** Every tensor of the file: its role in a triple, or why it has none. */
  tensors: {
    name: string;
    dtype: string;
    shape: number[];
    bytes: number;
    use: string | null;
    why: string | null;
  }[];
  grid: Grid;
  metadata: Record<string, string>;
}

/** Cost of an analysis, told before it runs. */
export interface Inspection {
  triples: number;
  heads: number;
  /** Bytes read from the input in all. */
  bytesToRead: number;
  /** Bytes of GPU memory held at a time (one head). */
  gpuBytes: number;
  /** Largest single buffer, and the most the device binds. `fits` is the comparison. */
  largestBuffer: number;
  bindingLimit: number | null;
  fits: boolean;
  /** Arithmetic of dense + search + sparse in floating-point operations. */
  flops: number;
  /** Seconds at the rate measured on this device; null while nothing was measured. */
  seconds: number | null;
  /** Query rows analysed per head, of `length`. */
  rows: number;
  length: number;
  /** Why rows are sampled, or null when all are analysed. */
  sampling: string | null;
  /** Blocks kept per row without text, and blocks per row. */
  keep: number;
  blocks: number;
  grid: Grid;
  /** Plain sentences worth showing before the run, beside what the fields say. */
  notes: string[];
}

export interface HeadTimes {
  denseMs: number;
  searchMs: number;
  selectMs: number;
  sparseMs: number;
}

/** Result of one head of one triple. Shares lie in [0, 1]. */
export interface HeadResult {
  triple: string;
  step: number | null;
  layer: number | null;
  head: number;
  /** -1 keeps more than the rest, 0 as set, +1 keeps less. */
  tier: -1 | 0 | 1;
  /** Sparsity asked of this head after tiers. */
  sparsity: number;
  /** Blocks kept / all blocks, text included; skipped = 1 - kept. */
  kept: number;
  skipped: number;
  /** Softmax mass kept at the uniform budget, before tiers; an estimate where the masses are of another step's LSE. */
  uniformRecall: number;
  /**
   * Softmax mass kept with this mask, mean over the analysed rows: from the block masses, or by the LSEs where the
   * masses are of another step's LSE.
   */
  recall: number;
  /** The same from exp(LSE sparse - LSE dense); null for rules without a sparse pass. */
  lseRecall: number | null;
  /** Largest | sum of masses of a row block - its rows |: 0 up to rounding when the LSE is fresh. */
  massError: number;
  /** Frobenius norm of (sparse - dense) / norm of dense. */
  outputError: number | null;
  /** Largest absolute difference, and the largest 2(1 - recall of the row)·max|v| it must stay under. */
  maxError: number | null;
  bound: number | null;
  /** Largest error / bound over rows; at most 1 up to rounding. */
  boundUse: number | null;
  rows: number;
  /** Row blocks that the guard of the one-pass search sent through the online softmax again. */
  redone: number;
  /**
   * Wall time of each kernel on this head alone, one run: rough. `measure` times them with care. In the one-pass search
   * `searchMs` is the whole pass that also gives the output. `selectMs` is CPU time for rules that choose there.
   */
  times: HeadTimes;
}

export interface Analysis {
  settings: Settings;
  grid: Grid;
  heads: HeadResult[];
  summary: { recall: number; kept: number; skipped: number; outputError: number | null; heads: number };
  /** Rows analysed per head, of length. */
  rows: number;
  length: number;
  blocks: { rows: number; keys: number; side: number };
  device: DeviceInfo;
  seconds: number;
  notes: string[];
}

/** Block masses of one head with its mask. `mass` is row-major [rows, keys]. */
export interface BlockMap {
  triple: string;
  head: number;
  rows: number;
  keys: number;
  side: number;
  /** Softmax mass per block; the masses of a row sum to its number of tokens. */
  mass: Float32Array<ArrayBuffer>;
  /** 1 = kept. */
  kept: Uint8Array<ArrayBuffer>;
  /** Which query block each row is (differs from 0..rows-1 only with sampling). */
  rowBlocks: Uint32Array<ArrayBuffer>;
  /** First block of each frame and of the text, as block positions; for lines in the picture. */
  boundaries: { at: number; label: string }[];
  /**
   * Where the video tokens of each key block lie, [keys, 6]: first and last frame, row and column. -1 for blocks
   * without video tokens.
   */
  boxes: Int32Array<ArrayBuffer>;
  grid: Grid;
  length: number;
  order: Settings["order"];
}

export interface CurveSettings {
  triple: string;
  /** Heads to do; empty = all. */
  heads: readonly number[];
  strategies: readonly StrategyId[];
  blocks: readonly ("32" | "64" | "128")[];
  /** Sparsities to read the curves at, ascending. */
  sparsities: readonly number[];
}

/** Recall against sparsity of one rule on one head. */
export interface Curve {
  triple: string;
  head: number;
  strategy: StrategyId;
  side: number;
  /** Share really skipped (text counted as kept), and recall there; same length. */
  skipped: number[];
  recall: number[];
  /** What the rule did on this head ("temporal template", "LSE of step 2"), or "". */
  note: string;
}

export interface Curves {
  curves: Curve[];
  /** Rules that could not run here, with the reason. */
  left: { strategy: StrategyId; why: string }[];
}

export interface MeasureSettings {
  triple: string;
  /** Heads in one dispatch; 0 takes as many as fit. */
  heads: number;
  sparsities: readonly number[];
}

/** Times of whole kernels, median of rounds, over `heads` heads at once. */
export interface TimeRow {
  name: "dense" | "search" | "dense+mass" | "select" | "sparse";
  /** Share skipped; null where it does not apply. */
  skipped: number | null;
  ms: number;
  minMs: number;
  /** Share of one dense pass: measured, and by counting operations. */
  share: number;
  theoretical: number;
  tflops: number;
}

export interface Measurement {
  triple: string;
  heads: number;
  rows: number;
  length: number;
  dim: number;
  side: number;
  times: TimeRow[];
  /** Sparsity from which the sparse kernel is faster than the dense one; null: at none that was measured. */
  breakEven: number | null;
  /** The same when every step also pays one search and one selection. */
  breakEvenWithSearch: number | null;
  /** One sentence; starts with "Warning" where sparse is slower at the sparsity set. */
  verdict: string;
  /** True where sparse is slower at the sparsity set. */
  slower: boolean;
  device: DeviceInfo;
}

export const EXPORT_FORMATS = [
  "flex-attention",
  "sparge",
  "block-sparse-attention",
  "flashinfer",
  "csv",
  "results",
] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** A file to save. `snippet` is Python that loads it, where there is one. */
export interface ExportedFile {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  type: string;
  snippet: string | null;
}

export interface DeviceInfo {
  name: string;
  description: string;
  software: boolean;
  features: readonly string[];
  bytesInUse: number;
  bytesAllocated: number;
  isLost: boolean;
}

/** Events arrive in order and before the result: they are the partial results, and outlive a failed call. */
export interface AttentionEvents {
  device: DeviceInfo;
  head: HeadResult;
  curve: Curve;
  time: TimeRow;
}

type Context = TaskContext<AttentionEvents>;

/**
 * The session behind the panel. It keeps the loaded input, the masks and the results of the last analysis, also those
 * of a run that was cancelled or failed. A lost device is replaced at the next call. All methods may throw
 * `TesseraError`: `no-input`, `input` (what is wrong with the tensors), `gpu-*`, `device-lost` (fields `done`, `total`:
 * heads finished), `out-of-memory`, `cancelled`, `no-result` (something must be run first), `params`.
 */
export type AttentionService = {
  /** Reads the header of a file, or generates tensors, and matches names. Forgets earlier results. */
  load(request: InputSource, context: Context): Promise<InputInfo>;
  /** Matches names again under another pattern ("" = the usual ones). */
  match(request: { pattern: string }, context: Context): Promise<InputInfo>;
  /** Tells sizes, memory and time; runs nothing on the GPU. */
  inspect(request: { settings: Settings; triples: readonly string[] }, context: Context): Promise<Inspection>;
  /**
   * Dense, search, tiers, selection, sparse for the triples (empty = all); emits `head` after each head. With `goesOn`
   * the heads of other triples that an earlier call with the same settings finished are kept for maps and exports; the
   * result tells of this call's triples only.
   */
  analyse(
    request: { settings: Settings; triples: readonly string[]; goesOn?: boolean },
    context: Context,
  ): Promise<Analysis>;
  /** Block map of a head of the last analysis. */
  map(request: { triple: string; head: number }, context: Context): Promise<BlockMap>;
  /** Recall-sparsity curves; emits `curve` after each. */
  curves(request: { settings: Settings; curves: CurveSettings }, context: Context): Promise<Curves>;
  /** Times the kernels with care; emits `time` after each row. */
  measure(request: { settings: Settings; measure: MeasureSettings }, context: Context): Promise<Measurement>;
  /** Writes masks or results of the last analysis as a file. */
  exportFile(request: { format: ExportFormat; triple: string }, context: Context): Promise<ExportedFile>;
  /** Generates tensors and gives them as a safetensors file. */
  synth(request: { settings: SynthSettings }, context: Context): Promise<ExportedFile>;
  /** Opens the device if there is none. */
  device(request: Record<string, never>, context: Context): Promise<DeviceInfo>;
  /** Frees the device and the input. */
  close(request: Record<string, never>, context: Context): Promise<void>;
};
