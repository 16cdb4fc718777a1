// The ablation: a grid of settings to run, quality against time of every point, the point that is looked at, all as a table.
import { Button, SegmentedControl, Select } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import { formatDuration } from "../../../../../base/stats";
import { type Column, DataTable } from "../../../../../ui/DataTable";
import { Dropzone } from "../../../../../ui/Dropzone";
import { formatNumber, formatPercent } from "../../../../../ui/format";
import { Panel as Card } from "../../../../../ui/Panel";
import { ParamsForm } from "../../../../../ui/ParamsForm";
import { ScatterChart } from "../../../../../ui/ScatterChart";
import { Stat, StatRow } from "../../../../../ui/Stat";
import { EmptyState, errorRecord, Loading } from "../../../../../ui/states";
import { toast } from "../../../../../ui/toasts";
import { CLOSED_GRID_GROUPS } from "../../../protocol-video-ablate";
import { clipAsked, GRID_FIELDS, sparseAsked, videoParams } from "../../../protocol-video-page";
import classes from "../../views/Views.module.css";
import { flopsWords } from "../../words";
import {
  clipsWords,
  type Point,
  type PointGroup,
  pointGroups,
  QUALITIES,
  type Quality,
  qualityOf,
  settingWords,
} from "../ablation-words";
import { isVideoBusy } from "../store";
import { share } from "../words";
import { BarelyTrained, SoftwareTimes, type VideoViewProps } from "./shared";

const QUALITY_LABELS = { psnr: "PSNR", ssim: "SSIM" } as const;
const Y_LABELS = { psnr: "PSNR against the dense clip, dB", ssim: "SSIM against the dense clip" } as const;

export function AblationView(props: VideoViewProps) {
  const { state } = props;
  const { rows, asked } = state.ablation;
  const groups = useMemo(() => pointGroups(rows), [rows]);
  const [wanted, setWanted] = useState<string>();
  const current = groups.find((g) => g.points.some((p) => p.row.key === asked[0])) ?? groups.at(-1);
  const group = groups.find((g) => g.id === wanted) ?? current;
  return (
    <>
      {group && <SoftwareTimes device={state.device} />}
      {group?.clips.weights === state.weights.value?.id && <BarelyTrained info={state.weights.value} />}
      <GridCard {...props} />
      <Results {...props} group={group} groups={groups} onGroup={setWanted} />
      <FileCard {...props} />
    </>
  );
}

function GridCard({ lab, state, settings, setParams }: VideoViewProps) {
  const { plan, weights, job, ablation } = state;
  const isBusy = isVideoBusy(job);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked anew for each change of what it depends on
  useEffect(() => {
    if (!isBusy) void lab.planAblation(settings);
  }, [lab, weights.value, ablation.rows, isBusy, ...Object.values(settings)]);
  const found = plan.value;
  const why = isBusy
    ? "Something is running"
    : !weights.value
      ? "Train or drop weights first"
      : plan.state === "failed"
        ? errorRecord(plan.error).message
        : found?.left === 0
          ? `All ${found.keys.length} points of this grid are done`
          : undefined;
  return (
    <Card
      title="Grid"
      note="The product of these lists; steps, seed, caption and guidance are those of “Clip” in the settings"
      help="One dense clip is the reference of all points of a token order. It is sampled with the first point, in turns with it; the other points are timed alone."
    >
      <ParamsForm
        spec={videoParams}
        names={GRID_FIELDS}
        values={settings}
        onChange={setParams}
        disabled={isBusy}
        closed={CLOSED_GRID_GROUPS}
        wide
      />
      <div className={classes.controls} style={{ marginTop: 14 }}>
        <Button
          onClick={() => void lab.ablate(settings)}
          disabled={why !== undefined || plan.state !== "ready"}
          loading={isBusy && job.kind === "ablate"}
        >
          Run the grid
        </Button>
        {!(isBusy && job.kind === "ablate") && (
          <p className={classes.text} role={plan.state === "failed" && !isBusy ? "alert" : undefined}>
            {why ?? (found && planWords(found))}
          </p>
        )}
      </div>
    </Card>
  );
}

