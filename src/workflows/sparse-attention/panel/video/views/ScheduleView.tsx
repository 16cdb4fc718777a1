// What each step of the sparse sampler did, on the step axis: dense, search, sparse; recall, overlap and drift of its masks.
import { useMemo } from "react";
import { type Column, DataTable } from "../../../../../ui/DataTable";
import { formatPercent } from "../../../../../ui/format";
import { LineChart } from "../../../../../ui/LineChart";
import { Panel as Card } from "../../../../../ui/Panel";
import { Stat, StatRow } from "../../../../../ui/Stat";
import { type StepRow, share, stepRow, wholeTick } from "../words";
import { MissingClip, type VideoViewProps, weightsNote } from "./shared";
import classes from "./Video.module.css";

const KINDS: readonly (readonly [StepRow["kind"], string])[] = [
  ["dense", "Dense"],
  ["search", "Dense, with a search of masks"],
  ["sparse", "Sparse, by the last masks"],
  ["sparse-search", "Sparse, by masks searched on the old LSE"],
];

const COLUMNS: readonly Column<StepRow>[] = [
  { key: "step", label: "Step", value: (r) => r.step },
  { key: "what", label: "What ran", value: (r) => r.what },
  { key: "kept", label: "Kept", value: (r) => r.kept, format: formatPercent },
  {
    key: "skipped",
    label: "Skipped",
    value: (r) => (r.kept === null ? null : 1 - r.kept),
    format: formatPercent,
  },
  { key: "recall", label: "Recall", value: (r) => r.recall, format: formatPercent },
  { key: "best", label: "Best recall", value: (r) => r.bestRecall, format: formatPercent },
  { key: "gauge", label: "Gauge", value: (r) => r.gauge, format: formatPercent },
  { key: "overlap", label: "Overlap with the mask before", value: (r) => r.overlap, format: formatPercent },
  {
    key: "bestOverlap",
    label: "Overlap with the best mask",
    value: (r) => r.bestOverlap,
    format: formatPercent,
  },
  { key: "drift", label: "LSE drift", value: (r) => r.drift },
  { key: "error", label: "Output error", value: (r) => r.outputError },
  { key: "ms", label: "Time", unit: "ms", value: (r) => r.ms },
];

export function ScheduleView({ state }: VideoViewProps) {
  const { steps, sampledWith, ran, sampled } = state;
  const rows = useMemo(() => steps.sparse.map(stepRow), [steps.sparse]);
  if (rows.length === 0)
    return (
      <Card title="Schedule">
        <MissingClip state={state} />
      </Card>
    );
  const x = rows.map((r) => r.step);
  const isDiagnosed = rows.some((r) => r.drift !== null);
  const why =
    ran.sample?.reportLevel === "diagnose"
      ? "No sparse step has run yet, or none was planned."
      : "Measured with the report “Diagnosis” only.";
  const kept = sampled?.comparison?.kept ?? null;
  const note = weightsNote(sampledWith);
  return (
    <>
      <Card
        title="Schedule"
        note={note}
        help="Means over layers and heads. Steps count from 1, as in the paper."
      >
        <ol className={classes.steps} aria-label="Steps of the sparse sampler">
          {rows.map((row) => (
            <li
              key={row.step}
              className={classes.step}
              data-kind={row.kind}
              title={`Step ${row.step}: ${row.what}`}
            >
              {rows.length <= 30 && row.step}
            </li>
          ))}
        </ol>
        <div className={classes.keys}>
          {KINDS.filter(([kind]) => rows.some((r) => r.kind === kind)).map(([kind, label]) => (
            <span key={kind} className={classes.key} data-kind={kind}>
              {label}
            </span>
          ))}
        </div>
        <StatRow>
          <Stat label="Blocks kept, sparse steps" value={share(kept)} />
          <Stat label="Blocks skipped, sparse steps" value={share(kept === null ? null : 1 - kept)} />
        </StatRow>
      </Card>
      <Card
        title="Recall"
        help="Softmax mass that the mask in use keeps. Gauge: mean of exp(LSE of the kept part − cached LSE), which needs no dense pass and mixes in drift."
      >
        <LineChart
          title="Recall of each step"
          xLabel="step"
          yLabel="share of the mass"
          series={[
            { name: "Mask in use", x, y: rows.map((r) => r.recall) },
            { name: "Best mask of the budget", x, y: rows.map((r) => r.bestRecall), dash: [5, 4] },
            { name: "Gauge", x, y: rows.map((r) => r.gauge), dash: [2, 3] },
          ]}
          formatY={(value) => formatPercent(value)}
          tickY={(value) => formatPercent(value, 0)}
          yRange={[0, 1]}
          formatX={wholeTick}
          height={240}
          empty="No step has used a mask yet."
        />
      </Card>
      <Card title="Mask overlap" help="Share of the blocks of one mask that the other has too.">
        <LineChart
          title="Mask overlap of each step"
          xLabel="step"
          yLabel="share of blocks"
          series={[
            { name: "Mask in use with the best of its budget", x, y: rows.map((r) => r.bestOverlap) },
            { name: "New mask with the one before", x, y: rows.map((r) => r.overlap), line: false },
          ]}
          formatY={(value) => formatPercent(value)}
          tickY={(value) => formatPercent(value, 0)}
          yRange={[0, 1]}
          formatX={wholeTick}
          height={220}
          empty={why}
        />
      </Card>
      <Card
        title="LSE drift"
        help="Mean over rows of the fresh log-sum-exp minus the cached one, and its standard deviation."
      >
        <LineChart
          title="LSE drift of each step"
          xLabel="step"
          yLabel="fresh − cached LSE"
          series={
            isDiagnosed
              ? [
                  { name: "Mean", x, y: rows.map((r) => r.drift) },
                  { name: "Standard deviation", x, y: rows.map((r) => r.driftDeviation), dash: [5, 4] },
                ]
              : []
          }
          formatX={wholeTick}
          height={220}
          empty={why}
        />
      </Card>
      <Card title="All steps" flush note={note}>
        <DataTable
          title="All steps"
          rows={rows}
          columns={COLUMNS}
          rowKey={(r) => String(r.step)}
          maxHeight={420}
        />
      </Card>
    </>
  );
}
