// All stored runs: find, compare, go on with, rename, delete, export, import. Reading and writing is runs-store.ts.
import { ActionIcon, Button, Group, Menu } from "@mantine/core";
import { IconArrowsDiff, IconDots, IconDownload, IconTrash } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { useStore } from "zustand";
import type { RunRecord } from "../../runs/record";
import { type Column, DataTable } from "../../ui/DataTable";
import { Dropzone } from "../../ui/Dropzone";
import { Panel } from "../../ui/Panel";
import { EmptyState, ErrorState, Loading, Warning } from "../../ui/states";
import { findWorkflow } from "../registry";
import { HASH, navigate } from "../router";
import { Comparison } from "./Comparison";
import { canResume, hasResults, paramWords, runHash, summaryWords } from "./compare";
import { RenameDialog } from "./RenameDialog";
import classes from "./RunsPage.module.css";
import { exportRuns, importRuns, loadRuns, removeBroken, removeRuns, runsState } from "./runs-store";

const STATE_WORDS: Readonly<Record<RunRecord["state"], { label: string; tone: string }>> = {
  running: { label: "Running", tone: "accent" },
  paused: { label: "Paused", tone: "warn" },
  done: { label: "Done", tone: "good" },
  failed: { label: "Failed", tone: "bad" },
  interrupted: { label: "Interrupted", tone: "warn" },
  cancelled: { label: "Cancelled", tone: "" },
};

export default function RunsPage(): ReactNode {
  const { records, broken, error } = useStore(runsState);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [renaming, setRenaming] = useState<RunRecord>();
  useEffect(() => {
    void loadRuns();
    // Another tab, or a workflow in this one, may have added runs meanwhile.
    const reload = (): void => {
      if (document.visibilityState === "visible") void loadRuns();
    };
    document.addEventListener("visibilitychange", reload);
    return () => document.removeEventListener("visibilitychange", reload);
  }, []);

  const selected = (records ?? []).filter((record) => chosen.has(record.id));
  return (
    <div className={classes.page}>
      <header className={classes.head}>
        <h1>Runs</h1>
        <p>Every run is kept in this browser's private storage, with its parameters, metrics and results.</p>
      </header>
      {error !== undefined && (
        <ErrorState title="The runs cannot be read" error={error} retry={() => void loadRuns()} />
      )}
      {broken.length > 0 && (
        <Warning title={broken.length === 1 ? "One run is damaged" : `${broken.length} runs are damaged`}>
          Their records cannot be read, so they can only be removed.{" "}
          <Button size="compact-xs" variant="default" onClick={() => void removeBroken(broken)}>
            Remove
          </Button>
        </Warning>
      )}
      {records === undefined && error === undefined && <Loading label="Reading the runs" height={200} />}
      {records?.length === 0 && (
        <Panel title="All runs">
          <EmptyState
            title="No runs yet"
            why="Runs appear here as soon as a workflow has started one. They survive a reload, a crash and a lost device."
            action={{ label: "To the workflows", run: () => navigate(HASH.gallery) }}
          />
        </Panel>
      )}
      {records !== undefined && records.length > 0 && (
        <Panel title="All runs" actions={<SelectionActions selected={selected} />} flush>
          <DataTable
            title="All runs"
            rows={records}
            rowKey={(record) => record.id}
            rowName={(record) => record.name}
            columns={columns(setRenaming)}
            selection={{ keys: chosen, onChange: setChosen }}
            sort={{ key: "createdAt", down: true }}
          />
        </Panel>
      )}
      {selected.length > 0 && <Comparison records={selected} />}
      <Dropzone
        compact
        multiple
        label="Import runs"
        hint="Files that Tessera exported, from this or another browser."
        extensions={[".tessera.zip", ".zip"]}
        onFiles={importRuns}
      />
      <RenameDialog record={renaming} onClose={() => setRenaming(undefined)} />
    </div>
  );
}

function SelectionActions({ selected }: { selected: readonly RunRecord[] }): ReactNode {
  if (selected.length === 0)
    return <span className={classes.hint}>Choose one to look into it, two or more to compare</span>;
  const icon = { size: 14, "aria-hidden": true };
  return (
    <Group gap={6}>
      <span className={classes.hint}>
        {selected.length > 1 && <IconArrowsDiff {...icon} />} {selected.length} chosen
      </span>
      <Button
        variant="default"
        leftSection={<IconDownload {...icon} />}
        onClick={() => void exportRuns(selected)}
      >
        Export
      </Button>
      <Button variant="default" leftSection={<IconTrash {...icon} />} onClick={() => removeRuns(selected)}>
        Delete
      </Button>
    </Group>
  );
}

function columns(rename: (record: RunRecord) => void): Column<RunRecord>[] {
  const spec = (record: RunRecord) => findWorkflow(record.workflow)?.params;
  return [
    {
      key: "name",
      label: "Name",
      value: (record) => record.name,
      render: (record) => (
        <a className={classes.name} href={runHash(record, spec(record))}>
          {record.name}
        </a>
      ),
    },
    {
      key: "workflow",
      label: "Workflow",
      value: (record) => findWorkflow(record.workflow)?.title ?? record.workflow,
    },
    {
      key: "state",
      label: "State",
      value: (record) => record.state,
      render: ({ state }) => (
        <span className={classes.state} data-tone={STATE_WORDS[state].tone}>
          {STATE_WORDS[state].label}
        </span>
      ),
    },
    {
      key: "createdAt",
      label: "Started",
      value: (record) => new Date(record.createdAt).toISOString(),
      render: ({ createdAt }) => (
        <time dateTime={new Date(createdAt).toISOString()}>
          {new Date(createdAt).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}
        </time>
      ),
    },
    {
      key: "params",
      label: "Parameters",
      wide: true,
      value: (record) => paramWords(record.params, spec(record)),
    },
    { key: "summary", label: "Results", wide: true, value: (record) => summaryWords(record.summary) || null },
    {
      key: "menu",
      label: "Actions",
      buttons: true,
      value: () => null,
      render: (record) => (
        <RowMenu record={record} hash={runHash(record, spec(record))} rename={() => rename(record)} />
      ),
    },
  ];
}

function RowMenu(props: { record: RunRecord; hash: string; rename(): void }): ReactNode {
  const { record } = props;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon size={24} aria-label={`What to do with ${record.name}`}>
          <IconDots size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => navigate(props.hash)}>
          {canResume(record.state) ? "Resume" : hasResults(record) ? "Open" : "Open with these parameters"}
        </Menu.Item>
        <Menu.Item onClick={props.rename}>Rename</Menu.Item>
        <Menu.Item onClick={() => void exportRuns([record])}>Export</Menu.Item>
        <Menu.Item onClick={() => removeRuns([record])}>Delete</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
