// The views of the video transformer as tabs, under what holds for all of them: stored runs, a lost device, other settings.
import { Button, Stack, Tabs } from "@mantine/core";
import { toRecord } from "../../../../../base/errors";
import { Warning } from "../../../../../ui/states";
import classes from "../../views/Views.module.css";
import type { VideoState, VideoViewId } from "../state";
import { isVideoBusy } from "../store";
import { changedVideoSettings } from "../words";
import { ClipsView } from "./ClipsView";
import { ScheduleView } from "./ScheduleView";
import type { VideoViewProps } from "./shared";
import { TrainingView } from "./TrainingView";
import { VideoPaperView } from "./VideoPaperView";
import { VideoTimeView } from "./VideoTimeView";

const TABS: readonly (readonly [VideoViewId, string, (props: VideoViewProps) => React.ReactNode])[] = [
  ["training", "Training", TrainingView],
  ["clips", "Clips", ClipsView],
  ["schedule", "Schedule", ScheduleView],
  ["time", "Time", VideoTimeView],
  ["paper", "The paper", VideoPaperView],
];

export function VideoViews(props: VideoViewProps) {
  const { lab, state } = props;
  return (
    <Stack gap="md">
      <Notices {...props} />
      <Tabs value={state.view} onChange={(next) => next && lab.show(next as VideoViewId)} keepMounted={false}>
        <Tabs.List aria-label="Views of the results" className={classes.tabs}>
          {TABS.map(([id, label]) => (
            <Tabs.Tab key={id} value={id}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(([id, , View]) => (
          <Tabs.Panel key={id} value={id} pt="md">
            <Stack gap="md">
              <View {...props} />
            </Stack>
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}

function Notices({ lab, state, settings }: VideoViewProps) {
  const { saved, job, keepError, training, ran } = state;
  const isBusy = isVideoBusy(job);
  const changed = changedNow(state, settings);
  const isLost = job.error !== undefined && toRecord(job.error).code === "device-lost";
  const steps = training?.steps ?? 0;
  const canGoOn = training !== undefined && !isBusy && steps < settings.trainSteps;
  return (
    <>
      {isLost && (
        <Warning title="The GPU was lost during the run">
          What was computed is kept. The next run asks for a new device.
        </Warning>
      )}
      {saved && (
        <Warning title={`Stored run: ${saved.name}`}>
          These figures were stored when it ran ({saved.state}).
        </Warning>
      )}
      {canGoOn && ran.train && (
        <Warning title={`Training can go on from step ${steps.toLocaleString("en")}`}>
          It was stopped, or the form asks for more steps than it had. Going on needs the same sizes and
          optimiser; “Train” begins anew.
          <div>
            <Button variant="default" mt={8} onClick={() => void lab.goOn(settings)}>
              {`Go on to step ${settings.trainSteps.toLocaleString("en")}`}
            </Button>
          </div>
        </Warning>
      )}
      {changed.length > 0 && !isBusy && (
        <Warning title="What is shown is of other settings">
          Changed since it ran: {changed.join(", ")}. Run it again for the new ones.
        </Warning>
      )}
      {keepError !== undefined && (
        <Warning title="This run could not be stored">
          {toRecord(keepError).message} The results on this page are not touched by that.
        </Warning>
      )}
    </>
  );
}

/** Settings that changed since the results of the view were made. */
function changedNow(
  { view, ran, metrics, steps }: VideoState,
  settings: VideoViewProps["settings"],
): string[] {
  const kind = view === "training" ? "train" : "sample";
  const of = ran[kind];
  const has = kind === "train" ? metrics.length > 0 : steps.sparse.length > 0;
  return of && has ? changedVideoSettings(kind, of, settings) : [];
}
