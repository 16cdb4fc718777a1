// The first part of the page, the attention laboratory: input and method on the left, what came out on the right, one run bar below.
// It wires views to the store and never sees the GPU.
import { useEffect } from "react";
import { useStore } from "zustand";
import { ExportMenu } from "../../../ui/ExportMenu";
import { formatPercent } from "../../../ui/format";
import { Panel as Card } from "../../../ui/Panel";
import { ParamsForm } from "../../../ui/ParamsForm";
import { RunBar } from "../../../ui/RunBar";
import { WorkflowLayout } from "../../../ui/WorkflowLayout";
import { type Settings, params as spec } from "../protocol-params";
import { exportItems } from "./exports";
import { type LabState, summarise } from "./state";
import { isBusy, type Lab } from "./store";
import { InputCard } from "./views/InputCard";
import { whyNot } from "./views/shared";
import { Views } from "./views/Views";
import { sharesWords } from "./words";

/** The form, without the naming pattern: that stands beside the names. */
const FIELDS = (Object.keys(spec) as (keyof Settings)[]).filter((name) => name !== "pattern");

export function Laboratory(props: {
  lab: Lab;
  settings: Settings;
  setParams(change: Partial<Settings>): void;
  /** Why nothing can be started now that this part does not know of. */
  blocked?: string;
}) {
  const { lab, settings, setParams } = props;
  const state = useStore(lab.state);
  const { job, input, chosen } = state;
  const isRunning = isBusy(job);

  // biome-ignore lint/correctness/useExhaustiveDependencies: told anew for each change of what it depends on
  useEffect(() => {
    if (!isRunning) void lab.inspect(settings);
  }, [lab, input.value, chosen, isRunning, ...Object.values(settings)]);

  return (
    <WorkflowLayout
      params={
        <>
          <InputCard lab={lab} settings={settings} />
          <Card title="Settings">
            <ParamsForm
              spec={spec}
              values={settings}
              onChange={setParams}
              names={FIELDS}
              disabled={isRunning}
              notes={methodNotes(settings, state)}
            />
          </Card>
        </>
      }
      views={<Views lab={lab} settings={settings} setParams={setParams} />}
      runBar={
        <RunBar
          state={job.state}
          progress={job.progress}
          onRun={() => void run(lab, settings)}
          onCancel={lab.cancel}
          onPause={() => void lab.pause()}
          onResume={lab.resume}
          runLabel={runLabel(state)}
          disabledReason={props.blocked ?? whyNot(state)}
          error={job.error}
          summary={summaryWords(state)}
          actions={<ExportMenu items={exportItems(lab, state)} />}
        />
      }
    />
  );
}

/** Runs the analysis; a naming pattern that was typed and not yet used is used first. */
async function run(lab: Lab, settings: Settings): Promise<void> {
  const { pattern, source } = lab.state.getState();
  if (source?.kind === "file" && pattern !== settings.pattern) await lab.match(settings.pattern);
  if (lab.state.getState().input.state !== "failed") await lab.analyse(settings);
}

function methodNotes(settings: Settings, { inspection }: LabState): Partial<Record<keyof Settings, string>> {
  const found = inspection.value;
  return {
    sparsity: `Skips ${formatPercent(settings.sparsity)}, keeps ${formatPercent(1 - settings.sparsity)}`,
    ...(found && inspection.state === "ready" && { block: `${found.blocks} key blocks a row` }),
  };
}

function runLabel({ job }: LabState): string {
  if (job.state === "failed") return "Start again";
  return job.state === "idle" ? "Run analysis" : "Run analysis again";
}

function summaryWords({ heads, job, curves, measurement }: LabState): string | undefined {
  if (job.kind === "curves") return `${curves.length} curves`;
  if (job.kind === "measure") return measurement && `${measurement.times.length} times measured`;
  const summary = summarise(heads);
  if (!summary) return undefined;
  return `${summary.heads} heads, recall ${formatPercent(summary.recall)}, ${sharesWords(summary.kept, summary.skipped)}`;
}
