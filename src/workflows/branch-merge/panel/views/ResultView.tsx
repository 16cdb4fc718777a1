// What a merge is doing or has done: where its time goes, what is not finite, the files to save. Nothing is simulated.
import { Button } from "@mantine/core";
import { formatBytes, formatDuration } from "../../../../base/stats";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { formatPercent } from "../../../../ui/format";
import { Panel as Card } from "../../../../ui/Panel";
import { Stat, StatRow } from "../../../../ui/Stat";
import { saveBytes } from "../../../../ui/save";
import { EmptyState, Warning } from "../../../../ui/states";
import { toast } from "../../../../ui/toasts";
import type { NonFinite, StageRates } from "../../protocol";
import { isBusy, MERGED, type MergeLab } from "../store";
import type { ViewProps } from "./Views";

interface StageRow {
  stage: string;
  share: number;
  rate: number | null;
  bytes: number;
}

const STAGES: readonly Column<StageRow>[] = [
  { key: "stage", label: "Stage", value: (s) => s.stage, wide: true },
  {
    ...{ key: "share", label: "Share of the time", value: (s: StageRow) => s.share },
    format: (share) => formatPercent(share),
  },
  { key: "bytes", label: "Bytes", value: (s) => s.bytes, format: formatBytes },
  { key: "rate", label: "A second", value: (s) => s.rate, format: formatBytes },
];

const NON_FINITE: readonly Column<NonFinite>[] = [
  { key: "tensor", label: "Tensor", value: (n) => n.tensor, wide: true },
  { key: "nan", label: "NaN", value: (n) => n.nan },
  { key: "infinite", label: "Infinite", value: (n) => n.infinite },
  { key: "first", label: "First at", value: (n) => n.first, help: "Flat index of the first of them" },
];

const WORDS = { read: "reading", compute: "computing", write: "writing" } as const;

export function ResultView({ lab, state }: ViewProps) {
  const { result, rates, job, form } = state;
  if (!rates && !result)
    return (
      <EmptyState
        title="Nothing merged yet"
        why={isBusy(job) ? "The first tensor is on its way." : "Press Merge below when the recipe stands."}
      />
    );
  return (
    <>
      {result && result.nonFinite.length > 0 && (
        <Warning title="The output is not finite everywhere">
          {result.nonFinite.length} tensors hold NaN or infinities; the table below names them.
        </Warning>
      )}
      {rates && (
        <Card
          title="Where the time goes"
          note={`The merge is limited by ${WORDS[rates.limit]}`}
          help="Reading and writing go on while values are computed. Their shares are the time in which the merge could do nothing but wait for them; rates are bytes over the whole time, for computing over its own."
        >
          {result && (
            <StatRow>
              <Stat label="Time" value={formatDuration(rates.totalMs / 1000)} />
              <Stat label="Tensors" value={result.tensors} />
              <Stat label="Size" value={formatBytes(result.bytes)} />
              <Stat
                label="Gone on from"
                value={result.resumed}
                hint="Tensors that an earlier attempt had finished."
              />
            </StatRow>
          )}
          <DataTable title="Stages" rows={stageRows(rates)} columns={STAGES} rowKey={(s) => s.stage} bare />
        </Card>
      )}
      {result && result.nonFinite.length > 0 && (
        <Card title="Not finite" flush>
          <DataTable
            title="Not finite"
            rows={result.nonFinite}
            columns={NON_FINITE}
            rowKey={(n) => n.tensor}
          />
        </Card>
      )}
      {result && (
        <Card
          title="Files"
          note={
            result.target === "private"
              ? "In this page's private files until the next merge"
              : "In the folder that you chose"
          }
          actions={
            form?.base && (
              <Button
                variant="default"
                size="xs"
                disabled={isBusy(job)}
                onClick={() =>
                  void lab.look(form.base!, [
                    ...form.models.map((m) => m.path).filter((p) => p !== form.base),
                    MERGED,
                  ])
                }
              >
                Look inside
              </Button>
            )
          }
          flush
        >
          <DataTable
            title="Files"
            rows={result.files}
            columns={fileColumns(lab, result.target === "private")}
            rowKey={(file) => file.name}
            bare
          />
        </Card>
      )}
    </>
  );
}

function stageRows({
  bytesRead,
  bytesWritten,
  waitReadMs,
  waitWriteMs,
  computeMs,
  totalMs,
}: StageRates): StageRow[] {
  const rate = (bytes: number, ms: number): number | null => (ms > 0 ? (bytes / ms) * 1000 : null);
  return [
    { stage: "Reading", share: waitReadMs / totalMs, bytes: bytesRead, rate: rate(bytesRead, totalMs) },
    { stage: "Computing", share: computeMs / totalMs, bytes: bytesRead, rate: rate(bytesRead, computeMs) },
    {
      stage: "Writing",
      share: waitWriteMs / totalMs,
      bytes: bytesWritten,
      rate: rate(bytesWritten, totalMs),
    },
  ];
}

type FileRow = { name: string; bytes: number };

function fileColumns(lab: MergeLab, isPrivate: boolean): Column<FileRow>[] {
  const save = async (name: string): Promise<void> => {
    try {
      saveBytes(name, await lab.file(name));
    } catch (error) {
      toast.error((error as Error).message);
    }
  };
  const columns: Column<FileRow>[] = [
    { key: "name", label: "File", value: (file) => file.name, wide: true },
    { key: "bytes", label: "Size", value: (file) => file.bytes, format: formatBytes },
  ];
  if (!isPrivate) return columns;
  const button: Column<FileRow> = {
    ...{ key: "save", label: "Save", value: () => null, buttons: true },
    render: ({ name }) => (
      <Button variant="default" size="compact-xs" aria-label={`Save ${name}`} onClick={() => void save(name)}>
        Save
      </Button>
    ),
  };
  return [...columns, button];
}
