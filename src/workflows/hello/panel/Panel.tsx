// The page of the tutorial workflow: one parameter, one file, one chart. It never sees the GPU.
import { Button } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { TesseraError } from "../../../base/errors";
import type { Progress } from "../../../base/task";
import { connect } from "../../../rpc/client";
import { Dropzone } from "../../../ui/Dropzone";
import { publishDeviceFailure, publishDeviceOpened } from "../../../ui/device-store";
import { Panel as Card } from "../../../ui/Panel";
import { ParamsForm } from "../../../ui/ParamsForm";
import { RunBar } from "../../../ui/RunBar";
import { WorkflowLayout } from "../../../ui/WorkflowLayout";
import type { PanelProps } from "../../define";
import { type HelloParams, type HelloService, type Histogram, params as spec } from "../protocol";
import { HistogramView } from "./views/HistogramView";

type State = "idle" | "running" | "cancelling" | "cancelled" | "done" | "failed";

export default function Panel({ params, setParams }: PanelProps) {
  const client = useMemo(
    () =>
      connect<HelloService>(
        () => new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module" }),
      ),
    [],
  );
  useEffect(() => () => client.terminate("its page was closed"), [client]);
  const [file, setFile] = useState<File | "example">("example");
  const [state, setState] = useState<State>("idle");
  const [progress, setProgress] = useState<Progress>();
  const [result, setResult] = useState<Histogram>();
  const [error, setError] = useState<unknown>();
  const abort = useRef<AbortController>(undefined);
  const values = params as HelloParams;
  const isRunning = state === "running" || state === "cancelling";

  const run = async (): Promise<void> => {
    abort.current = new AbortController();
    setState("running");
    setError(undefined);
    try {
      const options = { signal: abort.current.signal, onProgress: setProgress };
      const got = await client.call("histogram", { ...values, file }, options);
      setResult(got);
      setState("done");
      publishDeviceOpened(got.adapter);
    } catch (thrown) {
      const isCancelled = thrown instanceof TesseraError && thrown.code === "cancelled";
      setState(isCancelled ? "cancelled" : "failed");
      if (!isCancelled) setError(thrown);
      publishDeviceFailure(thrown);
    }
  };
  const take = (next: File | "example"): void => {
    setFile(next);
    setResult(undefined); // it was of other values
    setState("idle");
  };
  const cancel = (): void => {
    setState("cancelling");
    abort.current?.abort();
  };

  return (
    <WorkflowLayout
      params={
        <Card
          title="Data"
          note={file === "example" ? "Synthetic: 100,000 standard normal values" : file.name}
        >
          <Dropzone
            label="Drop a file of raw f32 values"
            extensions={[".f32", ".bin"]}
            onFiles={([first]) => take(first)}
            actions={
              <Button variant="default" disabled={isRunning} onClick={() => take("example")}>
                Use the generated example
              </Button>
            }
            disabled={isRunning}
            compact
          />
          <ParamsForm spec={spec} values={values} onChange={setParams} />
        </Card>
      }
      views={<HistogramView result={result} />}
      runBar={
        <RunBar
          state={state}
          progress={progress}
          onRun={() => void run()}
          onCancel={cancel}
          error={error}
          summary={result && `${result.values.toLocaleString("en")} values in ${result.counts.length} bins`}
        />
      }
    />
  );
}
