// The state machine of the page: empty, loaded, inspected, running, done. It talks to the session through a client and
// knows neither React nor the GPU. Results survive a failure, a cancel and a lost device.
import { createStore, type StoreApi } from "zustand/vanilla";
import { TesseraError, toRecord } from "../../../base/errors";
import type { CallOptions, Client } from "../../../rpc/client";
import type { ParamsOf } from "../../../rpc/wire";
import type {
  AttentionEvents,
  AttentionService,
  CurveSettings,
  ExportedFile,
  ExportFormat,
  HeadResult,
  InputSource,
  MeasureSettings,
} from "../protocol";
import type { Settings, SynthSettings } from "../protocol-params";
import { isHeldElsewhere, takenUp } from "./in-turn";
import type { Keeper, Keeping } from "./keep";
import {
  type Choices,
  EXAMPLES,
  type Job,
  type LabState,
  NO_RESULTS,
  NOTHING,
  restored,
  snapshotOf,
  summarise,
  unfinished,
} from "./state";

export type LabClient = Pick<
  Client<AttentionService, AttentionEvents>,
  "call" | "pause" | "resume" | "terminate"
>;

export interface Lab {
  state: StoreApi<LabState>;
  /** Reads a file or generates tensors; a failure is kept in `input` and leaves no results of the input before. */
  load(source: InputSource): Promise<void>;
  /** Loads the generated example in the size that suits the device. */
  example(): Promise<void>;
  /** Reads the same file with another naming pattern. */
  match(pattern: string): Promise<void>;
  /** Triples to analyse, by id; empty = all. */
  choose(triples: readonly string[]): void;
  set(change: Partial<Choices>): void;
  /** Asks for sizes and cost; the latest of several answers counts. */
  inspect(settings: Settings): Promise<void>;
  analyse(settings: Settings): Promise<void>;
  /** Runs the triples that the last run left undone, with its settings, and keeps those that it finished. */
  goOn(): Promise<void>;
  drawCurves(settings: Settings, request: CurveSettings): Promise<void>;
  measure(settings: Settings, request: MeasureSettings): Promise<void>;
  cancel(): void;
  pause(): Promise<void>;
  resume(): void;
  /** Chooses a head and fetches its block map, where the session has it. */
  select(triple: string, head: number): Promise<void>;
  /** @throws TesseraError as the session does. */
  exportFile(format: ExportFormat): Promise<ExportedFile>;
  /** The generator's tensors as a file. @throws TesseraError as the session does. */
  synthFile(settings: SynthSettings): Promise<ExportedFile>;
  /** Shows the stored run; of a generated input it can also be run again. */
  reopen(id: string): Promise<void>;
  close(): void;
}

type Options = CallOptions<AttentionEvents>;
const ACTIVE: readonly Job["state"][] = ["running", "pausing", "paused", "cancelling"];
export const isBusy = (job: Job): boolean => ACTIVE.includes(job.state);

