// How far each model is from the base and how their differences lie to each other, as a map of layers by kinds of tensor.
import { Button, Checkbox, Select } from "@mantine/core";
import { useMemo, useState } from "react";
import { type Column, DataTable } from "../../../../ui/DataTable";
import { formatNumber } from "../../../../ui/format";
import { Heatmap } from "../../../../ui/Heatmap";
import { Panel as Card } from "../../../../ui/Panel";
import { EmptyState } from "../../../../ui/states";
import type { TensorLook } from "../../protocol-service";
import classes from "../Panel.module.css";
import { isBusy, MERGED } from "../store";
import type { ViewProps } from "./Views";

/** One number of a tensor: the difference of one model, or the cosine of two. */
interface Measure {
  id: string;
  label: string;
  of(look: TensorLook): number;
  isCosine: boolean;
}

function measuresOf(models: readonly string[]): Measure[] {
  const differences = models.map((name, i) => ({
    ...{ id: `d${i}`, label: `Difference of ${name}`, isCosine: false },
    of: (look: TensorLook) => look.difference[i],
  }));
  const pairs = models.flatMap((a, i) => models.slice(i + 1).map((b) => [a, b]));
  const cosines = pairs.map(([a, b], i) => ({
    ...{ id: `c${i}`, label: `Cosine of ${a} and ${b}`, isCosine: true },
    of: (look: TensorLook) => look.cosine[i],
  }));
  return [...differences, ...cosines];
}

export function LookView({ lab, state }: ViewProps) {
  const { models, form, looks, looked, job, result } = state;
  const names = [...models.map((model) => model.path), ...(result ? [MERGED] : [])];
  const [chosenBase, setBase] = useState<string>();
  const [chosen, setChosen] = useState<string[]>();
  const base = names.includes(chosenBase ?? "") ? chosenBase! : (form?.base ?? names[0]);
  const others = (chosen ?? names).filter((name) => name !== base && names.includes(name));
  const isBlocked = isBusy(job) || base === undefined || others.length === 0;
  return (
    <>
      <Card
        title="Look inside"
        help="Difference: the length of θ − θ0 over the length of θ0, for each tensor. Cosine: between the differences of two models; near 1 they move alike, near 0 apart, below 0 against each other."
      >
        <div className={classes.controls}>
          <Select
            label="Compared with"
            data={names}
            value={base ?? null}
            allowDeselect={false}
            disabled={isBusy(job)}
            onChange={(next) => setBase(next ?? undefined)}
          />
          <div className={classes.checks}>
            {names
              .filter((name) => name !== base)
              .map((name) => (
                <Checkbox
                  key={name}
                  size="xs"
                  label={name}
                  checked={others.includes(name)}
                  disabled={isBusy(job)}
                  onChange={(event) => {
                    const isOn = event.currentTarget.checked;
                    setChosen(isOn ? [...others, name] : others.filter((one) => one !== name));
                  }}
                />
              ))}
          </div>
          <Button variant="default" disabled={isBlocked} onClick={() => void lab.look(base!, others)}>
            Compare
          </Button>
        </div>
        {looked && looked.left > 0 && (
          <div className={classes.quiet}>
            {looked.left} tensors are left out: a model lacks them or has another shape.
          </div>
        )}
      </Card>
      {looked && looks.length > 0 ? (
        <Maps looks={looks} models={looked.models} base={looked.base} />
      ) : (
        <EmptyState
          title="Nothing compared yet"
          why={
            names.length < 2
              ? "Two models are needed, one to compare with."
              : "Press Compare: every tensor is read once."
          }
        />
      )}
    </>
  );
}

function Maps({
  looks,
  models,
  base,
}: {
  looks: readonly TensorLook[];
  models: readonly string[];
  base: string;
}) {
  const measures = useMemo(() => measuresOf(models), [models]);
  const [id, setId] = useState("d0");
  const measure = measures.find((one) => one.id === id) ?? measures[0];
  const map = useMemo(() => layerMap(looks, measure), [looks, measure]);
  const columns: Column<TensorLook>[] = [
    { key: "tensor", label: "Tensor", value: (look) => look.tensor, wide: true },
    ...measures.map(
      (one): Column<TensorLook> => ({
        ...{ key: one.id, label: one.label },
        value: (look) => (Number.isNaN(one.of(look)) ? null : one.of(look)),
      }),
    ),
  ];
  return (
    <>
      <Card
        title={measure.label}
        note={`Against ${base}`}
        actions={
          <Select
            aria-label="What the map shows"
            data={measures.map((one) => ({ value: one.id, label: one.label }))}
            value={measure.id}
            allowDeselect={false}
            onChange={(next) => next && setId(next)}
          />
        }
      >
        <Heatmap
          title={measure.label}
          data={map.data}
          rows={map.kinds.length}
          cols={map.layers}
          rowNames={map.kinds}
          rowLabel="tensor"
          colLabel="layer"
          valueLabel={measure.isCosine ? "cosine" : "relative difference"}
          map={measure.isCosine ? "magma" : "viridis"}
          range={measure.isCosine ? [-1, 1] : undefined}
          aspect="fill"
          height={Math.max(160, map.kinds.length * 26)}
          format={(value) => formatNumber(value, 3)}
          empty="There are no layers."
        />
      </Card>
      <Card title="All tensors" flush>
        <DataTable
          title="All tensors"
          rows={looks}
          columns={columns}
          rowKey={(look) => look.tensor}
          maxHeight={420}
        />
      </Card>
    </>
  );
}

/** Kinds of tensor by layers; NaN where a layer has no such tensor. */
function layerMap(
  looks: readonly TensorLook[],
  measure: Measure,
): { data: Float32Array; kinds: string[]; layers: number } {
  const inside = looks.filter((look) => look.layer !== undefined);
  const kinds = [...new Set(inside.map((look) => look.kind))];
  const layers = Math.max(0, ...inside.map((look) => look.layer! + 1));
  const data = new Float32Array(kinds.length * layers).fill(Number.NaN);
  for (const look of inside) data[kinds.indexOf(look.kind) * layers + look.layer!] = measure.of(look);
  return { data, kinds: kinds.map((kind) => kind.replace(/\.weight$/, "")), layers };
}
