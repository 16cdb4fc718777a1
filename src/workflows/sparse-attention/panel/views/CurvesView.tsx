// Recall against sparsity of all selection rules: what to draw, the curves, and their reading at the set sparsity.
import { Button, Checkbox, Select } from "@mantine/core";
import { useMemo } from "react";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { formatPercent } from "../../../../ui/format";
import { LineChart } from "../../../../ui/LineChart";
import { Panel as Card } from "../../../../ui/Panel";
import { usePalette } from "../../../../ui/palette";
import { ErrorState, Loading } from "../../../../ui/states";
import type { CurveSettings } from "../../protocol";
import { STRATEGIES, STRATEGY_INFO } from "../../protocol-params";
import { type CurveReading, curveSeries, nearest, readCurves } from "../series";
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

const SIDES = ["32", "64", "128"] as const;
/** Where curves are read; the set sparsity is added. */
const SPARSITIES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98];

export function CurvesView(props: ViewProps) {
  const { lab, state } = props;
  if (state.input.state !== "ready")
    return (
      <Card title="Recall against sparsity">
        <MissingInput lab={lab} state={state} />
      </Card>
    );
  return (
    <>
      <RequestCard {...props} />
      <CurvesCard {...props} />
    </>
  );
}

function RequestCard({ lab, state, settings }: ViewProps) {
  const { curves: asked } = state.choices;
  const triple = tripleOf(state, asked.triple);
  const set = (change: Partial<typeof asked>): void => lab.set({ curves: { ...asked, ...change } });
  const why =
    whyNotNow(state) ??
    (asked.strategies.length === 0
      ? "Choose a rule"
      : asked.blocks.length === 0
        ? "Choose a block side"
        : undefined);
  const heads = asked.heads.filter((h) => h < (triple?.heads ?? 0));
  const draw = (): void => {
    if (!triple) return;
    const sparsities = [...new Set([...SPARSITIES, settings.sparsity])].sort((a, b) => a - b);
    lab.set({ curveHead: heads[0] ?? "mean" });
    void lab.drawCurves(settings, { ...asked, heads, triple: triple.id, sparsities });
  };
  return (
    <Card
      title="What to draw"
      note={originNote(state)}
      help="Every rule gets the same number of blocks on the same tensors; recall is read off exact block masses."
    >
      <div className={classes.controls}>
        <TriplePicker
          triples={state.input.value?.triples ?? []}
          value={triple?.id}
          onChange={(id) => set({ triple: id })}
        />
        <Select
          label="Heads"
          w={130}
          data={["All heads", ...Array.from({ length: triple?.heads ?? 0 }, (_, h) => `Head ${h}`)]}
          value={heads.length > 0 ? `Head ${heads[0]}` : "All heads"}
          allowDeselect={false}
          onChange={(next) => set({ heads: next?.startsWith("Head ") ? [Number(next.slice(5))] : [] })}
        />
      </div>
      <fieldset className={classes.fieldset}>
        <legend className={classes.legend}>Rules</legend>
        <div className={classes.checks}>
          {STRATEGIES.map((id) => (
            <Checkbox
              key={id}
              size="xs"
              label={STRATEGY_INFO[id].label}
              checked={asked.strategies.includes(id)}
              onChange={() => set({ strategies: toggled(STRATEGIES, asked.strategies, id) })}
            />
          ))}
        </div>
      </fieldset>
      <fieldset className={classes.fieldset}>
        <legend className={classes.legend}>Block sides</legend>
        <div className={classes.checks}>
          {SIDES.map((side) => (
            <Checkbox
              key={side}
              size="xs"
              label={side}
              checked={asked.blocks.includes(side)}
              onChange={() =>
                set({ blocks: toggled<CurveSettings["blocks"][number]>(SIDES, asked.blocks, side) })
              }
            />
          ))}
        </div>
      </fieldset>
      <div className={classes.controls}>
        <Button onClick={draw} disabled={why !== undefined} loading={isRunning(state, "curves")}>
          Draw curves
        </Button>
        {why && !isRunning(state, "curves") && <p className={classes.text}>{why}</p>}
      </div>
    </Card>
  );
}

/** The set with `one` put in or taken out, in the order of `all`. */
function toggled<V>(all: readonly V[], set: readonly V[], one: V): V[] {
  return all.filter((v) => (v === one ? !set.includes(v) : set.includes(v)));
}

