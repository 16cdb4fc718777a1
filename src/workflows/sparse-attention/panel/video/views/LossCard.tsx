// The loss of the training that is shown, and of stored ones that are chosen to lie over it.
import { Button, Checkbox, Popover, SegmentedControl, Stack, Switch, Text } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import { LineChart } from "../../../../../ui/LineChart";
import { Panel as Card } from "../../../../../ui/Panel";
import { errorRecord } from "../../../../../ui/states";
import classes from "../../views/Views.module.css";
import { lossSeries, runLabels, wholeTick } from "../words";
import type { VideoViewProps } from "./shared";

const SMOOTHING = ["0", "0.6", "0.9", "0.99"] as const;

interface Props extends Pick<VideoViewProps, "lab" | "state"> {
  isLog: boolean;
  setLog(is: boolean): void;
}

/** Not drawn while there is no curve at all. */
export function LossCard({ lab, state, isLog, setLog }: Props) {
  const { metrics, job } = state;
  const { runs = [], shown } = useStore(lab.curves.state);
  const [keep, setKeep] = useState<(typeof SMOOTHING)[number]>("0.6");
  // biome-ignore lint/correctness/useExhaustiveDependencies: another training is stored, or shown, after each of these
  useEffect(() => void lab.curves.list(), [lab, job.state, state.saved]);
  const labels = useMemo(() => new Map(runLabels(runs).map((label, i) => [runs[i].id, label])), [runs]);
  const series = useMemo(() => {
    const others = shown.map(({ id, name, metrics }) => ({ label: labels.get(id) ?? name, metrics }));
    return lossSeries(metrics, Number(keep), others);
  }, [metrics, keep, shown, labels]);
  if (metrics.length === 0 && runs.length === 0) return null;
  return (
    <Card
      title="Loss"
      help="Smoothed: moving average that keeps the share shown of what it was, corrected for its beginning. Other trainings are drawn as one line each, smoothed alike."
    >
      <div className={classes.controls}>
        <Compare lab={lab} labels={labels} />
        <SegmentedControl
          size="xs"
          aria-label="Smoothing"
          data={SMOOTHING.map((value) => ({ value, label: value === "0" ? "Raw" : value }))}
          value={keep}
          onChange={(next) => setKeep(next as (typeof SMOOTHING)[number])}
        />
        <Switch
          className={classes.switch}
          size="xs"
          label="Log axis"
          checked={isLog}
          onChange={(event) => setLog(event.currentTarget.checked)}
        />
      </div>
      <LineChart
        title="Loss"
        xLabel="steps"
        formatX={wholeTick}
        yLabel="mean squared error"
        series={series}
        yScale={isLog ? "log" : "linear"}
        height={260}
        empty="Press “Compare” to draw trainings that are stored in this browser."
      />
    </Card>
  );
}

/** The stored trainings as a list to tick. */
function Compare({ lab, labels }: Pick<Props, "lab"> & { labels: ReadonlyMap<string, string> }) {
  const { runs, shown, error } = useStore(lab.curves.state);
  const count = shown.length;
  return (
    <Popover position="bottom-start" withinPortal trapFocus>
      <Popover.Target>
        <Button size="xs" variant="default">
          {count === 0 ? "Compare" : `Compared with ${count} ${count === 1 ? "run" : "runs"}`}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className={classes.choices} aria-label="Stored trainings">
        {error !== undefined && (
          <Text size="sm" c="var(--t-bad)" role="alert">
            {errorRecord(error).message}
          </Text>
        )}
        {runs?.length === 0 && <Text size="sm">No other training is stored in this browser.</Text>}
        <Stack gap={8}>
          {runs?.map(({ id }) => (
            <Checkbox
              key={id}
              size="xs"
              label={labels.get(id)}
              checked={shown.some((curve) => curve.id === id)}
              onChange={() => void lab.curves.toggle(id)}
            />
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
