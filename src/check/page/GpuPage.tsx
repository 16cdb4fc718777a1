// "Check my GPU": runs every op record on the visitor's own adapter and shows error against bound as it comes in.
import { Group, Stack, Text } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import { type ErrorRecord, toRecord } from "../../base/errors";
import { formatBytes, formatDuration } from "../../base/stats";
import type { Progress } from "../../base/task";
import { connect } from "../../rpc/client";
import { DataTable } from "../../ui/DataTable";
import { publishDeviceFailure, publishDeviceOpened } from "../../ui/device-store";
import { ExportMenu } from "../../ui/ExportMenu";
import { Panel } from "../../ui/Panel";
import { RunBar } from "../../ui/RunBar";
import { Stat, StatRow } from "../../ui/Stat";
import { copyText, saveBytes } from "../../ui/save";
import { EmptyState, Warning } from "../../ui/states";
import type { CheckEvents, CheckOutcome, CheckReport, CheckService, OpSpeed } from "../protocol";
import { type OpRow, reportText, rowsByOp } from "./report";

declare global {
  interface Window {
    /** The finished report, for the browser lanes of the test command. */
    gpuReport?: CheckReport | { error: ErrorRecord };
  }
}

type State = "idle" | "running" | "cancelling" | "cancelled" | "done" | "failed";

interface Live {
  adapter?: CheckEvents["adapter"];
  outcomes: readonly CheckOutcome[];
  speeds: readonly OpSpeed[];
}
const NOTHING: Live = { outcomes: [], speeds: [] };

const client = connect<CheckService, CheckEvents>(
  () => new Worker(new URL("../engine/worker.ts", import.meta.url), { type: "module" }),
);

export default function GpuPage() {
  const [state, setState] = useState<State>("idle");
  const [progress, setProgress] = useState<Progress>();
  const [live, setLive] = useState<Live>(NOTHING);
  const [report, setReport] = useState<CheckReport>();
  const [error, setError] = useState<unknown>();
  const abort = useRef<AbortController>(undefined);

  const run = async (options: { only?: string; speed: boolean }): Promise<void> => {
    abort.current = new AbortController();
    setState("running");
    setLive(NOTHING);
    setReport(undefined);
    setError(undefined);
    try {
      const finished = await client.call("run", options, {
        signal: abort.current.signal,
        onProgress: setProgress,
        onEvent(event) {
          if (event.name === "adapter") {
            publishDeviceOpened(event.data.adapter);
            setLive((now) => ({ ...now, adapter: event.data }));
          } else if (event.name === "outcomes") {
            setLive((now) => ({ ...now, outcomes: [...now.outcomes, ...event.data] }));
          } else setLive((now) => ({ ...now, speeds: [...now.speeds, event.data] }));
        },
      });
      setReport(finished);
      setState("done");
      window.gpuReport = finished;
    } catch (thrown) {
      const record = toRecord(thrown);
      setError(thrown);
      setState(record.code === "cancelled" ? "cancelled" : "failed");
      publishDeviceFailure(thrown);
      window.gpuReport = { error: record };
    }
  };

  // `#/gpu?run=all` starts at once; `&only=matmul` narrows; the lanes leave the timing out.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the page opens
  useEffect(() => {
    const query = new URLSearchParams(location.hash.split("?")[1]);
    if (query.get("run") === "all")
      void run({ only: query.get("only") ?? undefined, speed: query.get("speed") !== "no" });
    return () => abort.current?.abort();
  }, []);

  const rows = useMemo(() => rowsByOp(live.outcomes, live.speeds, live.adapter?.ops ?? []), [live]);
  const failures = live.outcomes.filter((o) => !o.passed);
  const worst = live.outcomes.reduce((top, o) => Math.max(top, o.errorOverBound ?? 0), 0);
  return (
    <Stack gap="md">
      <Panel
        title="Check my GPU"
        help="Each operation is computed on your GPU and compared with a plain float64 computation. The bound of each operation follows from its arithmetic; an error above it is a defect of Tessera or of the driver."
        actions={report && <ReportMenu report={report} />}
      >
        <RunBar
          state={state}
          progress={progress}
          runLabel="Run all checks"
          onRun={() => void run({ speed: true })}
          onCancel={() => {
            setState("cancelling");
            abort.current?.abort();
          }}
          error={error}
          summary={
            report &&
            `${report.passed} of ${report.expected} checks passed in ${formatDuration(report.seconds)}`
          }
        />
      </Panel>
      {live.adapter && <AdapterPanel adapter={live.adapter.adapter} />}
      {live.adapter && (
        <StatRow>
          <Stat
            label="Passed"
            value={live.outcomes.length - failures.length}
            hint={`of ${live.adapter.expected} promised`}
            tone="good"
          />
          <Stat label="Failed" value={failures.length} tone={failures.length ? "bad" : "plain"} />
          <Stat
            label="Largest error"
            value={live.outcomes.length ? worst * 100 : null}
            unit="% of bound"
            hint="The worst of all comparisons, as a share of what is allowed"
          />
        </StatRow>
      )}
      {failures.length > 0 && <Failures failures={failures} />}
      <Panel title="Operations" flush>
        {rows.length ? (
          <OpTable rows={rows} />
        ) : (
          <EmptyState
            title="Nothing was run yet"
            why="Press “Run all checks”: it takes seconds on a GPU and a few minutes on a software adapter."
          />
        )}
      </Panel>
    </Stack>
  );
}

