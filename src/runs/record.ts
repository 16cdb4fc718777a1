// The record of one run, its versions, and its validation. It stores nothing.
import { type ErrorRecord, type Fields, TesseraError } from "../base/errors";

export type RunState = "running" | "paused" | "done" | "failed" | "interrupted" | "cancelled";

export interface Artefact {
  name: string;
  bytes: number;
  /** Media type, e.g. "application/json". */
  type: string;
}

export interface RunRecord {
  version: typeof RECORD_VERSION;
  id: string;
  workflow: string;
  name: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  updatedAt: number;
  state: RunState;
  params: Fields;
  seed?: number;
  adapter: string;
  codeVersion: string;
  /** The few numbers that the runs list shows. */
  summary: Readonly<Record<string, number | string>>;
  error?: ErrorRecord;
  artefacts: readonly Artefact[];
  metricNames: readonly string[];
}

export const RECORD_VERSION = 2;

/** Each turns a record of that version into the next one. */
const migrations: Readonly<Record<number, (old: Record<string, unknown>) => Record<string, unknown>>> = {
  // Version 1 kept no metric names; they come back with the next metrics that are written.
  1: (old) => ({ ...old, version: 2, metricNames: [] }),
};

const STATES: readonly string[] = ["running", "paused", "done", "failed", "interrupted", "cancelled"];

/** Reads a record of any known version. @throws TesseraError `run-record` naming the field that is wrong. */
export function parseRecord(bytes: Uint8Array): RunRecord {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Record<string, unknown>;
  } catch (error) {
    throw wrong(`it is not JSON (${(error as Error).message})`);
  }
  if (typeof value !== "object" || value === null) throw wrong("it is not an object");
  while (typeof value.version === "number" && value.version < RECORD_VERSION) {
    const migrate = migrations[value.version];
    if (!migrate) throw wrong(`version ${value.version} is not known`);
    value = migrate(value);
  }
  if (value.version !== RECORD_VERSION) {
    throw wrong(
      `version is ${String(value.version)}, this Tessera reads up to ${RECORD_VERSION}; use a newer one`,
    );
  }
  for (const field of ["id", "workflow", "name", "adapter", "codeVersion"]) {
    if (typeof value[field] !== "string") throw wrong(`${field} must be text`);
  }
  for (const field of ["createdAt", "updatedAt"]) {
    if (!Number.isFinite(value[field])) throw wrong(`${field} must be a number`);
  }
  if (!isValidId(value.id as string)) throw wrong("id has characters that an id cannot have");
  if (!STATES.includes(value.state as string)) throw wrong(`state must be one of ${STATES.join(", ")}`);
  for (const field of ["params", "summary"]) {
    if (typeof value[field] !== "object" || value[field] === null) throw wrong(`${field} must be an object`);
  }
  const { artefacts, metricNames } = value;
  if (!Array.isArray(artefacts) || !artefacts.every(isArtefact))
    throw wrong("artefacts must be a list of name, bytes and type");
  if (!Array.isArray(metricNames) || !metricNames.every((n) => typeof n === "string"))
    throw wrong("metricNames must be a list of text");
  return value as unknown as RunRecord;
}

export const serialiseRecord = (record: RunRecord): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(record));

/** Ids and artefact names become file names. */
export const isValidId = (id: string): boolean => /^[a-z0-9-]{1,64}$/.test(id);
export const isValidName = (name: string): boolean => /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/.test(name);

function isArtefact(value: unknown): boolean {
  const { name, bytes, type } = (value ?? {}) as Partial<Artefact>;
  return (
    typeof name === "string" &&
    isValidName(name) &&
    Number.isSafeInteger(bytes) &&
    bytes! >= 0 &&
    typeof type === "string"
  );
}

const wrong = (what: string): TesseraError =>
  new TesseraError("run-record", `The run's record cannot be read: ${what}.`);
