// What the "Check my GPU" page and its worker say to each other. Plain data only.
import type { TaskContext } from "../base/task";

export interface CheckedAdapter {
  name: string;
  description: string;
  software: boolean;
  features: readonly string[];
  limits: Readonly<Record<string, number>>;
}

/** One finished check of one op record. */
export interface CheckOutcome {
  op: string;
  check: "forward" | "variants" | "tuned" | "gradient" | "reject";
  case: string;
  passed: boolean;
  /** Largest error as a share of what the op's bound allows; null for message checks. */
  errorOverBound: number | null;
  message?: string;
}

/** Speed of one op on the largest f32 sample of its record. */
export interface OpSpeed {
  op: string;
  case: string;
  /** Median milliseconds of one call, launch included. */
  ms: number;
}

export interface CheckReport {
  adapter: CheckedAdapter;
  /** Checks that the registry owes on a device with these features. */
  expected: number;
  ran: number;
  passed: number;
  outcomes: readonly CheckOutcome[];
  speeds: readonly OpSpeed[];
  /** Variants the tuner timed, with milliseconds. */
  trials: readonly { key: string; variant: string; ms: number }[];
  seconds: number;
}

export interface CheckEvents {
  adapter: { adapter: CheckedAdapter; expected: number; ops: readonly OpPage[] };
  outcomes: readonly CheckOutcome[];
  speed: OpSpeed;
}

/** What the record of an op says about itself, for the reference table. */
export interface OpPage {
  name: string;
  summary: string;
  variants: readonly string[];
  differentiable: boolean;
  bound: string;
  why: string;
}

export type CheckService = {
  /** Runs all checks whose op name contains `only`, then times the ops when `speed` is set. */
  run(params: { only?: string; speed: boolean }, context: TaskContext<CheckEvents>): Promise<CheckReport>;
};
