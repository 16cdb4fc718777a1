// What each event of the session does to the page's state and to the run that is being stored. It starts and asks nothing.
import type { StoreApi } from "zustand/vanilla";
import type { EventOf } from "../../../../rpc/client";
import type { VideoSettings } from "../../protocol-video-page";
import type { VideoEvents } from "../../protocol-video-session";
import type { VideoKeeping } from "./keep";
import { type VideoState, videoSnapshot, withDrawn, withPreview, withRows } from "./state";

/** Does a piece of storing when there is a run to store into. */
export type Keep = (work: (kept: VideoKeeping) => Promise<void>) => void;

/** `settings` are those of the job that the event came from. */
export function takeEvent(
  { getState: get, setState: set }: StoreApi<VideoState>,
  keep: Keep,
  settings: VideoSettings,
  event: EventOf<VideoEvents>,
): void {
  switch (event.name) {
    case "device":
      set({ device: event.data });
      break;
    case "metrics": {
      const rows = event.data;
      // Going on from a state does the steps after it again.
      set((now) => ({ metrics: [...now.metrics.filter((m) => m.step < rows[0].step), ...rows] }));
      keep((kept) => kept.metrics(rows));
      break;
    }
    case "state": {
      const { steps, bytes } = event.data;
      const file = new Blob([bytes]);
      set({ training: { steps, file, settings } });
      keep((kept) => kept.training(file));
      // A tab that is closed later has this much to go on from.
      const snapshot = videoSnapshot(get());
      keep((kept) => kept.save(snapshot));
      break;
    }
    case "weights": {
      const { info, bytes } = event.data;
      const file = new Blob([bytes]);
      set({ weights: { state: "ready", value: info }, file });
      keep((kept) => kept.weights(file));
      break;
    }
    case "cost":
      set({ stepCost: event.data });
      break;
    case "drawn": {
      const clip = event.data;
      set((now) => ({ drawn: withDrawn(now.drawn, clip) }));
      break;
    }
    case "recovered": {
      const { data } = event;
      set((now) => ({ recovered: [...now.recovered, data] }));
      break;
    }
    case "step": {
      const { run, report } = event.data;
      set((now) => ({ steps: { ...now.steps, [run]: [...now.steps[run], report] } }));
      break;
    }
    case "preview": {
      const preview = event.data;
      set((now) => ({ live: withPreview(now.live, preview) }));
      break;
    }
    case "points": {
      const { keys } = event.data;
      set((now) => ({ ablation: { ...now.ablation, asked: keys } }));
      // A tab that is closed later knows what was asked for.
      const snapshot = videoSnapshot(get());
      keep((kept) => kept.save(snapshot));
      break;
    }
    case "row": {
      const { rows, asked } = get().ablation;
      const all = withRows(rows, [event.data]);
      set({ ablation: { rows: all, asked } });
      keep((kept) => kept.points(all));
      break;
    }
  }
}
