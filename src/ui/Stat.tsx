// One measured number with its label; pressing it copies the full value. It computes nothing.
import { Tooltip, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import { formatNumber } from "./format";
import classes from "./Stat.module.css";
import { copyText } from "./save";

/** `value` null means "not measured" and is shown as a dash; numbers are rounded for the eye only. */
export function Stat(props: {
  label: string;
  value: number | string | null;
  unit?: string;
  hint?: string;
  tone?: "plain" | "good" | "warn" | "bad";
  digits?: number;
}): ReactNode {
  const { label, value, unit } = props;
  const shown = value === null ? "–" : typeof value === "number" ? formatNumber(value, props.digits) : value;
  const full = value === null ? "not measured" : `${value}${unit ? ` ${unit}` : ""}`;
  return (
    <Tooltip
      label={`${props.hint ? `${props.hint} ` : ""}${value === null ? "Not measured." : `${full}. Press to copy.`}`}
    >
      <UnstyledButton
        className={classes.stat}
        data-tone={props.tone}
        aria-label={`${label}: ${full}`}
        disabled={value === null}
        onClick={() => copyText(String(value), label)}
      >
        <span className={classes.label}>{label}</span>
        <span className={classes.value} data-figures>
          {shown}
          {unit && value !== null && <span className={classes.unit}>{unit}</span>}
        </span>
      </UnstyledButton>
    </Tooltip>
  );
}

/** Lays Stats out in one even row that wraps. */
export function StatRow(props: { children: ReactNode }): ReactNode {
  return <div className={classes.row}>{props.children}</div>;
}
