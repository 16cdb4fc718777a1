// The paper's claim and table, marked as the paper's, next to what was measured here, and where this differs.
import { Anchor } from "@mantine/core";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { formatNumber, formatPercent } from "../../../../ui/format";
import { Panel as Card } from "../../../../ui/Panel";
import { EmptyState } from "../../../../ui/states";
import { DEVIATIONS, PAPER, PAPER_RECALL, PAPER_ROWS, type PaperRow } from "../paper";
import { readCurves, sparseAsSet } from "../series";
import { type LabState, summarise } from "../state";
import { originNote, type ViewProps } from "./shared";
import classes from "./Views.module.css";

const fixed =
  (digits: number) =>
  (value: number): string =>
    value.toFixed(digits);

const PAPER_COLUMNS: readonly Column<PaperRow>[] = [
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

interface Figure {
  what: string;
  here: string;
  paper: string;
}

/** What this session measured that the paper has a counterpart of. */
export function figures(state: LabState): Figure[] {
  const { heads, measurement, curves, ran } = state;
  const rows: Figure[] = [];
  const means = summarise(heads);
  if (means) {
    rows.push({
      what: `Sparsity set; blocks kept and skipped, mean of ${means.heads} heads`,
      here: `${ran.analyse?.sparsity ?? "–"}; kept ${formatPercent(means.kept)}, skipped ${formatPercent(means.skipped)}`,
      paper: "0.8; not printed",
    });
    rows.push({
      what: "Softmax mass kept (recall), mean and lowest head",
      here: `${formatPercent(means.recall)}, ${formatPercent(Math.min(...heads.map((h) => h.recall)))}`,
      paper: "not printed at 0.8",
    });
    if (means.outputError !== null)
      rows.push({
        what: "Relative error of the attention output",
        here: formatNumber(means.outputError),
        paper: "not printed; the whole video has PSNR 29.07",
      });
  }
  const exact = readCurves(curves, "mean", 0.9).filter((r) => r.strategy === "adaspa");
  const oracle = readCurves(curves, "mean", 0.9).filter((r) => r.strategy === "oracle");
  for (const [name, readings, paper] of [
    ["blocks", exact, PAPER_RECALL[1]],
    ["token top-k", oracle, PAPER_RECALL[0]],
  ] as const)
    for (const r of readings)
      rows.push({
        what: `Recall of ${name}, side ${r.side}, at ${formatPercent(r.skipped)} skipped, mean of ${r.heads} heads`,
        here: r.recall.toFixed(2),
        paper: `${paper.recall.map((x) => x.toFixed(2)).join(", ")} (three heads, side 32, sparsity 0.9)`,
      });
  const dense = measurement?.times.find((t) => t.name === "dense");
  const sparse = measurement && sparseAsSet(measurement.times);
  if (measurement && dense && sparse)
    rows.push({
      what: `Speed-up of attention alone, ${measurement.length.toLocaleString("en")} tokens, ${formatPercent(sparse.skipped ?? 0)} skipped`,
      here: `${formatNumber(dense.ms / sparse.ms)}× on ${measurement.device.name}${measurement.device.software ? " (software)" : ""}`,
      paper: "not printed; the whole generation 1.78×",
    });
  return rows;
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
