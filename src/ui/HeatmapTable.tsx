// The table view of a heat map: one row of the matrix at a time, chosen by number, with every value in it.
import { NumberInput } from "@mantine/core";
import { type ReactNode, useMemo, useState } from "react";
import { type Column, DataTable } from "./DataTable";
import { formatNumber } from "./format";
import type { HeatCell, HeatmapProps } from "./Heatmap";

export function HeatmapTable(props: HeatmapProps): ReactNode {
  const { data, rows, cols, mask } = props;
  const [chosen, setChosen] = useState(props.selected?.row ?? 0);
  const row = Math.min(rows - 1, Math.max(0, chosen));
  const cells = useMemo(
    (): HeatCell[] =>
      Array.from({ length: cols }, (_, col) => ({
        row,
        col,
        value: data[row * cols + col],
        marked: mask?.[row * cols + col] === 1,
      })),
    [data, mask, row, cols],
  );
  const columns: Column<HeatCell>[] = [
    {
      key: "col",
      label: props.colLabel,
      value: (cell) => props.colNames?.[cell.col] ?? cell.col,
      format: String,
    },
    {
      key: "value",
      label: props.valueLabel,
      unit: props.unit,
      value: (cell) => cell.value,
      format: props.format ?? formatNumber,
    },
  ];
  if (mask) columns.push({ key: "marked", label: props.maskLabel ?? "marked", value: (cell) => cell.marked });
  const name = props.rowNames?.[row];
  return (
    <div>
      <NumberInput
        mb="xs"
        maw={260}
        label={`${props.rowLabel}${name ? `: ${name}` : ""}`}
        description={`0 to ${rows - 1}`}
        min={0}
        max={rows - 1}
        value={row}
        allowDecimal={false}
        onChange={(next) => typeof next === "number" && setChosen(next)}
      />
      <DataTable
        title={`${props.title}, ${props.rowLabel} ${name ?? row}`}
        rows={cells}
        columns={columns}
        rowKey={(cell) => String(cell.col)}
        maxHeight={props.height ?? 360}
      />
    </div>
  );
}