/** Makes the store; without a keeper runs are not stored. */
export function createLab(client: LabClient, keeper?: Keeper): Lab {
  const state = createStore<LabState>(() => NOTHING);
  const { getState: get, setState: set } = state;
  let abort: AbortController | undefined;
  let inspections = 0;
  let maps = 0;
  let loads = 0;
  let keeping: Keeping | undefined;
  /** False while the worker does not hold the input that the page shows: before a load, and after its death. */
  let isHeld = false;
  let holding: Promise<void> | undefined;

  const failed = (thrown: unknown): void => {
    const { code } = toRecord(thrown);
    if (code === "worker-died") isHeld = false;
    const { device } = get();
    if (code === "device-lost" && device) set({ device: { ...device, isLost: true } });
  };
  const keep = (work: (kept: Keeping) => Promise<void>): void => {
    if (keeping) void work(keeping).catch((error: unknown) => set({ keepError: error }));
  };
  /** Gives the worker the input again, where a new worker has not got it. */
  const holdInput = async (): Promise<void> => {
    const { source } = get();
    if (isHeld) return;
    if (!source)
      throw new TesseraError("no-input", "The tensors of a stored run are not kept: drop their file again.");
    holding ??= client.call("load", source).then(
      () => {
        isHeld = true;
        holding = undefined;
      },
      (error: unknown) => {
        holding = undefined;
        throw error;
      },
    );
    await holding;
  };
  const takeHead = (result: HeadResult): void => {
    set((now) => ({ heads: [...now.heads, result] }));
    keep((kept) => kept.head(result, snapshotOf(get())));
    const { selected } = get();
    if (!selected || (selected.triple === result.triple && selected.head === result.head))
      void lab.select(result.triple, result.head);
  };

  /** Runs one long job; the store's `job` tells of it, and what it threw stays there. */
  const run = async (
    kind: Job["kind"],
    settings: Settings,
    work: (options: Options) => Promise<void>,
  ): Promise<void> => {
    if (isBusy(get().job)) return;
    const own = new AbortController();
    abort = own;
    set((now) => ({ job: { kind, state: "running" }, ran: { ...now.ran, [kind]: settings } }));
    const onEvent: Options["onEvent"] = (event) => {
      if (event.name === "device") set({ device: event.data });
      else if (event.name === "head") takeHead(event.data);
      else if (event.name === "curve") set((now) => ({ curves: [...now.curves, event.data] }));
      else if (event.name === "time") set((now) => ({ times: [...now.times, event.data] }));
    };
    const onProgress: Options["onProgress"] = (progress) => {
      if (abort === own && isBusy(get().job)) set((now) => ({ job: { ...now.job, progress } }));
    };
    try {
      await work({ signal: own.signal, onEvent, onProgress });
      set({ job: { kind, state: "done" } });
    } catch (error) {
      failed(error);
      // A worker that had to be ended because it did not hear the cancel is a cancelled run all the same.
      const isCancelled = own.signal.aborted || toRecord(error).code === "cancelled";
      set({ job: isCancelled ? { kind, state: "cancelled" } : { kind, state: "failed", error } });
    }
    // A pause that came after the last gate must not hold the next job.
    client.resume();
    if (isHeldElsewhere(get().job.error)) return;
    const { job, heads, device } = get();
    const snapshot = snapshotOf(get());
    const adapter = device?.name ?? "";
    if (kind === "analyse")
      keep((kept) => kept.finish({ job, snapshot, summary: summarise(heads), adapter }));
    else if (snapshot) keep((kept) => kept.save(snapshot));
  };

  const take = async (source: InputSource): Promise<void> => {
    const mine = ++loads;
    isHeld = false;
    keeping = undefined;
    set({ ...NO_RESULTS, source, input: { state: "waiting" } });
    try {
      const value = await client.call("load", source);
      if (mine !== loads) return;
      isHeld = true;
      set({ input: { state: "ready", value } });
    } catch (error) {
      if (mine === loads) set({ input: { state: "failed", error } });
    }
    if (source.kind === "file" && mine === loads) lab.set({ view: "tensors" });
  };

  const analyse = async (request: ParamsOf<AttentionService, "analyse">, options: Options): Promise<void> => {
    maps++;
    set({ analysis: undefined, map: NOTHING.map });
    if (get().choices.view === "tensors") lab.set({ view: "overview" });
    await holdInput();
    const before = get().heads;
    const analysis = await client.call("analyse", request, options);
    set({ analysis, heads: [...before, ...analysis.heads], device: analysis.device });
    const { selected, heads } = get();
    const isThere = heads.some((h) => h.triple === selected?.triple && h.head === selected.head);
    if (!isThere) void lab.select(heads[0].triple, heads[0].head);
  };

  const lab: Lab = {
    state,
    load(source) {
      set({ pattern: (source.kind === "file" && source.pattern) || "" });
      return take(source);
    },
    async example() {
      const mine = ++loads;
      set({ ...NO_RESULTS, source: undefined, input: { state: "waiting" } });
      // Without a device the tensors can still be looked at; the run says what is missing.
      const device = await client.call("device", {}).catch(() => undefined);
      if (mine !== loads) return;
      set({ device });
      const synth = EXAMPLES[device && !device.software ? "gpu" : "software"];
      lab.set({ synth });
      await lab.load({ kind: "synth", settings: synth });
    },
    async match(pattern) {
      const { source } = get();
      if (source?.kind === "file") await lab.load({ ...source, pattern });
    },
    choose: (chosen) => set({ chosen }),
    set: (change) => set((now) => ({ choices: { ...now.choices, ...change } })),
    async inspect(settings) {
      const mine = ++inspections;
      const { input, source, inspection } = get();
      if (input.state !== "ready" || !source) return;
      set({ inspection: { state: "waiting", value: inspection.value } });
      try {
        await holdInput();
        const found = await client.call("inspect", { settings, triples: get().chosen });
        if (mine === inspections) set({ inspection: { state: "ready", value: found } });
      } catch (error) {
        failed(error);
        if (mine === inspections) set({ inspection: { state: "failed", error } });
      }
    },
    analyse: (settings) =>
      run("analyse", settings, (options) => {
        const { chosen, input, saved, job } = get();
        // Curves and times of a stored run do not belong to the new one.
        if (saved) set({ ...NO_RESULTS, chosen, job, ran: { analyse: settings } });
        set({ heads: [], keepError: undefined });
        keeping = keeper?.begin({ settings, name: input.value?.name ?? "attention" });
        return analyse({ settings, triples: chosen }, options);
      }),
    async goOn() {
      const left = unfinished(get());
      const settings = get().ran.analyse;
      if (!settings || left.length === 0) return;
      await run("analyse", settings, async (options) => {
        const resumed = keeping?.resume(get().device?.name ?? "");
        await takenUp(resumed, (keepError) => set({ keepError }));
        set((now) => ({ heads: now.heads.filter((h) => !left.includes(h.triple)), saved: undefined }));
        await analyse({ settings, triples: left, goesOn: true }, options);
      });
    },
    drawCurves: (settings, request) =>
      run("curves", settings, async (options) => {
        set({ curves: [], curvesAt: request.sparsities, left: [] });
        await holdInput();
        const { curves, left } = await client.call("curves", { settings, curves: request }, options);
        set({ curves, left });
      }),
    measure: (settings, request) =>
      run("measure", settings, async (options) => {
        set({ times: [], measurement: undefined });
        await holdInput();
        const measurement = await client.call("measure", { settings, measure: request }, options);
        set({ measurement, times: measurement.times, device: measurement.device });
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
    async select(triple, head) {
      const mine = ++maps;
      const { saved } = get();
      set({ selected: { triple, head }, map: { state: saved ? "none" : "waiting" } });
      if (saved) return;
      try {
        const value = await client.call("map", { triple, head });
        if (mine === maps) set({ map: { state: "ready", value } });
      } catch (error) {
        failed(error);
        if (mine === maps) set({ map: { state: "failed", error } });
      }
    },
    exportFile(format) {
      const { selected, heads } = get();
      const triple = selected?.triple ?? heads[0]?.triple ?? "";
      return client.call("exportFile", { format, triple });
    },
    synthFile: (settings) => client.call("synth", { settings }),
    async reopen(id) {
      if (!keeper) return;
      set({ ...NOTHING, input: { state: "waiting" } });
      isHeld = false;
      try {
        const { run: record, snapshot } = await keeper.open(id);
        set(restored(record, snapshot));
        keeping = keeper.again(id);
      } catch (error) {
        set({ input: { state: "failed", error } });
      }
    },
    close() {
      abort?.abort();
      client.terminate("its page was closed");
    },
  };
  return lab;
}