function planWords({ keys, left, flops, seconds }: NonNullable<VideoViewProps["state"]["plan"]["value"]>) {
  const points = (count: number): string => `${count} ${count === 1 ? "point" : "points"}`;
  const done = left < keys.length ? `${points(keys.length)}, ${left} of them not done` : points(keys.length);
  const time = seconds === null ? "time not known before the first run" : `about ${formatDuration(seconds)}`;
  return `${done}: ${flopsWords(flops)}, ${time}.`;
}

interface ResultsProps extends VideoViewProps {
  group: PointGroup | undefined;
  groups: readonly PointGroup[];
  onGroup(id: string): void;
}

function Results(props: ResultsProps) {
  const { lab, state, group, groups } = props;
  const [quality, setQuality] = useState<Quality>("psnr");
  const isRunning = isVideoBusy(state.job) && state.job.kind === "ablate";
  if (!group)
    return (
      <Card title="Quality against time">
        {isRunning ? (
          <Loading label="Sampling the dense clip and the first point" height={220} />
        ) : (
          <EmptyState
            title="No point was run yet"
            why={
              state.weights.value
                ? "Press “Run the grid”: each point is one sparse clip, drawn as soon as it is done."
                : "Train or drop weights first. Then “Run the grid” samples one sparse clip for each point, and draws its quality against its time."
            }
          />
        )}
      </Card>
    );
  const { points } = group;
  const equal = points.filter((p) => qualityOf(p.row, quality) === Number.POSITIVE_INFINITY).length;
  const chosen = points.find((p) => p.row.key === state.point);
  return (
    <>
      <Card
        title="Quality against time"
        note={clipsWords(group.clips)}
        help="Quality of the sparse clip against the dense clip of the same noise. Points on the Pareto front: no other is faster and at least as good."
        actions={
          <div className={classes.controls}>
            {groups.length > 1 && (
              <Select
                aria-label="Clips that are compared"
                w={220}
                size="xs"
                data={groups.map((g) => ({ value: g.id, label: clipsWords(g.clips) }))}
                value={group.id}
                allowDeselect={false}
                onChange={(next) => next && props.onGroup(next)}
              />
            )}
            <SegmentedControl
              size="xs"
              aria-label="Quality"
              data={QUALITIES.map((value) => ({ value, label: QUALITY_LABELS[value] }))}
              value={quality}
              onChange={(next) => setQuality(next as Quality)}
            />
          </div>
        }
      >
        <ScatterChart
          title={`${QUALITY_LABELS[quality]} against time`}
          xLabel="time, share of the dense clip’s"
          yLabel={Y_LABELS[quality]}
          points={points.map((p) => ({
            key: p.row.key,
            name: p.name,
            mark: p.mark,
            x: p.share,
            y: qualityOf(p.row, quality),
          }))}
          chosen={state.point}
          onChoose={lab.choosePoint}
          lines={[{ at: 1, label: "as long as dense" }]}
          formatX={(value) => formatPercent(value, 0)}
          foot={
            equal > 0 &&
            `${equal === 1 ? "1 point equals" : `${equal} points equal`} the dense clip in every frame: PSNR is infinite and has no place here.`
          }
          empty="Every point equals the dense clip: PSNR is infinite."
        />
      </Card>
      {chosen ? (
        <PointCard {...props} point={chosen} />
      ) : (
        <Card title="Point">
          <EmptyState
            compact
            title="No point is chosen"
            why="Press a point in the chart or a row below: its settings can be put into the form."
          />
        </Card>
      )}
      <Card title="All points" flush note={clipsWords(group.clips)}>
        <DataTable
          title="All points"
          rows={points}
          columns={COLUMNS}
          rowKey={(p) => p.row.key}
          rowName={(p) => `point ${p.mark}`}
          current={state.point}
          onRow={(p) => lab.choosePoint(p.row.key)}
          maxHeight={460}
        />
      </Card>
    </>
  );
}

