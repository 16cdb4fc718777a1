// A sortable table of measured values: copy as CSV, row selection, at most 500 rows on screen. It fetches nothing.
import { Button, Checkbox, Tooltip, UnstyledButton } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconCopy } from "@tabler/icons-react";
import { type ReactNode, useMemo, useState } from "react";
import type { CsvCell } from "./csv";
import classes from "./DataTable.module.css";
import { formatNumber } from "./format";
import { copyText } from "./save";
import { EmptyState } from "./states";
import { type Sort, sortRows, tableCsv } from "./table-sort";

export interface Column<R> {
  key: string;
  label: string;
  /** The value that is sorted and copied. */
  value(row: R): CsvCell;
  unit?: string;
  help?: string;
  format?(value: number): string;
  /** What is drawn instead of the formatted value. */
  render?(row: R): ReactNode;
  /** A text column that takes the room left. */
  wide?: boolean;
  /** A column of buttons: its label is only read out, it is not sorted and not copied. */
  buttons?: boolean;
}

interface Props<R> {
  /** Accessible name. */
  title: string;
  rows: readonly R[];
  columns: readonly Column<R>[];
  rowKey(row: R): string;
  /** What a row is called by its checkbox; its key when left out. */
  rowName?(row: R): string;
  sort?: Sort;
  onRow?(row: R): void;
  /** Key of the marked row. */
  current?: string;
  selection?: { keys: ReadonlySet<string>; onChange(keys: ReadonlySet<string>): void };
  maxHeight?: number;
  empty?: string;
  /** Leaves out the line below with the row count and the copy button. */
  bare?: boolean;
}

const SHOWN = 500;

export function DataTable<R>(props: Props<R>): ReactNode {
  const { rows, columns, rowKey, selection } = props;
  const [sort, setSort] = useState<Sort | undefined>(props.sort);
  const sorted = useMemo(() => sortRows(rows, columns, sort), [rows, columns, sort]);
  if (rows.length === 0)
    return <EmptyState compact title="No rows" why={props.empty ?? "There is nothing to list yet."} />;
  const shown = sorted.slice(0, SHOWN);
  const isNumber = (c: Column<R>): boolean => rows.some((row) => typeof c.value(row) === "number");
  const right = new Set(columns.filter(isNumber).map((c) => c.key));
  const toggle = (key: string): void => {
    const keys = new Set(selection?.keys);
    if (!keys.delete(key)) keys.add(key);
    selection?.onChange(keys);
  };
  return (
    <div>
      {/* biome-ignore lint/a11y/useSemanticElements: nothing in a table of results is a form field */}
      <div
        className={classes.scroll}
        role="group"
        style={{ maxHeight: props.maxHeight }}
        aria-label={props.title}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
      >
        <table className={classes.table}>
          <caption className={classes.caption}>{props.title}</caption>
          <thead>
            <tr>
              {selection && (
                <th className={classes.check}>
                  <span className={classes.caption}>Chosen</span>
                </th>
              )}
              {columns.map((column) => (
                <Head
                  key={column.key}
                  column={column}
                  sort={sort?.key === column.key ? sort : undefined}
                  isRight={right.has(column.key)}
                  onSort={() =>
                    setSort({
                      key: column.key,
                      down: sort?.key === column.key ? !sort.down : right.has(column.key),
                    })
                  }
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => {
              const key = rowKey(row);
              return (
                <tr
                  key={key}
                  data-current={props.current === key || undefined}
                  data-link={props.onRow ? true : undefined}
                  onClick={props.onRow && (() => props.onRow?.(row))}
                >
                  {selection && (
                    <td className={classes.check}>
                      <Checkbox
                        size="xs"
                        aria-label={`Choose ${props.rowName?.(row) ?? key}`}
                        checked={selection.keys.has(key)}
                        onClick={(event) => event.stopPropagation()}
                        onChange={() => toggle(key)}
                      />
                    </td>
                  )}
                  {columns.map((column, index) => (
                    <td
                      key={column.key}
                      data-right={right.has(column.key) || undefined}
                      data-wide={column.wide || undefined}
                    >
                      {props.onRow && index === 0 ? (
                        <UnstyledButton className={classes.rowButton}>{cellText(column, row)}</UnstyledButton>
                      ) : (
                        cellText(column, row)
                      )}
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {!props.bare && (
        <div className={classes.foot}>
          <span>
            {rows.length === 1 ? "1 row" : `${rows.length.toLocaleString("en-US")} rows`}
            {rows.length > SHOWN && `, the first ${SHOWN} shown; the copy has all`}
          </span>
          <Button
            variant="subtle"
            color="gray"
            size="compact-xs"
            leftSection={<IconCopy size={13} aria-hidden />}
            onClick={() =>
              copyText(
                tableCsv(
                  sorted,
                  columns.filter((c) => !c.buttons),
                ),
                "Table",
              )
            }
          >
            Copy CSV
          </Button>
        </div>
      )}
    </div>
  );
}

function cellText<R>(column: Column<R>, row: R): ReactNode {
  if (column.render) return column.render(row);
  const value = column.value(row);
  if (value === null) return <span className={classes.none}>–</span>;
  if (typeof value === "number") return (column.format ?? formatNumber)(value);
  return typeof value === "boolean" ? (value ? "yes" : "no") : value;
}

function Head<R>(props: { column: Column<R>; sort?: Sort; isRight: boolean; onSort(): void }): ReactNode {
  const { column, sort } = props;
  if (column.buttons) {
    return (
      <th>
        <span className={classes.caption}>{column.label}</span>
      </th>
    );
  }
  const button = (
    <UnstyledButton className={classes.sort} onClick={props.onSort}>
      {column.label}
      {column.unit && <span className={classes.unit}>{column.unit}</span>}
      {sort && (sort.down ? <IconArrowDown size={12} aria-hidden /> : <IconArrowUp size={12} aria-hidden />)}
    </UnstyledButton>
  );
  return (
    <th
      data-right={props.isRight || undefined}
      data-wide={column.wide || undefined}
      aria-sort={sort ? (sort.down ? "descending" : "ascending") : undefined}
    >
      {column.help ? <Tooltip label={column.help}>{button}</Tooltip> : button}
    </th>
  );
}
