// The block masses of one head on a log scale, with the kept blocks, frames and text, read out in tokens and frames.
import { ActionIcon, Select, Switch } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { type RefObject, useMemo, useRef } from "react";
import { type HeatCell, Heatmap } from "../../../../ui/Heatmap";
import { Panel as Card } from "../../../../ui/Panel";
import { EmptyState, ErrorState, errorRecord, Loading } from "../../../../ui/states";
import type { BlockMap } from "../../protocol";
import { rowBoundaries } from "../series";
import type { Choices } from "../state";
import { cellWords } from "../words";
import { HeadStats } from "./HeadStats";
import { MissingHeads, originNote, TriplePicker, type ViewProps } from "./shared";
import classes from "./Views.module.css";

export function BlockMapView({ lab, state }: ViewProps) {
  const { heads, selected, choices, map } = state;
  const readout = useRef<HTMLDivElement>(null);
  const at = heads.findIndex((h) => h.triple === selected?.triple && h.head === selected.head);
  const head = heads[at] ?? heads[0];
  if (!head)
    return (
      <Card title="Block map" note={originNote(state)}>
        <MissingHeads lab={lab} state={state} />
      </Card>
    );
  const triples = [...new Set(heads.map((h) => h.triple))].map((id) => ({ id }));
  const own = heads.filter((h) => h.triple === head.triple).map((h) => h.head);
  const step = (by: number): void => {
    const next = heads[(Math.max(0, at) + by + heads.length) % heads.length];
    void lab.select(next.triple, next.head);
  };
  return (
    <Card
      title="Block map"
      note={originNote(state)}
      help="Softmax mass inside each block of scores: query blocks down, key blocks across. What is kept is outlined, or at small sizes the rest is dimmed."
    >
      <div className={classes.controls}>
        <TriplePicker
          triples={triples}
          value={head.triple}
          onChange={(id) => void lab.select(id, heads.find((h) => h.triple === id)?.head ?? 0)}
        />
        <Select
          label="Head"
          w={90}
          data={own.map(String)}
          value={`${head.head}`}
          allowDeselect={false}
          onChange={(next) => next !== null && void lab.select(head.triple, Number(next))}
        />
        <ActionIcon.Group>
          <ActionIcon variant="default" size={30} aria-label="Head before" onClick={() => step(-1)}>
            <IconChevronLeft size={16} aria-hidden />
          </ActionIcon>
          <ActionIcon variant="default" size={30} aria-label="Next head" onClick={() => step(1)}>
            <IconChevronRight size={16} aria-hidden />
          </ActionIcon>
        </ActionIcon.Group>
        <Switch
          className={classes.switch}
          label="Kept blocks"
          checked={choices.hasKept}
          onChange={(event) => lab.set({ hasKept: event.currentTarget.checked })}
        />
        <Switch
          className={classes.switch}
          label="Frames and text"
          checked={choices.hasFrames}
          onChange={(event) => lab.set({ hasFrames: event.currentTarget.checked })}
        />
      </div>
      <div className={classes.split}>
        <div>
          {state.saved ? (
            <EmptyState
              title="The map is not stored with a run"
              why="Block masses are large and stay in memory only. Run the analysis again to see them."
            />
          ) : map.state === "ready" && map.value ? (
            <MapPicture map={map.value} choices={choices} readout={readout} />
          ) : map.state === "failed" ? (
            <MapError error={map.error} retry={() => void lab.select(head.triple, head.head)} />
          ) : (
            <Loading label={`Fetching the map of head ${head.head}`} height={320} />
          )}
        </div>
        <div className={classes.side}>
          {map.state === "ready" && (
            <div ref={readout} className={classes.readout} data-figures>
              Point at a block, or move the cursor with the arrow keys, to read which tokens it holds.
            </div>
          )}
          <HeadStats head={head} />
        </div>
      </div>
    </Card>
  );
}

function MapError({ error, retry }: { error: unknown; retry(): void }) {
  if (errorRecord(error).code === "no-result")
    return (
      <EmptyState
        title="The map is no longer in memory"
        why="The worker that held it has stopped. Run the analysis again to see it."
      />
    );
  return <ErrorState error={error} title="The map could not be fetched" retry={retry} />;
}

/** The picture. The last block read is written into `readout`, which stays: on a touch screen nothing hovers. */
function MapPicture(props: {
  map: BlockMap;
  choices: Pick<Choices, "hasKept" | "hasFrames">;
  readout: RefObject<HTMLDivElement | null>;
}) {
  const { map, readout } = props;
  const { hasKept, hasFrames } = props.choices;
  const lines = useMemo(
    () => (hasFrames ? { rows: rowBoundaries(map), cols: map.boundaries } : undefined),
    [map, hasFrames],
  );
  const rowNames = useMemo(
    () => (map.rows === map.keys ? undefined : Array.from(map.rowBlocks, String)),
    [map],
  );
  const words = (cell: HeatCell): string => cellWords(map, cell);
  // It changes with every move of the pointer, so it goes past React.
  const onHover = (cell: HeatCell | null): void => {
    if (cell && readout.current) readout.current.textContent = words(cell);
  };
  return (
    <Heatmap
      title={`Block mass, ${map.triple}, head ${map.head}`}
      data={map.mass}
      rows={map.rows}
      cols={map.keys}
      rowLabel="query block"
      colLabel="key block"
      rowNames={rowNames}
      valueLabel="softmax mass"
      scale="log"
      mask={hasKept ? map.kept : undefined}
      maskLabel="kept"
      rowLines={lines?.rows}
      colLines={lines?.cols}
      height={560}
      words={words}
      onHover={onHover}
    />
  );
}
