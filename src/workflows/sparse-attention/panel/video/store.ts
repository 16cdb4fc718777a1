// The state machine of the video transformer's page: weights, training, sampling. It talks to the session through a client
// and knows neither React nor the GPU. Results survive a failure, a cancel and a dead worker.
import { createStore, type StoreApi } from "zustand/vanilla";
import { TesseraError, toRecord } from "../../../../base/errors";
import type { CallOptions, Client } from "../../../../rpc/client";
import { parseRows } from "../../protocol-video-ablate";
import { clipOf, sparseOf, type VideoSettings } from "../../protocol-video-page";
import type { VideoEvents, VideoService } from "../../protocol-video-session";
import { isHeldElsewhere, takenUp } from "../in-turn";
import { type Curves, createCurves } from "./curves";
import { type Keep, takeEvent } from "./events";
import type { VideoKeeper, VideoKeeping } from "./keep";
import { SHIPPED_NAME } from "./shipped";
import {
  type Interrupted,
  NO_VIDEO,
  restoredVideo,
  VIEW_OF,
  type VideoJob,
  type VideoState,
  type VideoViewId,
  videoSnapshot,
  withRows,
} from "./state";

export type VideoClient = Pick<Client<VideoService, VideoEvents>, "call" | "pause" | "resume" | "terminate">;

