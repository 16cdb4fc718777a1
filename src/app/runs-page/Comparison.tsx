// One run in detail, or several side by side: parameters, results, metrics over time. It changes nothing.
import { type ReactNode, useEffect, useState } from "react";
import { busy } from "../../base/idle";
import type { RunRecord } from "../../runs/record";
import type { MetricRow } from "../../runs/store";
import { type Column, DataTable } from "../../ui/DataTable";
import { LineChart } from "../../ui/LineChart";
import { Panel } from "../../ui/Panel";
import { EmptyState, ErrorState, Loading } from "../../ui/states";
import { type DiffRow, diffRows, distinctNames, overlay, stepName } from "./compare";
import classes from "./RunsPage.module.css";
import { openRuns } from "./runs-store";

export function Comparison({ records }: { records: readonly RunRecord[] }): ReactNode {
  const isOne = records.length === 1;
  const names = distinctNames(records.map((record) => record.name));
  const columns: Column<DiffRow>[] = [
    { key: "name", label: "Name", value: (row) => row.name },
    ...names.map(
      (label, i): Column<DiffRow> => ({
        key: String(i),
        label: isOne ? "Value" : label,
        value: (row) => row.values[i],
        format: String,
        render:
          isOne || i === 0
            ? undefined
            : (row) => (
                <span className={row.differs ? undefined : classes.same}>{String(row.values[i] ?? "–")}</span>
              ),
      }),
    ),
  ];
  const facts = records.map(({ seed, adapter, codeVersion, params, artefacts }) => ({
    ...params,
    ...(seed !== undefined && { seed }),
    adapter,
    "code version": codeVersion,
    ...(artefacts.length > 0 && { files: artefacts.map((a) => a.name).join(", ") }),
  }));
  const failed = records.filter((record) => record.error);
  return (
    <div className={classes.stack}>
      {failed.map((record) => (
        <ErrorState
          key={record.id}
          title={`“${record.name}” failed`}
          error={record.error}
          context={record.params}
        />
      ))}
      <div className={classes.charts}>
        <Panel title={isOne ? "Results" : "Results side by side"} flush>
          <DataTable
            title="Results"
            rows={diffRows(records.map((record) => record.summary))}
            columns={columns.map((column) => ({ ...column, format: undefined, render: undefined }))}
            rowKey={(row) => row.name}
            empty="No run chosen here has results yet."
          />
        </Panel>
        <Panel title={isOne ? "Parameters" : "Parameters, differences first"} flush>
          <DataTable
            title="Parameters"
            rows={diffRows(facts)}
            columns={columns}
            rowKey={(row) => row.name}
            maxHeight={420}
          />
        </Panel>
      </div>
      <Metrics records={records} />
    </div>
  );
}

function Metrics({ records }: { records: readonly RunRecord[] }): ReactNode {
  const ids = records.map((record) => record.id).join(" ");
  const [loaded, setLoaded] = useState<
    { ids: string; rows: MetricRow[][] } | { ids: string; error: unknown }
  >();
  useEffect(() => {
    let isCurrent = true;
    const end = busy();
    openRuns()
      .then((store) => Promise.all(ids.split(" ").map((id) => store.metrics(id))))
      .then((rows) => isCurrent && setLoaded({ ids, rows }))
      .catch((error: unknown) => isCurrent && setLoaded({ ids, error }))
      .finally(end);
    return () => {
      isCurrent = false;
    };
  }, [ids]);

  const names = [...new Set(records.flatMap((record) => record.metricNames))];
  const step = stepName(names);
  const shown = names.filter((name) => name !== step);
  if (shown.length === 0) {
    return (
      <Panel title="Metrics over time">
        <EmptyState compact title="No metrics" why="None of the chosen runs has logged values over time." />
      </Panel>
    );
  }
  if (loaded?.ids !== ids) return <Loading label="Reading the metrics" height={200} />;
  if ("error" in loaded) return <ErrorState title="The metrics cannot be read" error={loaded.error} />;
  const runs = records.map((record, i) => ({ name: record.name, rows: loaded.rows[i] }));
  return (
    <div className={classes.charts}>
      {shown.map((name) => (
        <Panel key={name} title={name}>
          <LineChart
            title={name}
            xLabel={step ?? "row"}
            yLabel={name}
            series={overlay(runs, name)}
            height={220}
            empty="The values of this metric are missing from the log."
          />
        </Panel>
      ))}
    </div>
  );
}
