// The state machine of the page: models, recipe, preflight, merge, look inside. It talks to the worker through a client
// and knows no React. The recipe's text is what counts; the form is read from it.
import { createStore, type StoreApi } from "zustand/vanilla";
import { type ErrorRecord, TesseraError, toRecord } from "../../../base/errors";
import type { Progress } from "../../../base/task";
import type { Client } from "../../../rpc/client";
import type { RunState } from "../../../ui/run-clock";
import {
  type MergeParams,
  type MergeResult,
  type ModelInfo,
  type Preflight,
  type StageRates,
  settingsOf,
} from "../protocol";
import type {
  MergeEvents,
  MergeService,
  MergeTarget,
  MethodInfo,
  ModelSource,
  RecipeForm,
  TensorLook,
} from "../protocol-service";
import { begun, fitted, recipeText } from "./recipe-text";

export type ViewId = "recipe" | "preflight" | "result" | "look" | "paper";

export interface Job {
  kind: "merge" | "look";
  state: RunState;
  progress?: Progress;
  error?: unknown;
}

export interface MergeState {
  methods: readonly MethodInfo[];
  models: readonly ModelInfo[];
  /** Name of the model that is being opened. */
  opening: string | undefined;
  openError: unknown;
  /** True for the generated samples. */
  isSample: boolean;
  text: string;
  /** Null where a form cannot show the recipe whole, or there is none. */
  form: RecipeForm | null;
  recipeError: ErrorRecord | undefined;
  preflight: Preflight | undefined;
  target: MergeTarget & { name: string };
  job: Job;
  rates: StageRates | undefined;
  result: (MergeResult & { target: MergeTarget["kind"] }) | undefined;
  looks: readonly TensorLook[];
  looked: { base: string; models: readonly string[]; left: number } | undefined;
  view: ViewId;
}

export interface MergeLab {
  state: StoreApi<MergeState>;
  /** Asks the worker for its methods. */
  start(): Promise<void>;
  add(models: readonly { name: string; source: ModelSource }[]): Promise<void>;
  samples(): Promise<void>;
  remove(name: string): Promise<void>;
  setText(text: string): void;
  setForm(form: RecipeForm): void;
  setMethod(id: string): void;
  setTarget(target: MergeState["target"]): void;
  setView(view: ViewId): void;
  /** Reads the recipe and asks for a preflight; the latest settings count. */
  check(settings: MergeParams): void;
  merge(settings: MergeParams): Promise<void>;
  look(base: string, models: readonly string[]): Promise<void>;
  cancel(): void;
  pause(): Promise<void>;
  resume(): void;
  /** A file of the last merge. @throws TesseraError when it is not there any more. */
  file(name: string): Promise<File>;
  close(): void;
}

export const SAMPLES = ["base", "math", "code"] as const;
/** Name of a result among models. */
export const MERGED = "merged";

const PRIVATE = { kind: "private", name: "private files of this page" } as const;

const NOTHING: MergeState = {
  ...{ methods: [], models: [], opening: undefined, openError: undefined, isSample: false },
  ...{ text: "", form: null, recipeError: undefined, preflight: undefined, target: PRIVATE },
  ...{ job: { kind: "merge", state: "idle" }, rates: undefined, result: undefined },
  ...{ looks: [], looked: undefined, view: "recipe" },
};

const ACTIVE: readonly RunState[] = ["running", "pausing", "paused", "cancelling"];
export const isBusy = (job: Job): boolean => ACTIVE.includes(job.state);

/** Why Merge cannot be pressed, or undefined. */
export function whyNot({ models, opening, text, recipeError, preflight }: MergeState): string | undefined {
  if (opening !== undefined) return `Opening ${opening}`;
  if (models.length === 0) return "Add model folders first, or take the samples";
  if (text.trim() === "") return "A recipe is needed";
  if (recipeError) return "The recipe has a fault";
  if (!preflight) return "Checking the recipe";
  if (preflight.faults.length) return "The preflight found what cannot be merged";
  return undefined;
}

