// What the analysis will cost, told before it runs: bytes, memory, operations, time, sampling.
import { formatBytes, formatDuration } from "../../../../base/stats";
import { Panel as Card } from "../../../../ui/Panel";
import { Stat, StatRow } from "../../../../ui/Stat";
import { EmptyState, ErrorState, Loading, Warning } from "../../../../ui/states";
import type { Inspection } from "../../protocol";
import type { LabState } from "../state";
import { flopsWords, gridWords } from "../words";
import { originNote } from "./shared";
import classes from "./Views.module.css";

export function InspectionCard({ state }: { state: LabState }) {
  const { inspection } = state;
  const found = inspection.value;
  return (
    <Card
      title="What the analysis costs"
      note={originNote(state)}
      help="Sizes and cost as the settings are now, told before anything runs."
    >
      {inspection.state === "failed" ? (
        <ErrorState error={inspection.error} title="These settings do not fit the input" />
      ) : found ? (
        <Cost found={found} />
      ) : inspection.state === "waiting" ? (
        <Loading label="Looking at the input" height={80} />
      ) : (
        <EmptyState
          title="Not known"
          why="The tensors of a stored run are not kept. Drop their file again to see what a run costs."
          compact
        />
      )}
    </Card>
  );
}

function Cost({ found }: { found: Inspection }) {
  return (
    <>
      <StatRow>
        <Stat label="To read" value={formatBytes(found.bytesToRead)} />
        <Stat label="GPU memory" value={formatBytes(found.gpuBytes)} hint="Held at a time: one head." />
        <Stat label="Arithmetic" value={flopsWords(found.flops)} hint="Dense, search and sparse together." />
        <Stat
          label="Time"
          value={found.seconds === null ? null : `about ${formatDuration(found.seconds)}`}
          hint={
            found.seconds === null
              ? "Known after a first run on this device."
              : "At the rate of the last run on this device."
          }
        />
      </StatRow>
      {!found.fits && (
        <Warning title="Too large for this device">
          One buffer of {formatBytes(found.largestBuffer)} is needed, and the device binds{" "}
          {formatBytes(found.bindingLimit ?? 0)} at most. Use fewer sampled rows or a shorter input.
        </Warning>
      )}
      <ul className={classes.list}>
        <li>Grid: {gridWords(found.grid)}.</li>
        {found.notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </>
  );
}
