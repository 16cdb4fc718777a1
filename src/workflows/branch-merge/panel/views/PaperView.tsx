// What the paper says, what of it can be done here, and what this page does otherwise. Its numbers are the paper's.
import { type Column, DataTable } from "../../../../ui/DataTable";
import { Panel as Card } from "../../../../ui/Panel";
import { List } from "./PreflightView";

interface Row {
  model: string;
  aime: number | null;
  lcb: number | null;
  gpqa: number | null;
  hours: number | null;
}

const ROWS: readonly Row[] = [
  { model: "Backbone: DeepSeek-R1-Distill-Qwen-32B", aime: 72.6, lcb: 57.2, gpqa: 62.1, hours: null },
  { model: "Mathematics expert, own domain", aime: 73.1, lcb: null, gpqa: null, hours: null },
  { model: "Code expert, own domain", aime: null, lcb: 63.4, gpqa: null, hours: null },
  { model: "Science expert, own domain", aime: null, lcb: null, gpqa: 64.5, hours: null },
  { model: "Trained on the mixture", aime: 75.3, lcb: 61.0, gpqa: 65.7, hours: 740 },
  { model: "(Mathematics & code) & science", aime: 77.3, lcb: 63.8, gpqa: 64.0, hours: 4 },
  { model: "(Mathematics & science) & code: TinyR1", aime: 78.1, lcb: 61.6, gpqa: 65.0, hours: 4 },
];

const COLUMNS: readonly Column<Row>[] = [
  { key: "model", label: "Model", value: (row) => row.model, wide: true },
  { key: "aime", label: "AIME 2024", value: (row) => row.aime },
  { key: "lcb", label: "LiveCodeBench", value: (row) => row.lcb },
  { key: "gpqa", label: "GPQA-Diamond", value: (row) => row.gpqa },
  { key: "hours", label: "GPU hours", value: (row) => row.hours },
];

export function PaperView() {
  return (
    <>
      <Card title="TinyR1-32B-Preview" note="Branch-Merge distillation, arXiv:2503.04872">
        <List
          items={[
            "Three copies of one model are fine-tuned apart, on mathematics, code and science, and merged in two steps with Arcee Fusion.",
            "The paper's claim: the merge comes close to each expert in its own domain, and beats training on the mixture in two of three, at half a percent of its cost.",
            "Here: the merge itself, with any method of mergekit, on your own folders. The two steps of TinyR1 are two documents in one recipe.",
            "Not here: the fine-tuning of the experts, and the benchmarks.",
          ]}
        />
      </Card>
      <Card title="The paper's table" note="Quoted from the paper, not measured here" flush>
        <DataTable title="The paper's table" rows={ROWS} columns={COLUMNS} rowKey={(row) => row.model} bare />
      </Card>
    </>
  );
}
