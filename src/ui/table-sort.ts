// Sorting and exporting the rows of a table. Pure: it knows columns by their value function only.
import { type CsvCell, toCsv } from "./csv";

export interface ValueColumn<R> {
  key: string;
  label: string;
  value(row: R): CsvCell;
  unit?: string;
}

export interface Sort {
  key: string;
  down?: boolean;
}

/** Order of two cells: numbers by size, text as people sort it ("head 2" before "head 10"), nothing and NaN last. */
export function compareCells(a: CsvCell, b: CsvCell): number {
  const noA = a === null || Number.isNaN(a);
  const noB = b === null || Number.isNaN(b);
  if (noA || noB) return noA === noB ? 0 : noA ? 1 : -1;
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b, "en", { numeric: true });
  return Number(a) - Number(b);
}

/** A sorted copy; rows that compare equal keep their order, and empty cells stay last in both directions. */
export function sortRows<R>(
  rows: readonly R[],
  columns: readonly ValueColumn<R>[],
  sort: Sort | undefined,
): R[] {
  const column = columns.find((c) => c.key === sort?.key);
  if (!column) return [...rows];
  return rows
    .map((row, index) => ({ row, index, cell: column.value(row) }))
    .sort((a, b) => {
      const isEmpty = [a, b].some(({ cell }) => cell === null || Number.isNaN(cell));
      const order = compareCells(a.cell, b.cell) * (sort?.down && !isEmpty ? -1 : 1);
      return order || a.index - b.index;
    })
    .map(({ row }) => row);
}

/** All rows with full precision; units stand in the header. */
export function tableCsv<R>(rows: readonly R[], columns: readonly ValueColumn<R>[]): string {
  const header = columns.map((c) => (c.unit ? `${c.label} (${c.unit})` : c.label));
  return toCsv(
    header,
    rows.map((row) => columns.map((c) => c.value(row))),
  );
}
