// The views of the video transformer as tabs, under the notices that hold for all of them.
import { Stack, Tabs } from "@mantine/core";
import classes from "../../views/Views.module.css";
import type { VideoViewId } from "../state";
import { AblationView } from "./AblationView";
import { ClipsView } from "./ClipsView";
import { Notices } from "./Notices";
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
  ["ablation", "Ablation", AblationView],
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
