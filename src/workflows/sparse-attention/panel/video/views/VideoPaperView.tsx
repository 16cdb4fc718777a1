// What was measured here beside the paper's table, which is of another scale and says so.
import { DataTable } from "../../../../../ui/DataTable";
import { formatNumber, formatPercent } from "../../../../../ui/format";
import { Panel as Card } from "../../../../../ui/Panel";
import { EmptyState } from "../../../../../ui/states";
import { type Figure, PAPER, PAPER_ROWS } from "../../paper";
import { PAPER_COLUMNS } from "../../views/PaperView";
import classes from "../../views/Views.module.css";
import type { VideoState } from "../state";
import { BarelyTrained, type VideoViewProps, weightsNote } from "./shared";

export function VideoPaperView({ state }: VideoViewProps) {
  const rows = figures(state);
  return (
    <>
      {rows.length > 0 && <BarelyTrained info={state.sampledWith} />}
      <Card title="Measured here" note={weightsNote(state.sampledWith)}>
        {rows.length === 0 ? (
          <EmptyState
            title="Nothing was sampled yet"
            why="Sample a clip: what has a counterpart in the paper is put beside it here."
            compact
          />
        ) : (
          <DataTable
            title="Measured here, next to the paper"
            rows={rows}
            columns={[
              { key: "what", label: "Figure", value: (r) => r.what, wide: true },
              { key: "here", label: "Here", value: (r) => r.here },
              { key: "paper", label: "HunyuanVideo, in the paper", value: (r) => r.paper },
            ]}
            rowKey={(r) => r.what}
          />
        )}
      </Card>
      <Card
        title="The paper’s table"
        note="Printed in the paper: models of 5 to 13 billion weights on one A100. Another scale; nothing of it was measured here."
      >
        <p className={classes.text}>{PAPER.setting}</p>
        <DataTable
          title="The paper’s table"
          rows={PAPER_ROWS}
          columns={PAPER_COLUMNS}
          rowKey={(r) => `${r.model} ${r.method}`}
        />
      </Card>
    </>
  );
}

function figures({ sampled, ran }: VideoState): Figure[] {
  const found = sampled?.comparison;
  if (!found) return [];
  const { speedup, bound, meanPsnr, meanSsim, searchShare, kept } = found;
  const device = `${sampled.device.name}${sampled.device.software ? " (software)" : ""}`;
  return [
    {
      what: `Speed-up of the whole clip, ${sampled.tokens.toLocaleString("en")} tokens, on ${device}`,
      here: `${formatNumber(speedup)}×${bound === null ? "" : ` (bound ${formatNumber(bound)}×)`}`,
      paper: "1.78×",
    },
    {
      what: "PSNR against the dense clip",
      here: meanPsnr === null ? "all frames equal" : `${formatNumber(meanPsnr, 4)} dB`,
      paper: "29.07 dB",
    },
    { what: "SSIM against the dense clip", here: formatNumber(meanSsim), paper: "0.8905" },
    {
      what: "Search and selection, share of the dense run’s time",
      here: searchShare === null ? "phases were not timed" : formatPercent(searchShare),
      paper: "under 5 %",
    },
    {
      what: "Sparsity set; blocks kept and skipped in sparse steps",
      here: `${ran.sample?.sparseSparsity ?? "–"}; ${kept === null ? "no sparse step" : `kept ${formatPercent(kept)}, skipped ${formatPercent(1 - kept)}`}`,
      paper: "0.8; not printed",
    },
  ];
}
