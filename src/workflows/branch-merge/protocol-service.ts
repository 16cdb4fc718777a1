// What the panel asks of the worker of the merge workflow. Types only.
import type { TaskContext } from "../../base/task";
import type { MergeRequest, MergeResult, ModelInfo, Preflight } from "./protocol";

/** Where a model comes from: files that were chosen, a folder's handle, or a generated sample. */
export type ModelSource =
  | { kind: "files"; files: readonly File[] }
  | { kind: "handle"; handle: FileSystemDirectoryHandle }
  | { kind: "sample" };

/** Where a merge goes: a folder that was chosen, or the page's private files. */
export type MergeTarget = { kind: "handle"; handle: FileSystemDirectoryHandle } | { kind: "private" };

/** A merge method without its code. */
export interface MethodInfo {
  id: string;
  title: string;
  formula: string;
  source: string;
  base: "required" | "optional" | "none";
  models: readonly [number, number];
  parameters: Readonly<
    Record<
      string,
      {
        kind: "number" | "whole" | "bool";
        default?: number | boolean | null;
        scope: "shared" | "input" | "task";
        help: string;
      }
    >
  >;
}

export type FormValue = number | string | boolean;

/** A recipe of whole models and single values, as a form shows it. */
export interface RecipeForm {
  method: string;
  base: string | null;
  models: { path: string; parameters: Record<string, FormValue> }[];
  shared: Record<string, FormValue>;
  dtype: string | null;
  outDtype: string | null;
  tokenizer: "union" | "base" | null;
}

/** One tensor of several models beside the same tensor of their base. */
export interface TensorLook {
  tensor: string;
  /** Undefined outside the layers. */
  layer?: number;
  /** The tensor's name within its layer. */
  kind: string;
  /** ‖θ − θ0‖ / ‖θ0‖ of each model. */
  difference: number[];
  /** Cosine between the differences of each pair of models, in the order 01, 02, 12, …; NaN where one is zero. */
  cosine: number[];
}

export interface MergeEvents {
  look: TensorLook;
}

type Context = TaskContext<MergeEvents>;

/** All methods may throw `TesseraError`; the codes are those of the session. */
export type MergeService = {
  methods(request: Record<string, never>, context: Context): Promise<MethodInfo[]>;
  /** Opens a model and keeps it under a name. */
  open(request: { name: string; source: ModelSource }, context: Context): Promise<ModelInfo>;
  forget(request: { name: string }, context: Context): Promise<void>;
  /** Reads a recipe; `form` is null where a form cannot show it whole. */
  read(request: { text: string }, context: Context): Promise<{ form: RecipeForm | null }>;
  preflight(request: MergeRequest, context: Context): Promise<Preflight>;
  /** The result is kept as a model named “merged”, to look into. */
  merge(request: { request: MergeRequest; target: MergeTarget }, context: Context): Promise<MergeResult>;
  /** A file of the last merge into private files. */
  file(request: { name: string }, context: Context): Promise<File>;
  /** Compares models with a base, tensor by tensor; emits `look` after each. Tensors that one lacks are left out. */
  look(request: { base: string; models: readonly string[] }, context: Context): Promise<{ left: number }>;
};