export function createMergeLab(
  client: Pick<Client<MergeService, MergeEvents>, "call" | "pause" | "resume" | "terminate">,
): MergeLab {
  const state = createStore<MergeState>(() => NOTHING);
  const { getState: get, setState: set } = state;
  let abort: AbortController | undefined;
  let wanted: MergeParams | undefined;
  let isChecking = false;
  let isStale = false;
  /** Sources of the models, for a worker that has to be started again. */
  const sources = new Map<string, ModelSource>();

  const put = (form: RecipeForm): void => set({ form, text: recipeText(form), preflight: undefined });
  const methodOf = (id: string): MethodInfo | undefined => get().methods.find((one) => one.id === id);

  const request = (settings: MergeParams) => ({
    text: get().text,
    file: "recipe",
    settings: settingsOf(settings),
  });

  const checkOnce = async (settings: MergeParams): Promise<void> => {
    const { text } = get();
    if (text.trim() === "") return set({ form: null, recipeError: undefined, preflight: undefined });
    try {
      const { form } = await client.call("read", { text });
      if (get().text === text) set({ form });
      const found = await client.call("preflight", request(settings));
      if (get().text === text) set({ preflight: found, recipeError: undefined });
    } catch (error) {
      if (get().text === text) set({ recipeError: toRecord(error), preflight: undefined });
    }
  };

  /** One check at a time; what changed meanwhile is checked after it. */
  const checkAll = async (): Promise<void> => {
    isChecking = true;
    while (isStale && wanted) {
      isStale = false;
      await checkOnce(wanted);
    }
    isChecking = false;
  };

  const run = async (kind: Job["kind"], work: (options: object) => Promise<void>): Promise<void> => {
    if (isBusy(get().job)) return;
    const own = new AbortController();
    abort = own;
    set({ job: { kind, state: "running" } });
    // Shown with the next progress: a picture for each of some hundred tensors would take longer than comparing them.
    const looks: TensorLook[] = [];
    const onProgress = (progress: Progress): void => {
      if (abort !== own || !isBusy(get().job)) return;
      set((now) => ({
        job: { ...now.job, progress },
        rates: (progress.partial as StageRates | undefined) ?? now.rates,
        looks: kind === "look" ? [...looks] : now.looks,
      }));
    };
    const onEvent = (event: { name: string; data: unknown }): void => {
      if (event.name === "look") looks.push(event.data as TensorLook);
    };
    try {
      await work({ signal: own.signal, onProgress, onEvent });
      if (kind === "look") set({ looks });
      set({ job: { kind, state: "done" } });
    } catch (error) {
      const isCancelled = own.signal.aborted || toRecord(error).code === "cancelled";
      set({ job: isCancelled ? { kind, state: "cancelled" } : { kind, state: "failed", error } });
      if (toRecord(error).code === "worker-died") await reopen();
    }
    client.resume();
  };

  /** Gives a new worker the models of the page. */
  const reopen = async (): Promise<void> => {
    for (const [name, source] of sources) await client.call("open", { name, source }).catch(() => {});
  };

  const open = async (name: string, source: ModelSource): Promise<void> => {
    set({ opening: name, openError: undefined });
    try {
      const info = await client.call("open", { name, source });
      sources.set(name, source);
      set((now) => ({ models: [...now.models.filter((model) => model.path !== name), info] }));
    } catch (error) {
      set({ openError: error });
    }
    set({ opening: undefined });
  };

  const recheck = (): void => {
    if (wanted) lab.check(wanted);
  };

  const lab: MergeLab = {
    state,
    async start() {
      if (get().methods.length === 0) set({ methods: await client.call("methods", {}) });
    },
    async add(models) {
      if (get().isSample) for (const name of SAMPLES) await lab.remove(name);
      set({ isSample: false });
      for (const { name, source } of models) await open(freeName(name, get().models), source);
      await lab.start();
      const { text, form, models: all } = get();
      const added = all.map((model) => model.path);
      const missing = added.filter(
        (path) => path !== form?.base && !form?.models.some((one) => one.path === path),
      );
      const method = methodOf(form?.method ?? "linear");
      if (text.trim() === "" && method && added.length) put(begun(method, added));
      else if (form && method && missing.length) {
        const more = missing.map((path) => ({ path, parameters: {} }));
        put(fitted({ ...form, models: [...form.models, ...more] }, method));
      }
      recheck();
    },
    async samples() {
      for (const { path } of get().models) await lab.remove(path);
      for (const name of SAMPLES) await open(name, { kind: "sample" });
      await lab.start();
      const method = methodOf("task_arithmetic");
      if (method && get().openError === undefined) put({ ...begun(method, SAMPLES), dtype: "bfloat16" });
      set({ isSample: true });
      recheck();
    },
    async remove(name) {
      await client.call("forget", { name });
      sources.delete(name);
      const { form } = get();
      set((now) => ({ models: now.models.filter((model) => model.path !== name) }));
      const method = form && methodOf(form.method);
      if (get().models.length === 0) set({ text: "", form: null, isSample: false });
      else if (form && method) {
        const base = form.base === name ? null : form.base;
        put(fitted({ ...form, base, models: form.models.filter((model) => model.path !== name) }, method));
      }
      recheck();
    },
    setText(text) {
      set({ text, preflight: undefined });
      recheck();
    },
    setForm(form) {
      put(form);
      recheck();
    },
    setMethod(id) {
      const method = methodOf(id);
      const { form, models } = get();
      if (!method) return;
      // Models that the method before had no room for come in again.
      const paths = models.map((model) => model.path);
      const used = form?.models ?? [];
      const rest = paths.filter((path) => path !== form?.base && !used.some((one) => one.path === path));
      const all = [...used, ...rest.map((path) => ({ path, parameters: {} }))];
      put(form ? fitted({ ...form, models: all }, method) : begun(method, paths));
      recheck();
    },
    setTarget: (target) => set({ target }),
    setView: (view) => set({ view }),
    check(settings) {
      wanted = settings;
      isStale = true;
      if (!isChecking) void checkAll();
    },
    merge: (settings) =>
      run("merge", async (options) => {
        const { target } = get();
        set({ result: undefined, rates: undefined, view: "result" });
        const { name: _, ...place } = target;
        const result = await client.call("merge", { request: request(settings), target: place }, options);
        set({ result: { ...result, target: target.kind }, rates: result.rates });
      }),
    look: (base, models) =>
      run("look", async (options) => {
        set({ looks: [], looked: { base, models, left: 0 }, view: "look" });
        const { left } = await client.call("look", { base, models }, options);
        set({ looked: { base, models, left } });
      }),
    cancel() {
      if (!isBusy(get().job)) return;
      set((now) => ({ job: { ...now.job, state: "cancelling" } }));
      abort?.abort();
      client.resume();
    },
    async pause() {
      if (get().job.state !== "running") return;
      set((now) => ({ job: { ...now.job, state: "pausing" } }));
      await client.pause();
      if (get().job.state === "pausing") set((now) => ({ job: { ...now.job, state: "paused" } }));
    },
    resume() {
      if (get().job.state !== "paused") return;
      client.resume();
      set((now) => ({ job: { ...now.job, state: "running" } }));
    },
    file(name) {
      if (get().result?.target !== "private")
        throw new TesseraError("file", `The result is not in the private files of the page: ${name}`);
      return client.call("file", { name });
    },
    close() {
      abort?.abort();
      client.terminate("its page was closed");
    },
  };
  return lab;
}

/** A name that no other model on the page has; @ and + mean a revision and an adapter in recipes. */
function freeName(name: string, models: readonly ModelInfo[]): string {
  const plain = name.replace(/[@+]/g, "-") || "model";
  let free = plain;
  for (let i = 2; free === MERGED || models.some((model) => model.path === free); i++) free = `${plain}-${i}`;
  return free;
}