function PointCard({ point, group, setParams }: ResultsProps & { point: Point }) {
  const { row, mark } = point;
  return (
    <Card
      title={`Point ${mark}`}
      note={settingWords(row.settings)}
      actions={
        <Button
          variant="default"
          size="xs"
          onClick={() => {
            setParams({ ...sparseAsked(row.settings), ...(group && clipAsked(group.clips)) });
            toast.good(`The settings of point ${mark} are in the form: “Sample” makes its clip.`, {
              key: "point",
            });
          }}
        >
          Use these settings
        </Button>
      }
    >
      <StatRow>
        <Stat label="Mean PSNR" value={row.psnr ?? "∞"} unit="dB" />
        <Stat label="Mean SSIM" value={row.ssim} />
        <Stat label="Sparse clip" value={row.sparseMs / 1000} unit="s" />
        <Stat label="Dense clip" value={row.denseMs / 1000} unit="s" />
        <Stat label="Speed-up" value={row.speedup} unit="×" tone={row.speedup < 1 ? "warn" : "plain"} />
        <Stat label="Amdahl’s bound" value={row.bound} unit="×" />
        <Stat label="Blocks kept" value={share(row.kept)} hint="Mean of the sparse steps." />
        <Stat
          label="Search"
          value={share(row.searchShare)}
          hint="Search and selection over the whole dense run."
        />
      </StatRow>
    </Card>
  );
}

const COLUMNS: readonly Column<Point>[] = [
  { key: "mark", label: "Point", value: (p) => Number(p.mark) },
  { key: "psnr", label: "PSNR", unit: "dB", value: (p) => p.row.psnr ?? "∞" },
  { key: "ssim", label: "SSIM", value: (p) => p.row.ssim, format: (value) => formatNumber(value, 4) },
  { key: "share", label: "Of dense time", value: (p) => p.share, format: formatPercent },
  { key: "speedup", label: "Speed-up", value: (p) => p.row.speedup },
  {
    key: "front",
    label: "On the front",
    value: (p) => frontWords(p),
    help: "No other point is faster and at least as good.",
  },
  { key: "sparsity", label: "Sparsity", value: (p) => p.row.settings.sparsity, format: formatPercent },
  { key: "kept", label: "Kept", value: (p) => p.row.kept, format: formatPercent },
  { key: "block", label: "Block side", value: (p) => Number(p.row.settings.block) },
  { key: "warmup", label: "Warm-up", value: (p) => p.row.settings.denseSteps },
  { key: "searches", label: "Search steps", value: (p) => p.row.settings.searches || "none" },
  { key: "tiers", label: "Tiers", value: (p) => p.row.settings.tiers },
  { key: "lse", label: "Cached LSE", value: (p) => p.row.settings.lseReuse },
  { key: "rule", label: "Rule", value: (p) => p.row.settings.rule },
  { key: "order", label: "Token order", value: (p) => p.row.settings.order },
  { key: "search", label: "Search time", value: (p) => p.row.searchShare, format: formatPercent },
  { key: "ms", label: "Time", unit: "ms", value: (p) => p.row.sparseMs },
];

function frontWords({ isBest }: Point): string {
  const of = QUALITIES.filter((quality) => isBest[quality]).map((quality) => QUALITY_LABELS[quality]);
  return of.join(", ") || "no";
}

function FileCard({ lab, state }: VideoViewProps) {
  return (
    <Card
      title="Results of another run"
      note="Lines that the command “ablate” or the export of this page wrote; points that are there are not run again"
    >
      <Dropzone
        label="Drop results of an ablation"
        extensions={[".jsonl"]}
        onFiles={([file]) => lab.addPoints(file, file.name)}
        disabled={isVideoBusy(state.job)}
        compact
      />
    </Card>
  );
}
