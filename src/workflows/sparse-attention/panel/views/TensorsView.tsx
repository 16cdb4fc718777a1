// What the input holds: every tensor with its role or the reason why it has none, and the layers and steps to run.
import { Button, Group } from "@mantine/core";
import { formatBytes } from "../../../../base/stats";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { Panel as Card } from "../../../../ui/Panel";
import { ParamField } from "../../../../ui/ParamField";
import { ErrorState, errorRecord } from "../../../../ui/states";
import type { InputInfo, TripleInfo } from "../../protocol";
import { params as spec } from "../../protocol-params";
import { isBusy } from "../store";
import { GeneratorCard } from "./GeneratorCard";
import { InspectionCard } from "./InspectionCard";
import { MissingInput, originNote, type ViewProps } from "./shared";
import classes from "./Views.module.css";

type TensorRow = InputInfo["tensors"][number];

const COLUMNS: readonly Column<TensorRow>[] = [
  { key: "name", label: "Tensor", value: (t) => t.name },
  { key: "use", label: "Used as", value: (t) => t.use },
  { key: "dtype", label: "Type", value: (t) => t.dtype },
  { key: "shape", label: "Shape", value: (t) => t.shape.join(" × ") },
  { key: "bytes", label: "Size", value: (t) => t.bytes, format: formatBytes },
  { key: "why", label: "Why not used", value: (t) => t.why, wide: true },
];

export function TensorsView(props: ViewProps) {
  const { lab, state } = props;
  const { input } = state;
  if (input.state === "none" || input.state === "waiting")
    return (
      <>
        <Card title="Input">
          <MissingInput lab={lab} state={state} />
        </Card>
        <GeneratorCard lab={lab} state={state} />
      </>
    );
  const info = input.value;
  return (
    <>
      {info ? (
        <>
          <TripleCard {...props} info={info} />
          <InspectionCard state={state} />
        </>
      ) : (
        <Card title="Input">
          <ErrorState error={input.error} title="No q, k and v could be read" />
        </Card>
      )}
      <TensorCard {...props} />
      {(!info || info.synthetic) && <GeneratorCard lab={lab} state={state} />}
    </>
  );
}

function TensorCard({ state, settings, setParams, lab }: ViewProps) {
  const { input, source, pattern, job } = state;
  const rows = input.value?.tensors ?? toldTensors(input.error);
  const isLocked = isBusy(job);
  const metadata = Object.entries(input.value?.metadata ?? {});
  return (
    <Card
      title="Tensors"
      note={originNote(state)}
      help="Every tensor of the input. Those of a role with one shape make a triple, one attention layer at one step."
    >
      {source?.kind === "file" && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void lab.match(settings.pattern);
          }}
        >
          <ParamField
            name="pattern"
            param={spec.pattern}
            value={settings.pattern}
            disabled={isLocked}
            note={
              input.value
                ? `Matched by ${input.value.pattern}`
                : "Write a pattern that fits the names below, such as model.{layer}.attn.{role}"
            }
            onChange={(value) => setParams({ pattern: String(value) })}
          />
          <Button type="submit" variant="default" mt={8} disabled={isLocked || pattern === settings.pattern}>
            Match names again
          </Button>
        </form>
      )}
      {rows.length > 0 && (
        <DataTable
          title="Tensors of the input"
          rows={rows}
          columns={COLUMNS}
          rowKey={(t) => t.name}
          maxHeight={420}
        />
      )}
      {metadata.length > 0 && (
        <DataTable
          title="Metadata of the input"
          rows={metadata}
          columns={[
            { key: "name", label: "Metadata", value: ([name]) => name },
            { key: "value", label: "Value", value: ([, value]) => value, wide: true },
          ]}
          rowKey={([name]) => name}
          bare
        />
      )}
    </Card>
  );
}

/** The tensors that a refusal of names brings with it. */
function toldTensors(error: unknown): TensorRow[] {
  if (error === undefined) return [];
  const { tensors } = errorRecord(error).fields;
  return Array.isArray(tensors) ? (tensors as unknown as TensorRow[]) : [];
}

function TripleCard({ state, lab, info }: ViewProps & { info: InputInfo }) {
  const { triples } = info;
  const { chosen } = state;
  const keys = new Set(chosen.length > 0 ? chosen : triples.map((t) => t.id));
  const choose = (ids: ReadonlySet<string>): void => {
    // Nothing chosen would mean nothing to run: the last one stays.
    if (ids.size > 0)
      lab.choose(ids.size === triples.length ? [] : triples.filter((t) => ids.has(t.id)).map((t) => t.id));
  };
  const steps = [...new Set(triples.map((t) => t.step))].filter((s) => s !== null);
  const isLocked = isBusy(state.job);
  const quick = (label: string, ids: readonly string[]) => (
    <Button
      key={label}
      variant="default"
      size="compact-xs"
      disabled={isLocked}
      onClick={() => choose(new Set(ids))}
    >
      {label}
    </Button>
  );
  const columns: Column<TripleInfo>[] = [
    { key: "id", label: "Layer or step", value: (t) => t.id },
    { key: "heads", label: "Heads", value: (t) => t.heads },
    { key: "length", label: "Tokens", value: (t) => t.length },
    { key: "dim", label: "Head width", value: (t) => t.dim },
    { key: "dtype", label: "Type", value: (t) => t.dtype },
    { key: "names", label: "Tensors", value: (t) => Object.values(t.names).join(", "), wide: true },
  ];
  const all = triples.map((t) => t.id);
  return (
    <Card
      title={
        triples.length > 1 ? `Layers and steps to run: ${keys.size} of ${triples.length}` : "Attention layer"
      }
      note={originNote(state)}
      help="One q, k, v triple a row. The analysis runs those that are chosen, one head after the other."
    >
      {triples.length > 1 && (
        <Group gap={6} className={classes.controls}>
          {quick("All", all)}
          {quick("First only", all.slice(0, 1))}
          {steps.length > 1 &&
            steps.slice(0, 12).map((step) =>
              quick(
                `Step ${step}`,
                triples.filter((t) => t.step === step).map((t) => t.id),
              ),
            )}
        </Group>
      )}
      <DataTable
        title="Layers and steps of the input"
        rows={triples}
        columns={columns}
        rowKey={(t) => t.id}
        maxHeight={320}
        selection={triples.length > 1 && !isLocked ? { keys, onChange: choose } : undefined}
      />
    </Card>
  );
}
