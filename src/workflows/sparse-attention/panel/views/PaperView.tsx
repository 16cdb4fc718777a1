// The paper's claim and table, marked as the paper's, next to what was measured here, and where this differs.
import { Anchor } from "@mantine/core";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { Panel as Card } from "../../../../ui/Panel";
import { EmptyState } from "../../../../ui/states";
import { DEVIATIONS, figures, PAPER, PAPER_ROWS, type PaperRow } from "../paper";
import type { LabState } from "../state";
import { originNote, type ViewProps } from "./shared";
import classes from "./Views.module.css";

const fixed =
  (digits: number) =>
  (value: number): string =>
    value.toFixed(digits);

export const PAPER_COLUMNS: readonly Column<PaperRow>[] = [
  { key: "model", label: "Model", value: (r) => r.model },
  { key: "method", label: "Method", value: (r) => r.method },
  { key: "vbench", label: "VBench", unit: "%", value: (r) => r.vbench, format: fixed(2) },
  { key: "psnr", label: "PSNR", unit: "dB", value: (r) => r.psnr, format: fixed(2) },
  { key: "ssim", label: "SSIM", value: (r) => r.ssim, format: fixed(4) },
  { key: "lpips", label: "LPIPS", value: (r) => r.lpips, format: fixed(4) },
  { key: "seconds", label: "Time", unit: "s", value: (r) => r.seconds, format: fixed(0) },
  { key: "speedup", label: "Speed-up", unit: "×", value: (r) => r.speedup, format: fixed(2) },
];

export function PaperView({ state }: ViewProps) {
  return (
    <>
      <Card title="What the paper claims" note={PAPER.id}>
        <p className={classes.text}>{PAPER.claim}</p>
        <Anchor href="https://arxiv.org/abs/2502.21079" target="_blank" rel="noreferrer" size="sm">
          {PAPER.title}
        </Anchor>
      </Card>
      <MeasuredCard state={state} />
      <Card
        title="The paper’s table"
        note="Printed in the paper: another scale and other hardware. Nothing of it was measured here."
      >
        <p className={classes.text}>{PAPER.setting}</p>
        <DataTable
          title="The paper’s table"
          rows={PAPER_ROWS}
          columns={PAPER_COLUMNS}
          rowKey={(r) => `${r.model} ${r.method}`}
        />
      </Card>
      <Card title="Where this differs from the paper">
        <ul className={classes.list}>
          {DEVIATIONS.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      </Card>
    </>
  );
}

function MeasuredCard({ state }: { state: LabState }) {
  const rows = figures(state);
  return (
    <Card
      title="Measured here"
      note={originNote(state)}
      help="Attention layers alone. Video quality and the time of a whole generation need the model, which is not here."
    >
      {rows.length === 0 ? (
        <EmptyState
          title="Nothing was measured yet"
          why="Run the analysis, draw curves or measure times: what has a counterpart in the paper is put beside it here."
          compact
        />
      ) : (
        <DataTable
          title="Measured here, next to the paper"
          rows={rows}
          columns={[
            { key: "what", label: "Figure", value: (r) => r.what, wide: true },
            { key: "here", label: "Here", value: (r) => r.here },
            { key: "paper", label: "In the paper", value: (r) => r.paper },
          ]}
          rowKey={(r) => r.what}
        />
      )}
    </Card>
  );
}
