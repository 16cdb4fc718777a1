// Where the time of both samplers went, phase by phase, beside counting and Amdahl's bound.
import { BarChart } from "../../../../../ui/BarChart";
import { type Column, DataTable } from "../../../../../ui/DataTable";
import { formatNumber, formatPercent } from "../../../../../ui/format";
import { Panel as Card } from "../../../../../ui/Panel";
import { Stat, StatRow } from "../../../../../ui/Stat";
import { EmptyState, Warning } from "../../../../../ui/states";
import type { PhaseTime, VideoComparison } from "../../../protocol-video";
import type { SampledVideo } from "../../../protocol-video-session";
import { PHASE_NAMES, SHORT_NAMES, share } from "../words";
import { MissingClip, SoftwareTimes, type VideoViewProps, weightsNote } from "./shared";

type Row = PhaseTime & { run: "Dense" | "Sparse" };

const COLUMNS: readonly Column<Row>[] = [
  { key: "run", label: "Sampler", value: (r) => r.run },
  { key: "phase", label: "Phase", value: (r) => PHASE_NAMES[r.phase] },
  { key: "calls", label: "Calls", value: (r) => r.calls },
  { key: "ms", label: "Time", unit: "ms", value: (r) => r.ms },
  { key: "each", label: "A call", unit: "ms", value: (r) => r.msPerCall },
  { key: "share", label: "Of a dense pass", value: (r) => r.share, format: formatPercent },
  { key: "theory", label: "By counting", value: (r) => r.theoretical, format: formatPercent },
];

export function VideoTimeView({ state }: VideoViewProps) {
  const { sampled, sampledWith } = state;
  if (!sampled?.comparison)
    return (
      <Card title="Time">
        <MissingClip state={state} />
      </Card>
    );
  const rows = rowsOf(sampled);
  return (
    <>
      <SoftwareTimes device={sampled.device} />
      <Speedup
        comparison={sampled.comparison}
        note={[sampled.device.description, weightsNote(sampledWith)].join(". ")}
      />
      <PhaseCards rows={rows} />
    </>
  );
}

function rowsOf({ denseTimes, sparseTimes }: SampledVideo): Row[] {
  return [
    ...(denseTimes?.phases ?? []).map((phase) => ({ ...phase, run: "Dense" as const })),
    ...(sparseTimes?.phases ?? []).map((phase) => ({ ...phase, run: "Sparse" as const })),
  ];
}

function Speedup({ comparison, note }: { comparison: VideoComparison; note: string }) {
  const { denseMs, sparseMs, speedup, bound, ofBound, attentionShare, attentionWork } = comparison;
  const { searchShare, searchTheory, kept } = comparison;
  return (
    <Card title="Whole clip" note={note}>
      {speedup < 1 && (
        <Warning title="Sparse is slower than dense here">
          The clip took {formatNumber(sparseMs)} ms against {formatNumber(denseMs)} ms. At this size
          searching, selecting and moving heads cost more than the skipped blocks save.
        </Warning>
      )}
      <StatRow>
        <Stat label="Dense" value={denseMs / 1000} unit="s" />
        <Stat label="Sparse" value={sparseMs / 1000} unit="s" />
        <Stat label="Speed-up, measured" value={speedup} unit="×" tone={speedup < 1 ? "warn" : "plain"} />
        <Stat
          label="Amdahl’s bound"
          value={bound}
          unit="×"
          hint="1 / (1 − share + share × work), from the two figures on the right."
        />
        <Stat label="Reached of the bound" value={share(ofBound)} />
        <Stat
          label="Attention’s share of dense"
          value={share(attentionShare)}
          hint="Measured in the dense run."
        />
        <Stat
          label="Attention work left"
          value={share(attentionWork)}
          hint="Of the dense run’s, by counting with the blocks really kept; search included."
        />
        <Stat
          label="Search, measured"
          value={share(searchShare)}
          hint="Search and selection over the whole dense run. The paper says under 5 %."
        />
        <Stat label="Search, by counting" value={share(searchTheory)} />
        <Stat label="Blocks kept" value={share(kept)} hint="Mean of the sparse steps." />
        <Stat
          label="Blocks skipped"
          value={share(kept === null ? null : 1 - kept)}
          hint="Mean of the sparse steps."
        />
      </StatRow>
    </Card>
  );
}

function PhaseCards({ rows }: { rows: readonly Row[] }) {
  if (rows.length === 0)
    return (
      <Card title="Time of each phase">
        <EmptyState
          title="Phases were not timed"
          why="The report was set to “Whole steps”. Choose “Phases” or “Diagnosis” and sample again."
        />
      </Card>
    );
  const compared = rows.filter((r) => r.share !== null && r.theoretical !== null);
  return (
    <>
      <Card
        title="A pass of each kind, measured next to theoretical"
        help="One layer’s pass over one layer’s dense pass of the dense run; the other bars are passes of the sparse run. Times apart hold one wait for the queue each."
      >
        <BarChart
          title="A pass of each kind over a dense pass"
          categories={compared.map((r) => (r.run === "Dense" ? "Dense run" : SHORT_NAMES[r.phase]))}
          series={[
            { name: "Measured", values: compared.map((r) => r.share) },
            { name: "By counting", values: compared.map((r) => r.theoretical), hatched: true },
          ]}
          valueLabel="share of a dense pass"
          format={(value) => formatPercent(value)}
          empty="No dense pass was timed."
        />
      </Card>
      <Card title="Time of each phase" flush>
        <DataTable
          title="Time of each phase"
          rows={rows}
          columns={COLUMNS}
          rowKey={(r) => `${r.run} ${r.phase}`}
        />
      </Card>
    </>
  );
}