const COLUMNS: readonly Column<CurveReading>[] = [
  { key: "rule", label: "Rule", value: (r) => STRATEGY_INFO[r.strategy].label },
  { key: "side", label: "Block side", value: (r) => r.side },
  { key: "recall", label: "Recall", value: (r) => r.recall, format: formatPercent },
  { key: "kept", label: "Kept", value: (r) => 1 - r.skipped, format: formatPercent },
  { key: "skipped", label: "Skipped", value: (r) => r.skipped, format: formatPercent },
  { key: "like", label: "As in", value: (r) => STRATEGY_INFO[r.strategy].like },
  {
    key: "what",
    label: "What it keeps",
    value: (r) => `${STRATEGY_INFO[r.strategy].rule}${r.note ? ` Here: ${r.note}.` : ""}`,
    wide: true,
  },
];

const headWords = (head: number | "mean", count: number): string =>
  head === "mean" ? `mean of ${count} ${count === 1 ? "head" : "heads"}` : `head ${head}`;

function CurvesCard({ lab, state, settings }: ViewProps) {
  const { curves, curvesAt, left, job } = state;
  const palette = usePalette();
  const heads = [...new Set(curves.map((c) => c.head))].sort((a, b) => a - b);
  const asked = state.choices.curveHead;
  const head = asked === "mean" || heads.includes(asked) ? asked : "mean";
  const { sparsity } = settings;
  const series = useMemo(() => curveSeries(curves, head, palette.series), [curves, head, palette]);
  const readings = useMemo(
    () => readCurves({ curves, curvesAt }, head, sparsity),
    [curves, curvesAt, head, sparsity],
  );
  const read = curvesAt[nearest(curvesAt, sparsity)] ?? sparsity;
  const readAt = readings.find((r) => r.strategy !== "oracle")?.skipped ?? readings[0]?.skipped;
  const lines = useMemo(
    () =>
      readAt === undefined
        ? []
        : [{ axis: "x" as const, at: readAt, label: `sparsity ${formatPercent(read, 0)}` }],
    [readAt, read],
  );
  if (curves.length === 0 && isRunning(state, "curves"))
    return (
      <Card title="Recall against sparsity" note={originNote(state)}>
        <Loading label="Waiting for the first curve" height={240} />
      </Card>
    );
  if (curves.length === 0 && job.kind === "curves" && job.state === "failed")
    return (
      <Card title="Recall against sparsity" note={originNote(state)}>
        <ErrorState error={job.error} title="No curve was drawn" />
      </Card>
    );
  return (
    <Card
      title="Recall against sparsity"
      note={[originNote(state), curves[0] && `${curves[0].triple}, ${headWords(head, heads.length)}`]
        .filter(Boolean)
        .join(". ")}
      help="Recall is the share of the softmax mass that a rule keeps; skipped counts the text blocks as kept."
      actions={
        heads.length > 1 && (
          <Select
            aria-label="Head shown"
            w={130}
            data={["Mean of heads", ...heads.map((h) => `Head ${h}`)]}
            value={head === "mean" ? "Mean of heads" : `Head ${head}`}
            allowDeselect={false}
            onChange={(next) =>
              lab.set({ curveHead: next?.startsWith("Head ") ? Number(next.slice(5)) : "mean" })
            }
          />
        )
      }
    >
      <LineChart
        title="Recall against sparsity"
        xLabel="share skipped"
        yLabel="recall"
        series={series}
        xRange={[0, 1]}
        yRange={[0, 1]}
        height={380}
        formatX={(value) => formatPercent(value, 0)}
        formatY={formatPercent}
        tickY={(value) => formatPercent(value, 0)}
        lines={lines}
        empty="Press “Draw curves”: each rule is drawn as it is done."
      />
      {readings.length > 0 && (
        <>
          <p className={classes.text}>
            {read === sparsity
              ? `Read at the set sparsity of ${formatPercent(sparsity)}.`
              : `Read at a sparsity of ${formatPercent(read)}, the one drawn nearest to the set ${formatPercent(sparsity)}.`}{" "}
            Every rule has the same budget there; text blocks are kept besides, so less is skipped.
          </p>
          <DataTable
            title={`Rules at a sparsity of ${formatPercent(read)}`}
            rows={readings}
            columns={COLUMNS}
            rowKey={(r) => `${r.strategy} ${r.side}`}
          />
        </>
      )}
      {left.length > 0 && (
        <ul className={classes.list} aria-label="Rules left out">
          {left.map(({ strategy, why }) => (
            <li key={strategy}>
              {STRATEGY_INFO[strategy].label} was left out. {why}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
