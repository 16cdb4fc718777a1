// The page of the merge workflow: models and method on the left, recipe and what came of it on the right. It wires views
// to the store and opens no file.
import { useEffect, useMemo } from "react";
import { useStore } from "zustand";
import { formatBytes } from "../../../base/stats";
import { connect } from "../../../rpc/client";
import { Panel as Card } from "../../../ui/Panel";
import { ParamsForm } from "../../../ui/ParamsForm";
import { RunBar } from "../../../ui/RunBar";
import { WorkflowLayout } from "../../../ui/WorkflowLayout";
import type { PanelProps } from "../../define";
import { type MergeParams, params as spec } from "../protocol";
import type { MergeEvents, MergeService } from "../protocol-service";
import { createMergeLab, isBusy, type MergeState, whyNot } from "./store";
import { MethodCard } from "./views/MethodCard";
import { ModelsCard } from "./views/ModelsCard";
import { OutputCard } from "./views/OutputCard";
import { Views } from "./views/Views";

/** A chunk of a slow method takes a worker some seconds, and a cancel is heard between chunks. */
const CANCEL_WITHIN_MS = 60_000;

export default function Panel({ params, setParams }: PanelProps) {
  const settings = params as MergeParams;
  const lab = useMemo(
    () =>
      createMergeLab(
        connect<MergeService, MergeEvents>(
          () => new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module" }),
          { cancelWithinMs: CANCEL_WITHIN_MS },
        ),
      ),
    [],
  );
  useEffect(() => {
    void lab.start();
    return lab.close;
  }, [lab]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: told anew for each change of a setting
  useEffect(() => lab.check(settings), [lab, ...Object.values(settings)]);
  const state = useStore(lab.state);
  const isRunning = isBusy(state.job);
  return (
    <WorkflowLayout
      params={
        <>
          <ModelsCard lab={lab} state={state} />
          <MethodCard lab={lab} state={state} />
          <OutputCard lab={lab} state={state} />
          <Card title="Settings">
            <ParamsForm spec={spec} values={settings} onChange={setParams} disabled={isRunning} />
          </Card>
        </>
      }
      views={<Views lab={lab} state={state} />}
      runBar={
        <RunBar
          state={state.job.state}
          progress={state.job.progress}
          onRun={() => void lab.merge(settings)}
          onCancel={lab.cancel}
          onPause={() => void lab.pause()}
          onResume={lab.resume}
          runLabel={runLabel(state)}
          disabledReason={whyNot(state)}
          error={state.job.error}
          summary={summaryWords(state)}
        />
      }
    />
  );
}

function runLabel({ job }: MergeState): string {
  const isBroken = job.kind === "merge" && (job.state === "failed" || job.state === "cancelled");
  return isBroken ? "Go on merging" : "Merge";
}

function summaryWords({ job, result, looks }: MergeState): string | undefined {
  if (job.kind === "look") return `${looks.length} tensors compared`;
  return result && `${result.tensors} tensors, ${formatBytes(result.bytes)}`;
}
