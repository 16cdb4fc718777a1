// The views of the laboratory as tabs, under what holds for all of them: where the figures come from and their warnings.
import { Button, Stack, Tabs } from "@mantine/core";
import { useStore } from "zustand";
import { toRecord } from "../../../../base/errors";
import { Warning } from "../../../../ui/states";
import type { Settings } from "../../protocol-params";
import { type Job, type LabState, unfinished, type ViewId } from "../state";
import { isBusy, type Lab } from "../store";
import { changedSettings } from "../words";
import { BlockMapView } from "./BlockMapView";
import { CurvesView } from "./CurvesView";
import { ErrorView } from "./ErrorView";
import { Overview } from "./Overview";
import { PaperView } from "./PaperView";
import type { ViewProps } from "./shared";
import { TensorsView } from "./TensorsView";
import { TimeView } from "./TimeView";
import classes from "./Views.module.css";

const TABS: readonly (readonly [ViewId, string, (props: ViewProps) => React.ReactNode])[] = [
  ["tensors", "Tensors", TensorsView],
  ["overview", "Overview", Overview],
  ["map", "Block map", BlockMapView],
  ["curves", "Curves", CurvesView],
  ["time", "Time", TimeView],
  ["error", "Error", ErrorView],
  ["paper", "The paper", PaperView],
];

/** Whose results a view shows; a change of settings after that job is told above it. */
const SHOWS: Readonly<Partial<Record<ViewId, Job["kind"]>>> = {
  overview: "analyse",
  map: "analyse",
  error: "analyse",
  curves: "curves",
  time: "measure",
};

export function Views(props: Omit<ViewProps, "state">) {
  const { lab, settings } = props;
  const state = useStore(lab.state);
  const { view } = state.choices;
  return (
    <Stack gap="md">
      <Notices lab={lab} state={state} settings={settings} />
      <Tabs value={view} onChange={(next) => next && lab.set({ view: next as ViewId })}>
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
              <View {...props} state={state} />
            </Stack>
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  );
}

function Notices({ lab, state, settings }: { lab: Lab; state: LabState; settings: Settings }) {
  const { saved, ran, heads, job, keepError, source } = state;
  const kind = SHOWS[state.choices.view];
  const of = kind && ran[kind];
  const hasResults = { analyse: heads, curves: state.curves, measure: state.times };
  const isShown = kind !== undefined && hasResults[kind].length > 0 && !isBusy(job);
  const changed = of && isShown ? changedSettings(kind, of, settings) : [];
  const isLost = job.error !== undefined && toRecord(job.error).code === "device-lost";
  const left = unfinished(state);
  return (
    <>
      {isLost && (
        <Warning title="The GPU was lost during the run">
          {heads.length > 0 ? `The ${heads.length} heads that were done are kept. ` : ""}
          The next run asks for a new device.
        </Warning>
      )}
      {saved && (
        <Warning title={`Stored run: ${saved.name}`}>
          These figures were stored when it ran ({saved.state}); masks and block maps are not kept with a run.
        </Warning>
      )}
      {left.length > 0 && source && !isBusy(job) && (
        <Warning title="This run is not whole">
          {left.length === 1 ? `“${left[0]}” is` : `${left.length} of the chosen layers or steps are`} not
          done. Going on keeps the finished ones and the settings of the run.
          <div>
            <Button variant="default" mt={8} onClick={() => void lab.goOn()}>
              Go on with what is left
            </Button>
          </div>
        </Warning>
      )}
      {changed.length > 0 && (
        <Warning title="The figures below are of other settings">
          Changed since they were made: {changed.join(", ")}. Run it again for the new ones.
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
