// All heads at once: means, the grid of layers and heads by one figure, the chosen head, and the table.
import { Button, SegmentedControl } from "@mantine/core";
import { useMemo } from "react";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { formatNumber, formatPercent } from "../../../../ui/format";
import { Heatmap } from "../../../../ui/Heatmap";
import { Panel as Card } from "../../../../ui/Panel";
import { Stat, StatRow } from "../../../../ui/Stat";
import type { HeadResult } from "../../protocol";
import { type GridMetric, headGrid } from "../series";
import { summarise } from "../state";
import { sharesWords, tierWords } from "../words";
import { HeadStats } from "./HeadStats";
import { InspectionCard } from "./InspectionCard";
import { isRunning, MissingHeads, originNote, type ViewProps } from "./shared";
import classes from "./Views.module.css";

interface Metric {
  label: string;
  valueLabel: string;
  range?: [number, number];
  format(value: number): string;
}

const METRICS: Readonly<Record<GridMetric, Metric>> = {
  recall: { label: "Recall", valueLabel: "recall", range: [0, 1], format: formatPercent },
  kept: { label: "Kept", valueLabel: "share of blocks kept", range: [0, 1], format: formatPercent },
  skipped: { label: "Skipped", valueLabel: "share of blocks skipped", range: [0, 1], format: formatPercent },
  tier: {
    label: "Tier",
    valueLabel: "tier: −1 skips less, 1 skips more",
    range: [-1, 1],
    format: (value) => tierWords(value as HeadResult["tier"]),
  },
  outputError: { label: "Output error", valueLabel: "relative output error", format: formatNumber },
};

export function Overview(props: ViewProps) {
  const { lab, state } = props;
  const { heads } = state;
  if (heads.length === 0)
    return (
      <>
        <Card title="Heads" note={originNote(state)}>
          <MissingHeads lab={lab} state={state} />
        </Card>
        {state.input.state === "ready" && !isRunning(state, "analyse") && <InspectionCard state={state} />}
      </>
    );
  return (
    <>
      <Summary {...props} />
      <GridCard {...props} />
      <Card title="All heads" note={originNote(state)} flush>
        <DataTable
          title="All heads"
          rows={heads}
          columns={COLUMNS}
          rowKey={keyOf}
          current={state.selected && keyOf(state.selected)}
          onRow={(head) => void lab.select(head.triple, head.head)}
          maxHeight={440}
        />
      </Card>
    </>
  );
}

const keyOf = (head: { triple: string; head: number }): string => `${head.triple} ${head.head}`;

function Summary({ state }: ViewProps) {
  const { heads, analysis } = state;
  const means = summarise(heads);
  const worst = heads.reduce((a, b) => (b.recall < a.recall ? b : a));
  const uses = heads.map((h) => h.boundUse).filter((u) => u !== null);
  const rows =
    analysis && analysis.rows < analysis.length
      ? `. On ${analysis.rows.toLocaleString("en")} of ${analysis.length.toLocaleString("en")} query rows`
      : "";
  if (!means) return null;
  return (
    <Card
      title={isRunning(state, "analyse") ? "Means over the heads done so far" : "Means over all heads"}
      note={[originNote(state), `${heads.length} ${heads.length === 1 ? "head" : "heads"}${rows}`]
        .filter(Boolean)
        .join(". ")}
      help="Recall is the share of the softmax mass inside the kept blocks. Kept and skipped are shares of all blocks, text included."
    >
      <StatRow>
        <Stat label="Recall" value={formatPercent(means.recall)} />
        <Stat label="Kept" value={formatPercent(means.kept)} />
        <Stat label="Skipped" value={formatPercent(means.skipped)} />
        <Stat
          label="Output error"
          value={means.outputError}
          hint="Norm of sparse minus dense output over the norm of dense."
        />
        <Stat
          label="Lowest recall"
          value={formatPercent(worst.recall)}
          hint={`Head ${worst.head} of ${worst.triple}.`}
        />
        <Stat
          label="Largest use of the bound"
          value={uses.length > 0 ? formatPercent(Math.max(...uses)) : null}
          hint="Largest error over its bound 2(1 − recall)·max|v|, over all rows; at most 100 % up to rounding."
        />
      </StatRow>
    </Card>
  );
}

