// How long dense, search, selection and sparse take on this device, next to what counting operations says.
import { Button, NumberInput } from "@mantine/core";
import { useMemo } from "react";
import { BarChart } from "../../../../ui/BarChart";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { formatNumber, formatPercent } from "../../../../ui/format";
import { LineChart, type ReferenceLine } from "../../../../ui/LineChart";
import { Panel as Card } from "../../../../ui/Panel";
import { Stat, StatRow } from "../../../../ui/Stat";
import { EmptyState, ErrorState, Loading, Warning } from "../../../../ui/states";
import type { Measurement, TimeRow } from "../../protocol";
import { sparseAsSet, sparseLines, TIME_NAMES, timeBars } from "../series";
import {
  isRunning,
  MissingInput,
  originNote,
  TriplePicker,
  tripleOf,
  type ViewProps,
  whyNotNow,
} from "./shared";
import classes from "./Views.module.css";

/** Where the sparse kernel is timed; the set sparsity is added by the engine. */
const SPARSITIES = [0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

export function TimeView(props: ViewProps) {
  const { lab, state } = props;
  const { times, measurement, job } = state;
  if (state.input.state !== "ready")
    return (
      <Card title="Time">
        <MissingInput lab={lab} state={state} />
      </Card>
    );
  const isFailed = job.kind === "measure" && job.state === "failed";
  return (
    <>
      <RequestCard {...props} />
      {times.length === 0 ? (
        <Card title="Time" note={originNote(state)}>
          {isRunning(state, "measure") ? (
            <Loading label="Compiling and timing the dense kernel" height={200} />
          ) : isFailed ? (
            <ErrorState error={job.error} title="Nothing was measured" />
          ) : (
            <EmptyState
              title="Nothing was measured yet"
              why="Press “Measure”: each kernel runs several times on this device, and the middle time counts."
            />
          )}
        </Card>
      ) : (
        <>
          {measurement && <Verdict found={measurement} note={originNote(state)} />}
          <Charts {...props} />
        </>
      )}
    </>
  );
}

function RequestCard({ lab, state, settings }: ViewProps) {
  const { time } = state.choices;
  const triple = tripleOf(state, time.triple);
  const why = whyNotNow(state);
  const most = triple?.heads ?? 1;
  const heads = Math.min(time.heads, most);
  return (
    <Card
      title="What to measure"
      note={originNote(state)}
      help="Whole kernels over several heads at once: median of rounds of at least 20 ms, compiled and warmed up before."
    >
      <div className={classes.controls}>
        <TriplePicker
          triples={state.input.value?.triples ?? []}
          value={triple?.id}
          onChange={(id) => lab.set({ time: { ...time, triple: id } })}
        />
        <NumberInput
          label="Heads at once"
          description={`0 takes as many of the ${most} as fit`}
          w={200}
          min={0}
          max={most}
          allowDecimal={false}
          value={heads}
          onChange={(next) => typeof next === "number" && lab.set({ time: { ...time, heads: next } })}
        />
        <Button
          disabled={why !== undefined}
          loading={isRunning(state, "measure")}
          onClick={() =>
            triple && void lab.measure(settings, { triple: triple.id, heads, sparsities: SPARSITIES })
          }
        >
          Measure
        </Button>
        {why && !isRunning(state, "measure") && <p className={classes.text}>{why}</p>}
      </div>
    </Card>
  );
}

function Verdict({ found, note }: { found: Measurement; note: string | undefined }) {
  const dense = found.times.find((t) => t.name === "dense");
  const sparse = sparseAsSet(found.times);
  const share = (value: number | null): string | null => (value === null ? null : formatPercent(value));
  return (
    <Card
      title="Sparse against dense"
      note={[
        note,
        `${found.triple}, ${found.heads} ${found.heads === 1 ? "head" : "heads"} of ${found.length.toLocaleString("en")} tokens, ${found.device.description}`,
      ]
        .filter(Boolean)
        .join(". ")}
    >
      {found.slower ? (
        <Warning title="Sparse is slower than dense here">
          {found.verdict.replace(/^Warning: w/, "W")}
        </Warning>
      ) : (
        <p className={classes.text}>{found.verdict}</p>
      )}
      <StatRow>
        <Stat label="Dense" value={dense?.ms ?? null} unit="ms" />
        <Stat
          label="Sparse"
          value={sparse?.ms ?? null}
          unit="ms"
          hint={
            sparse &&
            `Kept ${formatPercent(sparse.theoretical)}, skipped ${formatPercent(1 - sparse.theoretical)}.`
          }
        />
        <Stat
          label="Speed-up, measured"
          value={dense && sparse ? dense.ms / sparse.ms : null}
          unit="×"
          tone={found.slower ? "warn" : "plain"}
        />
        <Stat
          label="Speed-up, by counting"
          value={sparse ? 1 / sparse.theoretical : null}
          unit="×"
          hint="Dense operations over the operations of the kept blocks."
        />
        <Stat
          label="Break-even, skipped"
          value={share(found.breakEven)}
          hint="Share skipped from which sparse is faster than dense, between measured points."
        />
        <Stat
          label="Break-even with search"
          value={share(found.breakEvenWithSearch)}
          hint="The same when every step also pays one search and one selection."
        />
        <Stat label="Dense rate" {...rate(dense)} />
        <Stat label="Sparse rate" {...rate(sparse)} hint="Operations of the kept blocks over the time." />
      </StatRow>
      {found.device.software && (
        <Warning title="A software adapter">
          These times come from a driver that computes on the CPU. They say nothing about any GPU, neither the
          rates nor the break-even.
        </Warning>
      )}
    </Card>
  );
}

/** Effective rate, in the unit that keeps it readable. */
function rate(row: TimeRow | undefined): { value: number | null; unit: string } {
  const tflops = row?.tflops ?? null;
  if (tflops === null || tflops >= 0.1) return { value: tflops, unit: "TFLOP/s" };
  return { value: tflops * 1000, unit: "GFLOP/s" };
}

const COLUMNS: readonly Column<TimeRow>[] = [
  { key: "name", label: "Kernel", value: (t) => TIME_NAMES[t.name] },
  {
    key: "kept",
    label: "Kept",
    value: (t) => (t.skipped === null ? null : 1 - t.skipped),
    format: formatPercent,
  },
  { key: "skipped", label: "Skipped", value: (t) => t.skipped, format: formatPercent },
  { key: "ms", label: "Median", unit: "ms", value: (t) => t.ms },
  { key: "min", label: "Fastest", unit: "ms", value: (t) => t.minMs },
  { key: "share", label: "Of dense", value: (t) => t.share, format: formatPercent },
  { key: "theory", label: "By counting", value: (t) => t.theoretical, format: formatPercent },
  { key: "rate", label: "Rate", unit: "GFLOP/s", value: (t) => t.tflops * 1000 },
];

function Charts({ state }: ViewProps) {
  const { times, measurement } = state;
  const bars = useMemo(() => timeBars(times), [times]);
  const series = useMemo(() => sparseLines(times), [times]);
  const lines = useMemo((): ReferenceLine[] => {
    const dense = times.find((t) => t.name === "dense");
    const even = measurement?.breakEven ?? null;
    return [
      ...(dense ? [{ axis: "y" as const, at: dense.ms, label: `dense: ${formatNumber(dense.ms)} ms` }] : []),
      ...(even === null
        ? []
        : [{ axis: "x" as const, at: even, label: `break-even: ${formatPercent(even)}` }]),
    ];
  }, [times, measurement]);
  return (
    <>
      <Card title="Measured next to theoretical" note={originNote(state)}>
        <BarChart
          title="Time of each kernel"
          categories={bars.categories}
          series={bars.series}
          valueLabel="time"
          unit="ms"
        />
      </Card>
      <Card title="Sparse time against the share skipped" note={originNote(state)}>
        <LineChart
          title="Sparse time against the share skipped"
          xLabel="share skipped"
          yLabel="milliseconds"
          series={series}
          xRange={[0, 1]}
          height={320}
          formatX={(value) => formatPercent(value, 0)}
          lines={lines}
          empty="The sparse kernel is timed after dense, search and selection."
        />
      </Card>
      <Card title="All times" note={originNote(state)} flush>
        <DataTable
          title="All times"
          rows={times}
          columns={COLUMNS}
          rowKey={(t) => String(times.indexOf(t))}
          maxHeight={440}
        />
      </Card>
    </>
  );
}
