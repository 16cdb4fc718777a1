// The page of the workflow: two parts, one shown at a time, and what they share: workers, stored runs, the device's state.
// It draws the switch between them and nothing else.
import { SegmentedControl } from "@mantine/core";
import { useEffect, useMemo } from "react";
import { useStore } from "zustand";
import { connect } from "../../../rpc/client";
import { publishDeviceFailure, publishDeviceOpened, publishDeviceStatus } from "../../../ui/device-store";
import { onLeaving } from "../../../ui/leaving";
import { resumeId } from "../../../ui/resume";
import type { PanelProps } from "../../define";
import type { AttentionEvents, AttentionService, DeviceInfo } from "../protocol";
import { params as laboratory } from "../protocol-params";
import { PARTS, type PageSettings, pageParams, pick, videoParams } from "../protocol-video-page";
import type { VideoEvents, VideoService } from "../protocol-video-session";
import { browserRuns, storeKeeper } from "./keep";
import { Laboratory } from "./Laboratory";
import classes from "./Panel.module.css";
import { createLab, isBusy, type Lab } from "./store";
import { videoKeeper } from "./video/keep";
import { shippedWeights } from "./video/shipped";
import { createVideoLab, isVideoBusy, type VideoLab } from "./video/store";
import { VideoPart } from "./video/VideoPart";

/** A step of a larger model takes a software adapter many seconds, and a cancel is heard between steps. */
const CANCEL_WITHIN_MS = 60_000;

export default function Panel({ params, setParams }: PanelProps) {
  const { part } = params as PageSettings;
  const { lab, video } = useParts(part);
  const isLabBusy = useStore(lab.state, (state) => isBusy(state.job));
  const isVideo = useStore(video.state, (state) => isVideoBusy(state.job));
  return (
    <div className={classes.parts}>
      <SegmentedControl
        className={classes.switch}
        aria-label="Part of the workflow"
        data={PARTS.map((value) => ({ value, label: pageParams.part.labels?.[value] ?? value }))}
        value={part}
        onChange={(next) => setParams({ part: next } as object)}
      />
      {part === "video" ? (
        <VideoPart
          lab={video}
          settings={pick(videoParams, params)}
          setParams={setParams}
          blocked={isLabBusy ? "The attention laboratory is running" : undefined}
        />
      ) : (
        <Laboratory
          lab={lab}
          settings={pick(laboratory, params)}
          setParams={setParams}
          blocked={isVideo ? "The video transformer is running" : undefined}
        />
      )}
    </div>
  );
}

/** Both parts for the life of the page, each with a worker of its own that starts when it is first asked. */
function useParts(part: PageSettings["part"]): { lab: Lab; video: VideoLab } {
  const parts = useMemo(() => {
    const runs = browserRuns();
    return {
      lab: createLab(
        connect<AttentionService, AttentionEvents>(
          () => new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module" }),
        ),
        storeKeeper(runs),
      ),
      video: createVideoLab(
        connect<VideoService, VideoEvents>(
          () => new Worker(new URL("../engine/video/worker.ts", import.meta.url), { type: "module" }),
          { cancelWithinMs: CANCEL_WITHIN_MS },
        ),
        shippedWeights,
        videoKeeper(runs),
      ),
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the part that the address named when the page was opened
  useEffect(() => {
    const { lab, video } = parts;
    const id = resumeId();
    if (id) void (part === "video" ? video.reopen(id) : lab.reopen(id));
    else void video.findInterrupted();
    const stops = [
      lab.state.subscribe(publishDevice),
      video.state.subscribe(publishDevice),
      onLeaving(video.saveState),
    ];
    return () => {
      for (const stop of stops) stop();
      lab.close();
      video.close();
    };
  }, [parts]);
  // Comes after the effect above, which may have begun to open a stored run.
  useEffect(() => {
    const { state, takeShipped } = parts.video;
    if (part === "video" && state.getState().weights.state === "none") void takeShipped();
  }, [part, parts]);
  return parts;
}

interface Shown {
  device: DeviceInfo | undefined;
  job: { error?: unknown };
}

function publishDevice(now: Shown, before: Shown): void {
  const { device, job } = now;
  if (job.error !== before.job.error && job.error !== undefined) publishDeviceFailure(job.error);
  if (!device || device === before.device || device.isLost) return;
  publishDeviceOpened(device);
  publishDeviceStatus({ bytesInUse: device.bytesInUse, bytesAllocated: device.bytesAllocated });
}
