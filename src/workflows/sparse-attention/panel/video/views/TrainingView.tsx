// Training as it goes: figures, clips on the way, loss, gradient norm, throughput, and what came of it.
import { useMemo, useState } from "react";
import { formatDuration } from "../../../../../base/stats";
import { LineChart } from "../../../../../ui/LineChart";
import { Panel as Card } from "../../../../../ui/Panel";
import { Stat, StatRow } from "../../../../../ui/Stat";
import { EmptyState, Loading } from "../../../../../ui/states";
import { isVideoBusy } from "../store";
import { wholeTick } from "../words";
import { LossCard } from "./LossCard";
import type { VideoViewProps } from "./shared";
import { TrainClips } from "./TrainClips";

export function TrainingView({ lab, state }: VideoViewProps) {
  const { metrics, trained, job, weights, ran } = state;
  const [isLog, setLog] = useState(false);
  const x = useMemo(() => metrics.map((m) => m.step), [metrics]);
  const last = metrics.at(-1);
  if (!last)
    return (
      <>
        <Card title="Training">
          {job.kind === "train" && isVideoBusy(job) ? (
            <Loading label="Compiling kernels and running the first steps" height={200} />
          ) : (
            <EmptyState
              title="Nothing was trained yet"
              why={
                weights.value
                  ? "The weights in use came from a file. “Train” below begins with fresh ones."
                  : "Press “Train” below. Clips of moving shapes are made on the fly; the loss shows up here step by step."
              }
            />
          )}
        </Card>
        <LossCard lab={lab} state={state} isLog={isLog} setLog={setLog} />
      </>
    );
  const origin = trained?.weights.origin;
  return (
    <>
      <Card
        title="Training"
        note="Synthetic data: clips of moving shapes with captions, drawn from the seed"
        help="Rectified flow: the mean squared error of the predicted velocity, clip − noise, at a random time."
      >
        <StatRow>
          <Stat label="Steps done" value={last.step} hint={`Of ${ran.train?.trainSteps ?? last.step}.`} />
          <Stat label="Loss" value={last.loss} hint="Of the last step." />
          <Stat
            label="Validation loss"
            value={origin?.validationLoss ?? null}
            hint="Of the averaged weights, on clips that training never draws; measured at the end."
          />
          <Stat label="Gradient norm" value={last.gradientNorm} hint="Before clipping." />
          <Stat label="Throughput" value={last.stepsPerSecond} unit="steps/s" />
          <Stat
            label="Rate"
            value={last.gflops}
            unit="GFLOP/s"
            hint="Operations by counting over the time."
          />
        </StatRow>
      </Card>
      <TrainClips state={state} />
      <LossCard lab={lab} state={state} isLog={isLog} setLog={setLog} />
      <Card title="Gradient norm">
        <LineChart
          title="Gradient norm"
          xLabel="steps"
          formatX={wholeTick}
          yLabel="norm before clipping"
          series={[{ name: "Gradient norm", x, y: metrics.map((m) => m.gradientNorm) }]}
          yScale={isLog ? "log" : "linear"}
          height={200}
        />
      </Card>
      <Card
        title="Throughput"
        help="The first points hold compiling and tuning of kernels."
        note={
          trained &&
          `${trained.dispatches ?? "–"} dispatches a step; ${formatDuration(trained.seconds)} in all`
        }
      >
        <LineChart
          title="Throughput"
          xLabel="steps"
          formatX={wholeTick}
          yLabel="steps a second"
          series={[{ name: "Steps a second", x, y: metrics.map((m) => m.stepsPerSecond) }]}
          height={200}
        />
      </Card>
    </>
  );
}
