// What a view shows when it has no result: empty, failed, loading, and a plain warning. Each says why and what to do.
import { Button, Group, Skeleton, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleDashed, IconCopy, IconRefresh, IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { type ErrorRecord, type Fields, toRecord } from "../base/errors";
import { copyText } from "./save";
import classes from "./states.module.css";

/** Nothing to show yet: the reason, and the one thing to do about it. */
export function EmptyState(props: {
  title: string;
  why: string;
  action?: { label: string; run(): void };
  compact?: boolean;
}): ReactNode {
  return (
    <div className={classes.empty} data-compact={props.compact || undefined}>
      {!props.compact && <IconCircleDashed size={28} stroke={1.4} aria-hidden className={classes.icon} />}
      <div className={classes.title}>{props.title}</div>
      <Text size="sm" className={classes.why}>
        {props.why}
      </Text>
      {props.action && (
        <Button variant="default" mt="sm" onClick={props.action.run}>
          {props.action.label}
        </Button>
      )}
    </div>
  );
}

/** Anything thrown, a record from a worker, or text, as a record. */
export function errorRecord(error: unknown): ErrorRecord {
  if (typeof error === "string") return { code: "", message: error, fields: {} };
  if (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    "message" in error &&
    "fields" in error
  ) {
    return error as ErrorRecord;
  }
  return toRecord(error);
}

/** The text that goes into a bug report: message, code, fields, context, browser, stack. */
export function errorReport(record: ErrorRecord, context: Fields = {}): string {
  const lines = [`Tessera error ${record.code || "(no code)"}`, record.message, ""];
  for (const [name, value] of [...Object.entries(record.fields), ...Object.entries(context)]) {
    lines.push(`${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  if (typeof navigator !== "undefined") lines.push(`browser: ${navigator.userAgent}`);
  if (record.stack) lines.push("", record.stack);
  return lines.join("\n");
}

/** A failure: message, code, details on request, a report to copy, and a way to try again. */
export function ErrorState(props: {
  error: unknown;
  title?: string;
  context?: Fields;
  retry?(): void;
}): ReactNode {
  const record = errorRecord(props.error);
  const report = errorReport(record, props.context);
  return (
    <div className={classes.error} role="alert">
      <IconX size={18} aria-hidden className={classes.errorIcon} />
      <div className={classes.errorBody}>
        <div className={classes.title}>{props.title ?? "This did not work"}</div>
        <Text size="sm" className={classes.message}>
          {record.message}
        </Text>
        <details className={classes.details}>
          <summary>Details{record.code && <span className={classes.code}>{record.code}</span>}</summary>
          <pre>{report}</pre>
        </details>
        <Group gap="xs" mt="sm">
          {props.retry && (
            <Button
              variant="default"
              leftSection={<IconRefresh size={14} aria-hidden />}
              onClick={props.retry}
            >
              Try again
            </Button>
          )}
          <Button
            variant="subtle"
            color="gray"
            leftSection={<IconCopy size={14} aria-hidden />}
            onClick={() => copyText(report, "Report")}
          >
            Copy report
          </Button>
        </Group>
      </div>
    </div>
  );
}

/** Something is on its way; the label is read out. */
export function Loading(props: { label: string; height?: number }): ReactNode {
  return (
    <div className={classes.loading} role="status" style={{ minHeight: props.height }}>
      <Text size="sm" c="dimmed">
        {props.label}…
      </Text>
      <Skeleton height={10} width="72%" radius="xs" />
      <Skeleton height={10} width="58%" radius="xs" />
      <Skeleton height={10} width="64%" radius="xs" />
    </div>
  );
}

/** A plain warning inside a view: what the reader must not overlook. */
export function Warning(props: { title: string; children: ReactNode }): ReactNode {
  return (
    <div className={classes.warning} role="note">
      <IconAlertTriangle size={16} aria-hidden className={classes.warningIcon} />
      <div>
        <div className={classes.title}>{props.title}</div>
        <div className={classes.warningText}>{props.children}</div>
      </div>
    </div>
  );
}