function GridCard({ lab, state }: ViewProps) {
  const { heads, selected, input, chosen, choices } = state;
  const { metric } = choices;
  const isOn = isRunning(state, "analyse");
  const grid = useMemo(() => {
    const asked = (input.value?.triples ?? []).filter((t) => chosen.length === 0 || chosen.includes(t.id));
    return headGrid(heads, metric, isOn ? asked : []);
  }, [heads, metric, isOn, input.value, chosen]);
  const names = useMemo(() => Array.from({ length: grid.heads }, (_, head) => `${head}`), [grid.heads]);
  const row = selected ? grid.triples.indexOf(selected.triple) : -1;
  const place = useMemo(
    () => (selected && row >= 0 ? { row, col: selected.head } : undefined),
    [selected, row],
  );
  const { valueLabel, range, format } = METRICS[metric];
  const head = heads.find((h) => h.triple === selected?.triple && h.head === selected.head);
  return (
    <Card
      title="Layers and heads"
      note={originNote(state)}
      help="One cell a head. A press, or Enter at the cursor, chooses the head for the block map."
    >
      <SegmentedControl
        aria-label="Figure shown"
        data={Object.entries(METRICS).map(([value, { label }]) => ({ value, label }))}
        value={metric}
        onChange={(next) => lab.set({ metric: next as GridMetric })}
      />
      <div className={classes.split}>
        <Heatmap
          title={`${METRICS[metric].label} by layer and head`}
          data={grid.data}
          rows={grid.triples.length}
          cols={grid.heads}
          rowLabel="layer or step"
          colLabel="head"
          rowNames={grid.triples}
          colNames={names}
          valueLabel={valueLabel}
          range={range}
          format={format}
          words={(cell) => {
            const at = heads.find((h) => h.triple === grid.triples[cell.row] && h.head === cell.col);
            const where = `${grid.triples[cell.row]}, head ${cell.col}`;
            return at
              ? `${where}\nrecall ${formatPercent(at.recall)}, ${sharesWords(at.kept, at.skipped)}\n${valueLabel}: ${format(cell.value)}`
              : `${where}: not done`;
          }}
          selected={place}
          onSelect={({ row: at, col }) => {
            if (heads.some((h) => h.triple === grid.triples[at] && h.head === col))
              void lab.select(grid.triples[at], col);
          }}
          empty="No head has this figure: the rule gives no sparse output."
        />
        {head && (
          <div className={classes.side}>
            <HeadStats head={head} />
            <Button variant="default" onClick={() => lab.set({ view: "map" })}>
              Show the block map of head {head.head}
            </Button>
          </div>
        )}
      </div>
    </Card>
  );
}

const COLUMNS: readonly Column<HeadResult>[] = [
  { key: "triple", label: "Layer or step", value: (h) => h.triple },
  { key: "head", label: "Head", value: (h) => h.head },
  { key: "tier", label: "Tier", value: (h) => tierWords(h.tier) },
  { key: "recall", label: "Recall", value: (h) => h.recall, format: formatPercent },
  {
    key: "uniform",
    label: "Recall before tiers",
    value: (h) => h.uniformRecall,
    format: formatPercent,
    help: "With the same budget for every head",
  },
  { key: "kept", label: "Kept", value: (h) => h.kept, format: formatPercent },
  { key: "skipped", label: "Skipped", value: (h) => h.skipped, format: formatPercent },
  { key: "outputError", label: "Output error", value: (h) => h.outputError },
  { key: "maxError", label: "Largest difference", value: (h) => h.maxError },
  { key: "bound", label: "Its bound", value: (h) => h.bound },
  {
    key: "massError",
    label: "Mass off by",
    value: (h) => h.massError,
    help: "Largest difference between the masses of a row of blocks and its number of tokens",
  },
  {
    key: "redone",
    label: "Redone",
    value: (h) => h.redone,
    help: "Row blocks that the guard of the one-pass search did again",
  },
  { key: "dense", label: "Dense", unit: "ms", value: (h) => h.times.denseMs },
  { key: "search", label: "Search", unit: "ms", value: (h) => h.times.searchMs },
  { key: "select", label: "Select", unit: "ms", value: (h) => h.times.selectMs },
  {
    key: "sparse",
    label: "Sparse",
    unit: "ms",
    value: (h) => h.times.sparseMs,
    help: "One run of one head alone, rough; the Time view measures with care",
  },
];
