// Which GPU the studio runs on, how much memory it holds, and what is wrong with it. It asks nothing; sessions publish.
import { Anchor, Popover, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";
import type { DeviceState } from "../../base/device-status";
import { formatBytes } from "../../base/stats";
import { useDeviceStatus } from "../../ui/device-store";
import { HASH } from "../router";
import classes from "./Shell.module.css";

const WORDS: Readonly<Record<DeviceState, { label: string; tone: "" | "good" | "warn" | "bad" }>> = {
  unknown: { label: "GPU not in use", tone: "" },
  opening: { label: "Opening the GPU", tone: "" },
  ok: { label: "GPU ready", tone: "good" },
  software: { label: "Software adapter", tone: "warn" },
  missing: { label: "No WebGPU", tone: "bad" },
  lost: { label: "GPU lost", tone: "bad" },
  recovered: { label: "GPU back", tone: "good" },
};

export function DeviceBadge(): ReactNode {
  const status = useDeviceStatus();
  const { label, tone } = WORDS[status.state];
  const hasMemory = status.bytesAllocated > 0;
  return (
    <Popover width={300} position="bottom-end" shadow="md" withinPortal>
      <Popover.Target>
        <UnstyledButton className={classes.badge} aria-label={`Device: ${status.name || label}`}>
          <span className={classes.dot} data-tone={tone || undefined} />
          <span className={classes.badgeName}>{status.name || label}</span>
          {hasMemory && (
            <span className={classes.badgeMemory} data-figures>
              {formatBytes(status.bytesInUse)}
            </span>
          )}
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown>
        <strong style={{ fontSize: 13 }}>{label}</strong>
        <div style={{ fontSize: 13, lineHeight: 1.5, color: "var(--t-quiet)" }}>{status.detail}</div>
        <dl className={classes.facts}>
          {status.name && (
            <>
              <dt>Adapter</dt>
              <dd>{status.name}</dd>
            </>
          )}
          {hasMemory && (
            <>
              <dt>Memory in use</dt>
              <dd>{formatBytes(status.bytesInUse)}</dd>
              <dt>Taken from the device</dt>
              <dd>{formatBytes(status.bytesAllocated)}</dd>
            </>
          )}
        </dl>
        <Anchor href={HASH.gpu} size="sm" mt="xs" display="inline-block">
          Check my GPU
        </Anchor>
      </Popover.Dropdown>
    </Popover>
  );
}
