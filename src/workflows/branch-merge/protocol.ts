// What the panel, the command line and the engine of the merge workflow say to each other. Plain data only.
import { bool, choice, int, type ParamValues } from "../../base/params";

/** Settings of a merge that are not part of the recipe. */
export const params = {
  mode: choice("exact", ["exact", "mergekit"], {
    label: "Arithmetic",
    help: "The published formulas in f32, or what mergekit 0.1.5 computes, its traps included",
    labels: { exact: "Exact", mergekit: "As mergekit" },
  }),
  seed: int(0, {
    label: "Seed",
    min: 0,
    max: 2 ** 31 - 1,
    help: "Seed of methods that draw random numbers",
  }),
  chunk: int(16, {
    label: "Chunk",
    min: 1,
    max: 64,
    unit: "MiB",
    help: "Values of one model that are held at a time, as f32",
  }),
  shard: int(5000, {
    label: "File size",
    min: 1,
    max: 50_000,
    unit: "MB",
    help: "Most bytes of tensors in one file of the output, in millions",
  }),
  truncate: bool(false, {
    label: "Cut embeddings",
    help: "Without tokenizer settings, cut embeddings of different length to the shortest; right only where rows mean the same tokens",
  }),
};
export type MergeParams = ParamValues<typeof params>;

export interface MergeRequest {
  /** The recipe, and its name for messages. */
  text: string;
  file: string;
  settings: {
    mode: "exact" | "mergekit";
    seed: number;
    /** Bytes of f32 values of one model that are worked on at a time. */
    chunkBytes: number;
    shardBytes: number;
    truncateVocabulary: boolean;
  };
}

export const settingsOf = ({
  mode,
  seed,
  chunk,
  shard,
  truncate,
}: MergeParams): MergeRequest["settings"] => ({
  mode,
  seed,
  chunkBytes: chunk * 2 ** 20,
  shardBytes: shard * 1e6,
  truncateVocabulary: truncate,
});

export interface ModelInfo {
  /** As the recipe names it. */
  path: string;
  name: string;
  architecture: string | null;
  tensors: number;
  parameters: number;
  bytes: number;
  layers: number;
  /** Rows of the embedding. */
  vocabulary: number | null;
  head: "own" | "tied" | "none";
  dtypes: { dtype: string; bytes: number }[];
  files: number;
  notes: string[];
}

/** What a merge would do, told before it runs. */
export interface Preflight {
  /** Why it cannot run; empty when it can. */
  faults: string[];
  notes: string[];
  method: { id: string; title: string; formula: string; source: string };
  mode: string;
  models: ModelInfo[];
  /** One for each recipe of the file; `passes`: how often a tensor larger than a chunk is read. */
  stages: { name: string; method: string; tensors: number; passes: number }[];
  output: {
    tensors: number;
    parameters: number;
    bytes: number;
    layers: number;
    vocabulary: number | null;
    isTied: boolean;
    shards: { name: string; bytes: number }[];
  };
  /** `sources`: the models, each with the tensor's name there where it is another. */
  /** `sources`: the models, each with the tensor's name there where it is another. */
  tensors: { name: string; shape: number[]; dtype: string; action: "merge" | "copy"; sources: string[] }[];
  /** Tensors of the models that the output will not have. */
  skipped: { model: string; tensor: string; why: string }[];
  /** Intermediate results included. */
  bytesToRead: number;
  bytesToWrite: number;
  /** Bytes of arrays at the most, beside what a method keeps for itself. */
  memory: number;
}

/** Where the time of a merge went. Milliseconds and bytes. */
export interface StageRates {
  bytesRead: number;
  bytesWritten: number;
  /** In which the merge waited for a read, or a write, and could do nothing else; it computed in the rest. */
  waitReadMs: number;
  waitWriteMs: number;
  computeMs: number;
  totalMs: number;
  /** The stage that takes longest. */
  limit: "read" | "compute" | "write";
}

/** NaN and infinities in a tensor of the output. */
export interface NonFinite {
  tensor: string;
  nan: number;
  infinite: number;
  /** Flat index of the first of them. */
  first: number;
}

export interface MergeResult {
  tensors: number;
  /** Tensors that an earlier attempt had finished. */
  resumed: number;
  bytes: number;
  files: { name: string; bytes: number }[];
  /** Tensors that are not finite everywhere. */
  nonFinite: NonFinite[];
  notes: string[];
  skipped: number;
  rates: StageRates;
}