export interface VideoLab {
  state: StoreApi<VideoState>;
  /** Curves of stored trainings beside the one that is shown. */
  curves: Curves;
  show(view: VideoViewId): void;
  /** Takes the weights that come with the page. */
  takeShipped(): Promise<void>;
  /** Reads a file of weights; what is wrong with it is kept in `weights`, and the weights before stay in use. */
  loadWeights(file: Blob, name: string): Promise<void>;
  /** Asks for sizes and cost; the latest of several answers counts. */
  inspect(settings: VideoSettings): Promise<void>;
  /** From fresh weights. */
  train(settings: VideoSettings): Promise<void>;
  /** From the state that is there, to the number of steps of the form. */
  goOn(settings: VideoSettings): Promise<void>;
  sample(settings: VideoSettings): Promise<void>;
  /** Multiplies the learning rate of a training that runs. */
  setRate(factor: number): void;
  /** Has a training that runs hand out its state after the current step, and stores it. */
  saveState(): void;
  /** Asks what the grid would cost; the latest of several answers counts. */
  planAblation(settings: VideoSettings): Promise<void>;
  /** Runs the points of the grid that are not there. */
  ablate(settings: VideoSettings): Promise<void>;
  /** Adds the points of a results file. @throws TesseraError `ablation` when it holds none. */
  addPoints(file: Blob, name: string): Promise<void>;
  choosePoint(key: string): void;
  /** The clips that are shown as an npz. @throws TesseraError what the session throws. */
  clipsFile(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  cancel(): void;
  pause(): Promise<void>;
  resume(): void;
  /** Shows a stored run; what is wrong with its training state is kept in `stateError`. */
  reopen(id: string): Promise<void>;
  /** Looks for a training or a grid that a closed page left unfinished. */
  findInterrupted(): Promise<void>;
  /** Opens it and goes on with it, by its own settings. */
  takeUp(found: Interrupted): Promise<void>;
  /** Ends what runs and the worker; of a training the last state is stored first. */
  close(): void;
}

type Options = CallOptions<VideoEvents>;
const ACTIVE: readonly VideoJob["state"][] = ["running", "pausing", "paused", "cancelling"];
export const isVideoBusy = (job: VideoJob): boolean => ACTIVE.includes(job.state);

/** Makes the store; `shipped` reads the weights that come with the page; without a keeper runs are not stored. */
export function createVideoLab(
  client: VideoClient,
  shipped: () => Promise<Blob>,
  keeper?: VideoKeeper,
): VideoLab {
  const state = createStore<VideoState>(() => NO_VIDEO);
  const { getState: get, setState: set } = state;
  let abort: AbortController | undefined;
  let running: Promise<void> | undefined;
  let inspections = 0;
  let plans = 0;
  let keeping: VideoKeeping | undefined;
  /** False while the worker does not hold the weights that the page shows. */
  let isHeld = false;

  const failed = (thrown: unknown): void => {
    const { code } = toRecord(thrown);
    if (code === "worker-died") isHeld = false;
    const { device } = get();
    if (code === "device-lost" && device) set({ device: { ...device, isLost: true } });
  };
  const keep: Keep = (work) => {
    if (keeping) void work(keeping).catch((error: unknown) => set({ keepError: error }));
  };
  /** Gives the worker the weights again, where a new worker has not got them. */
  const holdWeights = async (): Promise<void> => {
    const { file, weights } = get();
    if (isHeld) return;
    if (!file || !weights.value)
      throw new TesseraError("no-weights", "There are no weights: train some, or drop a file of them.");
    await client.call("loadWeights", { blob: file, name: weights.value.name });
    isHeld = true;
  };

  const keepPoints = (): void => {
    const { rows } = get().ablation;
    if (rows.length > 0) keep((kept) => kept.points(rows));
  };
  /** Takes the stored run up again. @throws TesseraError `run-held` when another tab works on it. */
  const takeUpRun = (): Promise<void> =>
    takenUp(keeping?.resume(get().device?.name ?? ""), (keepError) => set({ keepError }));
  /** Stores into the run that is shown; weights out of a file begin one. @throws TesseraError `run-held`. */
  const keepOn = async (settings: VideoSettings): Promise<void> => {
    const { weights, file } = get();
    if (!keeping && keeper && file && weights.value) {
      keeping = keeper.begin(settings, weights.value.name);
      keep((kept) => kept.weights(file));
    } else await takeUpRun();
  };

  /** Runs one long job; the store's `job` tells of it, and what it threw stays there. */
  const run = async (...job: Parameters<typeof runOne>): Promise<void> => {
    if (isVideoBusy(get().job)) return;
    running = runOne(...job);
    await running;
    running = undefined;
  };
  const runOne = async (
    kind: VideoJob["kind"],
    settings: VideoSettings,
    work: (options: Options) => Promise<void>,
  ): Promise<void> => {
    const own = new AbortController();
    abort = own;
    const view = VIEW_OF[kind];
    set((now) => ({ job: { kind, state: "running" }, view, ran: { ...now.ran, [kind]: settings } }));
    const options: Options = {
      signal: own.signal,
      onEvent(event) {
        if (event.name === "weights") isHeld = true;
        takeEvent(state, keep, settings, event);
      },
      onProgress(progress) {
        if (abort === own && isVideoBusy(get().job)) set((now) => ({ job: { ...now.job, progress } }));
      },
    };
    try {
      await work(options);
      set({ job: { kind, state: "done" } });
    } catch (error) {
      failed(error);
      const isCancelled = own.signal.aborted || toRecord(error).code === "cancelled";
      set({ job: isCancelled ? { kind, state: "cancelled" } : { kind, state: "failed", error } });
    }
    // A pause that came after the last gate must not hold the next job.
    client.resume();
    if (isHeldElsewhere(get().job.error)) return;
    const { job, device } = get();
    const snapshot = videoSnapshot(get());
    keep((kept) => kept.finish(job, snapshot, device?.name ?? ""));
  };

  const trainFrom = (settings: VideoSettings, from: Blob | null, options: Options): Promise<void> =>
    client.call("train", { settings, state: from }, options).then((trained) => {
      set({ trained, device: trained.device });
    });

  const takeWeights = async (read: () => Promise<Blob>, name: string): Promise<void> => {
    const before = get().weights.value;
    set({ weights: { state: "waiting", value: before } });
    try {
      const file = await read();
      const value = await client.call("loadWeights", { blob: file, name });
      isHeld = true;
      keeping = undefined;
      // What was trained and sampled before belongs to other weights; points say themselves which are theirs.
      const { device, inspection, interrupted, ablation } = get();
      set({
        ...NO_VIDEO,
        view: "clips",
        device,
        inspection,
        interrupted,
        ablation,
        weights: { state: "ready", value },
        file,
      });
    } catch (error) {
      failed(error);
      set({ weights: { state: "failed", value: before, error } });
    }
  };

  const goOn = (settings: VideoSettings): Promise<void> =>
    run("train", settings, async (options) => {
      await takeUpRun();
      set({ trained: undefined });
      await trainFrom(settings, get().training?.file ?? null, options);
    });

  const ablate = (settings: VideoSettings): Promise<void> =>
    run("ablate", settings, async (options) => {
      await keepOn(settings);
      keepPoints();
      await holdWeights();
      const done = get().ablation.rows.map((row) => row.key);
      const { device } = await client.call("ablate", { settings, done }, options);
      set({ device });
    });

  const reopen = async (id: string): Promise<void> => {
    if (!keeper) return;
    isHeld = false;
    set({ ...NO_VIDEO, weights: { state: "waiting" } });
    try {
      const stored = await keeper.open(id);
      let steps: number | undefined;
      let stateError: unknown;
      try {
        if (stored.training) ({ steps } = await client.call("readState", { blob: stored.training }));
      } catch (error) {
        failed(error);
        stateError = error;
      }
      set({ ...restoredVideo(stored, steps), stateError });
      keeping = keeper.again(id);
    } catch (error) {
      set({ weights: { state: "failed", error } });
    }
  };

  const saveState = (): void => {
    const { kind, state: now } = get().job;
    // A worker that dies meanwhile tells so by the training's own call.
    if (kind === "train" && now === "running") void client.call("saveState", {}).catch(() => {});
  };

  return {
    state,
    curves: createCurves(keeper, async () => keeping?.id),
    saveState,
    setRate(factor) {
      const { job } = get();
      if (job.kind !== "train" || !isVideoBusy(job)) return;
      set({ rateFactor: factor });
      // A worker that dies meanwhile tells so by the training's own call.
      void client.call("setRate", { factor }).catch(() => {});
    },
    show: (view) => set({ view }),
    takeShipped: () => takeWeights(shipped, SHIPPED_NAME),
    loadWeights: (file, name) => takeWeights(async () => file, name),
    async inspect(settings) {
      const mine = ++inspections;
      set({ inspection: { state: "waiting", value: get().inspection.value } });
      try {
        const value = await client.call("inspect", { settings });
        if (mine === inspections) set({ inspection: { state: "ready", value } });
      } catch (error) {
        failed(error);
        if (mine === inspections) set({ inspection: { state: "failed", error } });
      }
    },
    train: (settings) =>
      run("train", settings, (options) => {
        // The weights that were there stay in use until the new ones come.
        const { device, job, view, inspection, weights, file, ablation } = get();
        set({
          ...NO_VIDEO,
          device,
          job,
          view,
          inspection,
          weights,
          file,
          ablation,
          ran: { train: settings },
        });
        keeping = keeper?.begin(settings, `Video ${settings.modelSize}, ${settings.trainSteps} steps`);
        return trainFrom(settings, null, options);
      }),
    goOn,
    sample: (settings) =>
      run("sample", settings, async (options) => {
        await keepOn(settings);
        set({
          live: {},
          steps: { dense: [], sparse: [] },
          sampled: undefined,
          sampledWith: get().weights.value,
        });
        await holdWeights();
        const sampled = await client.call("sample", { settings }, options);
        set({ sampled, device: sampled.device, live: {} });
        keep((kept) => kept.clips(sampled));
      }),
    async planAblation(settings) {
      const mine = ++plans;
      if (!get().weights.value) return set({ plan: { state: "none" } });
      set({ plan: { state: "waiting", value: get().plan.value } });
      try {
        await holdWeights();
        const done = get().ablation.rows.map((row) => row.key);
        const value = await client.call("planAblation", { settings, done });
        if (mine === plans) set({ plan: { state: "ready", value } });
      } catch (error) {
        failed(error);
        if (mine === plans) set({ plan: { state: "failed", error } });
      }
    },
    ablate,
    async addPoints(file, name) {
      const rows = parseRows(await file.text());
      if (rows.length === 0)
        throw new TesseraError(
          "ablation",
          `There is no line of an ablation's results in this file: ${name}`,
          { name },
        );
      set(({ ablation }) => ({ ablation: { ...ablation, rows: withRows(ablation.rows, rows) } }));
    },
    choosePoint: (point) => set({ point }),
    async clipsFile() {
      const { sampled, sampledWith: weights, ran } = get();
      if (!sampled) return undefined;
      const { dense, sparse, config, caption, comparison } = sampled;
      const settings = ran.sample && { ...clipOf(ran.sample), ...sparseOf(ran.sample) };
      const parameters = { caption, config, settings, weights, comparison };
      return client.call("clipsFile", { dense, sparse, size: config, parameters });
    },
    cancel() {
      if (!isVideoBusy(get().job)) return;
      set((now) => ({ job: { ...now.job, state: "cancelling" } }));
      abort?.abort();
      client.resume();
    },
    async pause() {
      if (get().job.state !== "running") return;
      saveState(); // nobody knows how long a pause is
      set((now) => ({ job: { ...now.job, state: "pausing" } }));
      await client.pause();
      if (get().job.state === "pausing") set((now) => ({ job: { ...now.job, state: "paused" } }));
    },
    resume() {
      if (get().job.state !== "paused") return;
      client.resume();
      set((now) => ({ job: { ...now.job, state: "running" } }));
    },
    reopen,
    async findInterrupted() {
      // Where nothing can be stored, nothing was interrupted.
      const found = await keeper?.interrupted().catch(() => undefined);
      set({ interrupted: found });
    },
    async takeUp({ id, kind }) {
      await reopen(id);
      const { training, ran } = get();
      if (kind === "ablate" && ran.ablate) await ablate(ran.ablate);
      if (kind === "train" && training) await goOn(training.settings);
    },
    close() {
      abort?.abort();
      client.resume();
      const end = (): void => client.terminate("its page was closed");
      if (running) void running.then(end);
      else end();
    },
  };
}
