// The second part of the page, the video transformer: weights and parameters on the left, training and clips on the right,
// one run bar that trains and samples. It wires views to the store and never sees the GPU.
import { Text } from "@mantine/core";
import { useEffect } from "react";
import { useStore } from "zustand";
import { formatDuration } from "../../../../base/stats";
import { ExportMenu } from "../../../../ui/ExportMenu";
import { formatNumber, formatPercent } from "../../../../ui/format";
import { Panel as Card } from "../../../../ui/Panel";
import { ParamsForm } from "../../../../ui/ParamsForm";
import { RunBar } from "../../../../ui/RunBar";
import { errorRecord } from "../../../../ui/states";
import { WorkflowLayout } from "../../../../ui/WorkflowLayout";
import { CLOSED_GROUPS, FORM_FIELDS, type VideoSettings, videoParams } from "../../protocol-video-page";
import { flopsWords } from "../words";
import { videoExports } from "./exports";
import { pointsLeft, type VideoState } from "./state";
import { isVideoBusy, type VideoLab } from "./store";
import { VideoViews } from "./views/VideoViews";
import { WeightsCard } from "./views/WeightsCard";
import { sizeWords } from "./words";

interface Props {
  lab: VideoLab;
  settings: VideoSettings;
  setParams(change: Partial<VideoSettings>): void;
  /** Why nothing can be started now that this part does not know of. */
  blocked?: string;
}

export function VideoPart({ lab, settings, setParams, blocked }: Props) {
  const state = useStore(lab.state);
  const { job, weights } = state;
  const isRunning = isVideoBusy(job);

  // biome-ignore lint/correctness/useExhaustiveDependencies: told anew for each change of what it depends on
  useEffect(() => {
    if (!isRunning) void lab.inspect(settings);
  }, [lab, weights.value, isRunning, ...Object.values(settings)]);

  const why = blocked ?? whyNotTrain(state);
  return (
    <WorkflowLayout
      params={
        <>
          <WeightsCard lab={lab} state={state} />
          <Card title="Settings">
            <CostWords state={state} />
            <ParamsForm
              spec={videoParams}
              names={FORM_FIELDS}
              values={settings}
              onChange={setParams}
              disabled={isRunning}
              closed={CLOSED_GROUPS}
              notes={notesOf(settings, state)}
            />
          </Card>
        </>
      }
      views={<VideoViews lab={lab} state={state} settings={settings} setParams={setParams} />}
      runBar={
        <RunBar
          state={job.state}
          progress={job.progress}
          onRun={() => void lab.sample(settings)}
          onCancel={lab.cancel}
          onPause={() => void lab.pause()}
          onResume={lab.resume}
          runLabel="Sample"
          disabledReason={why ?? whyNotSample(state)}
          second={{ label: "Train", onRun: () => void lab.train(settings), disabledReason: why }}
          error={job.error}
          summary={summaryWords(state)}
          actions={<ExportMenu items={videoExports(lab, state)} />}
        />
      }
    />
  );
}

function whyNotTrain({ inspection, weights }: VideoState): string | undefined {
  if (weights.state === "waiting") return "Reading weights";
  if (inspection.state === "failed") return "These settings cannot be: see “Settings”";
  return undefined;
}

function whyNotSample({ weights, file }: VideoState): string | undefined {
  return weights.value && file ? undefined : "Train or drop weights first";
}

/** What the form asks for and how long it will take, or why it cannot be. */
function CostWords({ state }: { state: VideoState }) {
  const { inspection } = state;
  const found = inspection.value;
  if (inspection.state === "failed")
    return (
      <Text size="sm" c="var(--t-bad)" role="alert" mb={12}>
        {errorRecord(inspection.error).message}
      </Text>
    );
  if (!found) return null;
  const time = (seconds: number | null): string =>
    seconds === null ? "time not known before the first run" : `about ${formatDuration(seconds)}`;
  return (
    <Text size="sm" mb={12}>
      {sizeWords(found)}. Training: {flopsWords(found.trainFlops)}, {time(found.trainSeconds)}. Both clips:{" "}
      {flopsWords(found.sampleFlops)}, {time(found.sampleSeconds)}.
    </Text>
  );
}

function notesOf(
  settings: VideoSettings,
  { inspection }: VideoState,
): Partial<Record<keyof VideoSettings, string>> {
  const found = inspection.state === "ready" ? inspection.value : undefined;
  if (!found) return {};
  return {
    sparseSparsity: `Of video blocks ${formatPercent(settings.sparseSparsity)}; of all blocks keeps ${formatPercent(found.kept)}, skips ${formatPercent(1 - found.kept)}`,
    sparseBlock: `${found.blocks} key blocks a row`,
    sparseSearches: `Attention work left: ${formatPercent(found.attentionWork)} of dense`,
  };
}

function summaryWords(state: VideoState): string | undefined {
  const { job, trained, sampled, metrics, ablation } = state;
  if (job.kind === "ablate") {
    const { length } = ablation.asked;
    return `${length - pointsLeft(state).length} of ${length} points`;
  }
  if (job.kind === "train") {
    const last = metrics.at(-1);
    const validation = trained?.weights.origin?.validationLoss ?? null;
    return (
      last &&
      `${last.step.toLocaleString("en")} steps, loss ${formatNumber(last.loss)}${validation === null ? "" : `, validation loss ${formatNumber(validation)}`}`
    );
  }
  const found = sampled?.comparison;
  if (!found) return undefined;
  const psnr = found.meanPsnr === null ? "All frames equal" : `PSNR ${formatNumber(found.meanPsnr)} dB`;
  return `${psnr}, SSIM ${formatNumber(found.meanSsim)}, speed-up ${formatNumber(found.speedup)}×`;
}
