// Training as it goes: figures, clips on the way, loss, gradient norm, throughput, and what came of it.
import { SegmentedControl } from "@mantine/core";
import { useMemo, useState } from "react";
import { formatBytes, formatDuration } from "../../../../../base/stats";
import { LineChart } from "../../../../../ui/LineChart";
import { Panel as Card } from "../../../../../ui/Panel";
import { Stat, StatRow } from "../../../../../ui/Stat";
import { EmptyState, Loading } from "../../../../../ui/states";
import { isVideoBusy } from "../store";
import { wholeTick } from "../words";
import { LossCard } from "./LossCard";
import type { VideoViewProps } from "./shared";
import { TrainClips } from "./TrainClips";

const RATES = [
  { factor: 0.1, label: "× 0.1" },
  { factor: 0.25, label: "× ¼" },
  { factor: 0.5, label: "× ½" },
  { factor: 1, label: "As set" },
  { factor: 2, label: "× 2" },
  { factor: 4, label: "× 4" },
] as const;

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
  const cost = state.stepCost ?? trained?.cost;
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
          <Stat
            label="Weight norm"
            value={last.parameterNorm ?? null}
            hint="Root of the sum of all squared weights."
          />
          <Stat label="Learning rate" value={last.learningRate} hint="Of the last step." />
          <Stat label="Throughput" value={last.stepsPerSecond} unit="steps/s" />
          <Stat
            label="Rate"
            value={last.gflops}
            unit="GFLOP/s"
            hint="Operations by counting over the time."
          />
        </StatRow>
      </Card>
      {job.kind === "train" && isVideoBusy(job) && (
        <Card
          title="Learning rate"
          help="Multiplies what the schedule gives, from the next step on. A state that is stored remembers it; the same settings alone do not repeat such a training."
        >
          <SegmentedControl
            size="xs"
            aria-label="Factor on the learning rate"
            data={RATES.map(({ factor, label }) => ({ value: String(factor), label }))}
            value={String(state.rateFactor)}
            onChange={(value) => lab.setRate(Number(value))}
          />
        </Card>
      )}
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
        note={trained && `${formatDuration(trained.seconds)} in all`}
      >
        {cost && (
          <StatRow>
            <Stat label="Dispatches a step" value={cost.dispatches} />
            <Stat label="Kernels" value={cost.pipelines} hint="Different pipelines of a step." />
            <Stat
              label="Moved a step"
              value={formatBytes(cost.bytes)}
              hint="Bytes of the tensors that its dispatches bind: each read or written once."
            />
            <Stat label="Peak memory" value={formatBytes(cost.peakBytes)} hint="Of buffers on the device." />
          </StatRow>
        )}
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
