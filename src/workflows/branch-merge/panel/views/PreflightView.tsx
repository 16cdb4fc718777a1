// What the merge would do, before it runs: what stands in its way, what it costs, what it leaves out. Counted, not guessed.
import { formatBytes } from "../../../../base/stats";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { Panel as Card } from "../../../../ui/Panel";
import { Stat, StatRow } from "../../../../ui/Stat";
import { EmptyState, Warning } from "../../../../ui/states";
import type { ModelInfo, Preflight } from "../../protocol";
import classes from "../Panel.module.css";
import { whyNot } from "../store";
import type { ViewProps } from "./Views";

const MODELS: readonly Column<ModelInfo>[] = [
  { key: "path", label: "Model", value: (m) => m.path, wide: true },
  { key: "architecture", label: "Architecture", value: (m) => m.architecture ?? "unknown" },
  { key: "layers", label: "Layers", value: (m) => m.layers },
  { key: "tensors", label: "Tensors", value: (m) => m.tensors },
  { key: "vocabulary", label: "Tokens", value: (m) => m.vocabulary },
  { key: "head", label: "Head", value: (m) => m.head },
  { key: "dtype", label: "Types", value: (m) => m.dtypes.map((one) => one.dtype).join(", ") },
  { key: "bytes", label: "Size", value: (m) => m.bytes, format: formatBytes },
];

type Tensor = Preflight["tensors"][number];
const TENSORS: readonly Column<Tensor>[] = [
  { key: "name", label: "Tensor", value: (t) => t.name, wide: true },
  { key: "shape", label: "Shape", value: (t) => t.shape.join(" × ") },
  { key: "dtype", label: "Type", value: (t) => t.dtype },
  { key: "action", label: "What is done", value: (t) => (t.action === "copy" ? "copied" : "merged") },
  { key: "sources", label: "Made from", value: (t) => t.sources.join("; ") },
];

type Skipped = Preflight["skipped"][number];
const SKIPPED: readonly Column<Skipped>[] = [
  { key: "model", label: "Model", value: (s) => s.model },
  { key: "tensor", label: "Tensor", value: (s) => s.tensor, wide: true },
  { key: "why", label: "Why", value: (s) => s.why },
];

export function PreflightView({ state }: ViewProps) {
  const { preflight, recipeError } = state;
  if (!preflight) {
    return (
      <EmptyState
        title="No preflight"
        why={recipeError ? recipeError.message : (whyNot(state) ?? "There is nothing to check yet.")}
      />
    );
  }
  const { output, faults, notes, stages } = preflight;
  return (
    <>
      {faults.length > 0 && (
        <Warning title="These models cannot be merged so">
          <List items={faults} />
        </Warning>
      )}
      <Card
        title="Cost"
        help="Counted from the headers of the files. Memory is that of the arrays at work; what a method keeps for itself and what the browser has not yet cleared away come on top. How long it takes shows when it runs."
      >
        <StatRow>
          <Stat label="To read" value={formatBytes(preflight.bytesToRead)} />
          <Stat label="To write" value={formatBytes(preflight.bytesToWrite)} />
          <Stat label="Memory at most" value={formatBytes(preflight.memory)} />
          <Stat label="Tensors" value={output.tensors} />
          <Stat label="Parameters" value={output.parameters} />
          <Stat label="Layers" value={output.layers} />
          <Stat label="Tokens" value={output.vocabulary} />
          <Stat label="Files" value={output.shards.length} />
        </StatRow>
        <List
          items={[
            ...stages
              .filter((stage) => stage.passes > 1)
              .map(
                ({ method, passes, name }) =>
                  `${method} reads tensors larger than a chunk ${passes} times${stages.length > 1 ? ` (${name})` : ""}`,
              ),
            output.isTied ? "The head is the embedding" : "The head is a tensor of its own, or there is none",
            ...notes,
          ]}
        />
      </Card>
      <Card title="Models" flush>
        <DataTable title="Models" rows={preflight.models} columns={MODELS} rowKey={(m) => m.path} bare />
      </Card>
      {preflight.skipped.length > 0 && (
        <Card title="Left out" flush>
          <DataTable
            title="Tensors that are left out"
            rows={preflight.skipped}
            columns={SKIPPED}
            rowKey={(s) => `${s.model} ${s.tensor}`}
            maxHeight={300}
          />
        </Card>
      )}
      <Card title="Tensors of the output" flush>
        <DataTable
          title="Tensors of the output"
          rows={preflight.tensors}
          columns={TENSORS}
          rowKey={(t) => t.name}
          maxHeight={420}
        />
      </Card>
    </>
  );
}

export function List({ items }: { items: readonly string[] }) {
  return (
    <ul className={classes.list}>
      {items.map((item) => (
        <li key={item}>{item}</li>
      ))}
    </ul>
  );
}