function AdapterPanel({ adapter }: { adapter: CheckEvents["adapter"]["adapter"] }) {
  return (
    <Panel title={adapter.name} note={adapter.description}>
      <Group gap="xl">
        <Text size="sm">Features: {adapter.features.join(", ") || "none beyond the base line"}</Text>
        <Text size="sm">Largest tensor: {formatBytes(adapter.limits.maxStorageBufferBindingSize)}</Text>
        <Text size="sm">Workgroup memory: {formatBytes(adapter.limits.maxComputeWorkgroupStorageSize)}</Text>
        <Text size="sm">Buffers a stage: {adapter.limits.maxStorageBuffersPerShaderStage}</Text>
      </Group>
    </Panel>
  );
}

function Failures({ failures }: { failures: readonly CheckOutcome[] }) {
  return (
    <Warning title={`${failures.length} checks failed on this device`}>
      {failures.slice(0, 8).map((f) => (
        <Text size="sm" key={`${f.op} ${f.check} ${f.case}`}>
          {f.op}, {f.check} {f.case}: {f.message}
        </Text>
      ))}
    </Warning>
  );
}

function OpTable({ rows }: { rows: readonly OpRow[] }) {
  return (
    <DataTable
      title="Operations checked on this device"
      rows={rows}
      rowKey={(row) => row.op}
      columns={[
        { key: "op", label: "Operation", value: (row) => row.op },
        { key: "passed", label: "Passed", value: (row) => row.passed },
        { key: "failed", label: "Failed", value: (row) => row.failed },
        {
          key: "error",
          label: "Error",
          unit: "% of bound",
          value: (row) => row.worst * 100,
          format: (v) => v.toFixed(1),
          help: "Largest error as a share of the allowed one",
        },
        {
          key: "ms",
          label: "Time",
          unit: "ms",
          value: (row) => row.ms,
          format: (v) => v.toPrecision(3),
          help: "Median of one call on the record's largest sample, launch included",
        },
        { key: "bound", label: "Bound (f32)", value: (row) => row.bound },
        { key: "summary", label: "Computes", value: (row) => row.summary, wide: true },
      ]}
    />
  );
}

function ReportMenu({ report }: { report: CheckReport }) {
  return (
    <ExportMenu
      label="Report"
      items={[
        { label: "Copy for a bug report", run: () => copyText(reportText(report), "Report") },
        {
          label: "Save as JSON",
          run: () =>
            saveBytes("tessera-gpu-report.json", JSON.stringify(report, null, 2), "application/json"),
        },
      ]}
    />
  );
}
