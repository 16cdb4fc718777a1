// What holds for all views of the video transformer: trainings that can go on, stored runs, lost devices, other settings.
import { Button } from "@mantine/core";
import { toRecord } from "../../../../../base/errors";
import { Warning } from "../../../../../ui/states";
import { type Interrupted, pointsLeft, type VideoState } from "../state";
import { isVideoBusy } from "../store";
import { changedVideoSettings } from "../words";
import type { VideoViewProps } from "./shared";

export function Notices({ lab, state, settings, setParams }: VideoViewProps) {
  const { saved, job, keepError, training, ran, interrupted, stateError, recovered } = state;
  const recovery = recovered.at(-1);
  const isBusy = isVideoBusy(job);
  const changed = changedNow(state, settings);
  const isLost = job.error !== undefined && toRecord(job.error).code === "device-lost";
  const steps = training?.steps ?? 0;
  const canGoOn = training !== undefined && !isBusy && steps < settings.trainSteps;
  const left = isBusy ? [] : pointsLeft(state);
  const takeUp = (found: Interrupted): void => {
    setParams(found.settings);
    void lab.takeUp(found);
  };
  return (
    <>
      {recovery && (
        <Warning
          title={`The GPU was lost at step ${recovery.at.toLocaleString("en")}; ${isBusy ? "going" : "the training went"} on from step ${recovery.from.toLocaleString("en")}`}
        >
          A new device was opened and the steps in between are done again, to the same losses.
          {recovered.length > 1 && ` It happened ${recovered.length} times in this training.`}
        </Warning>
      )}
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
      {interrupted && !isBusy && <Offer found={interrupted} onTakeUp={takeUp} />}
      {stateError !== undefined && (
        <Warning title="This training cannot go on">{toRecord(stateError).message}</Warning>
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
      {left.length > 0 && ran.ablate && (
        <Warning
          title={`The ablation can go on: ${left.length} of ${state.ablation.asked.length} points are left`}
        >
          Points that are done are kept. Going on samples the dense clip again and takes the settings of the
          grid that was stopped.
          <div>
            <Button variant="default" mt={8} onClick={() => ran.ablate && void lab.ablate(ran.ablate)}>
              Go on with what is left
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

/** Offers what a page that was closed or reloaded left unfinished. */
function Offer({ found, onTakeUp }: { found: Interrupted; onTakeUp(found: Interrupted): void }) {
  const [done, of] = [found.done.toLocaleString("en"), found.of.toLocaleString("en")];
  const isGrid = found.kind === "ablate";
  return (
    <Warning title={`${isGrid ? "An ablation" : "A training"} was interrupted: ${found.name}`}>
      Its page was closed or reloaded. What it had stored is there:{" "}
      {isGrid
        ? `weights and ${done} of ${of} points`
        : `curve, weights and the state of step ${done} of ${of}`}
      .
      <div>
        <Button variant="default" mt={8} onClick={() => onTakeUp(found)}>
          {isGrid ? "Go on with what is left" : `Go on from step ${done}`}
        </Button>
      </div>
    </Warning>
  );
}

/** Settings that changed since the results of the view were made. */
function changedNow(
  { view, ran, metrics, steps, ablation }: VideoState,
  settings: VideoViewProps["settings"],
): string[] {
  const kind = view === "training" ? "train" : view === "ablation" ? "ablate" : "sample";
  const of = ran[kind];
  const has = { train: metrics.length, sample: steps.sparse.length, ablate: ablation.rows.length }[kind] > 0;
  return of && has ? changedVideoSettings(kind, of, settings) : [];
}
