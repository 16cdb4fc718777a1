// Run, pause, resume, cancel, and where the run stands. It keeps its own clock from `state` and starts nothing itself.
import { Button } from "@mantine/core";
import { useReducedMotion } from "@mantine/hooks";
import {
  IconAlertTriangle,
  IconCheck,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
} from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { formatDuration } from "../base/stats";
import type { Progress } from "../base/task";
import classes from "./RunBar.module.css";
import {
  clockText,
  elapsed,
  isActive,
  isOpen,
  type RunClock,
  type RunState,
  tickClock,
  timeLeft,
} from "./run-clock";
import { ErrorState } from "./states";

export type { RunState } from "./run-clock";

interface Props {
  state: RunState;
  progress?: Progress;
  onRun(): void;
  onCancel?(): void;
  onPause?(): void;
  onResume?(): void;
  runLabel?: string;
  /** Why Run cannot be pressed now. */
  disabledReason?: string;
  /** What was thrown, for the state `failed`. */
  error?: unknown;
  /** The outcome in a few words, for the state `done`. */
  summary?: string;
  actions?: ReactNode;
  /** A second kind of work that can be started where nothing runs. */
  second?: { label: string; onRun(): void; disabledReason?: string };
}

/** One bar for all workflows, so that starting and stopping is the same everywhere. */
export function RunBar(props: Props): ReactNode {
  const { state, progress } = props;
  const elapsedMs = useRunTime(state);
  const isStill = useReducedMotion();
  const share = progress && progress.total > 0 ? Math.min(1, progress.done / progress.total) : undefined;
  const left = state === "running" && progress ? timeLeft(progress, elapsedMs) : undefined;
  return (
    <section className={classes.bar} aria-label="Run">
      {isOpen(state) && (
        <div
          className={classes.track}
          role="progressbar"
          aria-label="Progress of the run"
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={share === undefined ? undefined : Math.round(share * 100)}
        >
          <div
            className={classes.fill}
            data-unknown={(share === undefined && !isStill) || undefined}
            data-paused={state === "paused" || undefined}
            style={{ width: share === undefined ? "30%" : `${share * 100}%` }}
          />
        </div>
      )}
      {state === "failed" && props.error !== undefined && (
        <div className={classes.failure}>
          <ErrorState error={props.error} title="The run stopped" />
        </div>
      )}
      <div className={classes.line}>
        <div className={classes.buttons}>
          <Buttons {...props} />
        </div>
        <div className={classes.words} role="status">
          <StateWords {...props} elapsedMs={elapsedMs} />
        </div>
        {isOpen(state) && (
          <div className={classes.clock} data-figures>
            {share !== undefined && <strong>{Math.floor(share * 100)} %</strong>}
            <span>{clockText(elapsedMs)}</span>
            {left !== undefined && <span>about {clockText(left)} left</span>}
          </div>
        )}
        {props.actions && <div className={classes.actions}>{props.actions}</div>}
      </div>
    </section>
  );
}

function Buttons(props: Props): ReactNode {
  const { state } = props;
  const cancel = props.onCancel && (
    <Button
      size="sm"
      variant="default"
      leftSection={<IconPlayerStop size={15} aria-hidden />}
      disabled={state === "cancelling"}
      onClick={props.onCancel}
    >
      Cancel
    </Button>
  );
  if (!isOpen(state)) {
    const { second } = props;
    return (
      <>
        <Button
          size="sm"
          leftSection={<IconPlayerPlay size={15} aria-hidden />}
          disabled={props.disabledReason !== undefined}
          onClick={props.onRun}
        >
          {props.runLabel ?? "Run"}
        </Button>
        {second && (
          <Button
            size="sm"
            variant="default"
            leftSection={<IconPlayerPlay size={15} aria-hidden />}
            disabled={second.disabledReason !== undefined}
            title={second.disabledReason}
            onClick={second.onRun}
          >
            {second.label}
          </Button>
        )}
      </>
    );
  }
  return (
    <>
      {state === "paused" && props.onResume && (
        <Button size="sm" leftSection={<IconPlayerPlay size={15} aria-hidden />} onClick={props.onResume}>
          Resume
        </Button>
      )}
      {state !== "paused" && props.onPause && (
        <Button
          size="sm"
          variant="default"
          leftSection={<IconPlayerPause size={15} aria-hidden />}
          disabled={state !== "running"}
          onClick={props.onPause}
        >
          Pause
        </Button>
      )}
      {cancel}
    </>
  );
}

function StateWords(props: Props & { elapsedMs: number }): ReactNode {
  switch (props.state) {
    case "idle":
      return props.disabledReason ?? "Ready";
    case "running":
      return props.progress?.what ?? "Starting";
    case "pausing":
      return "Pausing after the current step";
    case "paused":
      return `Paused${props.progress ? `: ${props.progress.what}` : ""}`;
    case "cancelling":
      return "Cancelling";
    case "cancelled":
      return "Cancelled; what was computed is kept";
    case "failed":
      return (
        <span className={classes.bad}>
          <IconAlertTriangle size={15} aria-hidden /> Failed
          {props.elapsedMs >= 100 && ` after ${formatDuration(props.elapsedMs / 1000)}`}
        </span>
      );
    case "done":
      return (
        <span className={classes.good}>
          <IconCheck size={15} aria-hidden />
          {`Done in ${formatDuration(props.elapsedMs / 1000)}${props.summary ? `. ${props.summary}` : ""}`}
        </span>
      );
  }
}

/** Milliseconds of running time, refreshed twice a second while work goes on. */
function useRunTime(state: RunState): number {
  const clock = useRef<RunClock>({ before: 0 });
  const last = useRef<RunState>("idle");
  const [now, setNow] = useState(0);
  if (last.current !== state) {
    clock.current = tickClock(clock.current, last.current, state, performance.now());
    last.current = state;
  }
  const isTicking = isActive(state);
  useEffect(() => {
    if (!isTicking) return;
    const timer = setInterval(() => setNow(performance.now()), 500);
    return () => clearInterval(timer);
  }, [isTicking]);
  return elapsed(clock.current, isTicking ? Math.max(now, clock.current.since ?? 0) : 0);
}
