// Loss curves of stored trainings that are drawn beside the one that is shown: which there are, and those that were chosen.
import { createStore, type StoreApi } from "zustand/vanilla";
import type { VideoMetrics } from "../../protocol-video-session";
import type { StoredTraining, VideoKeeper } from "./keep";

export interface Curve extends StoredTraining {
  metrics: readonly VideoMetrics[];
}

export interface CurvesState {
  /** All but the training that is shown, newest first; undefined before they were read. */
  runs: readonly StoredTraining[] | undefined;
  /** The chosen ones, in the order in which they were chosen. */
  shown: readonly Curve[];
  /** What could not be read. */
  error: unknown;
}

export interface Curves {
  state: StoreApi<CurvesState>;
  /** Reads which trainings are stored; chosen ones that are gone, or are shown anyway, are left out. */
  list(): Promise<void>;
  /** Draws the curve of a run, or takes it away. */
  toggle(id: string): Promise<void>;
}

/** `own` gives the id of the run that is shown; without a keeper nothing is stored. */
export function createCurves(
  keeper: VideoKeeper | undefined,
  own: () => Promise<string | undefined>,
): Curves {
  const state = createStore<CurvesState>(() => ({ runs: undefined, shown: [], error: undefined }));
  const { getState: get, setState: set } = state;
  return {
    state,
    async list() {
      try {
        const mine = await own().catch(() => undefined);
        const runs = (await keeper?.trainings())?.filter(({ id }) => id !== mine) ?? [];
        const shown = get().shown.filter((curve) => runs.some(({ id }) => id === curve.id));
        set({ runs, shown, error: undefined });
      } catch (error) {
        set({ error });
      }
    },
    async toggle(id) {
      const without = get().shown.filter((curve) => curve.id !== id);
      if (without.length < get().shown.length) return set({ shown: without });
      const run = get().runs?.find((one) => one.id === id);
      if (!run || !keeper) return;
      // Chosen at once; its line follows when it is read.
      set({ shown: [...without, { ...run, metrics: [] }], error: undefined });
      try {
        const metrics = await keeper.curve(id);
        set(({ shown }) => ({ shown: shown.map((one) => (one.id === id ? { ...one, metrics } : one)) }));
      } catch (error) {
        set(({ shown }) => ({ shown: shown.filter((one) => one.id !== id), error }));
      }
    },
  };
}
