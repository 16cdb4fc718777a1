// Runs that last: records, metrics, artefacts and checkpoints in a folder. It does not know what a run computes.
import { type ErrorRecord, type Fields, TesseraError } from "../base/errors";
import type { Folder } from "./folder";
import { type Liveness, platformLiveness } from "./liveness";
import {
  isValidName,
  parseRecord,
  RECORD_VERSION,
  type RunRecord,
  type RunState,
  serialiseRecord,
} from "./record";
import { readSealed, removeSealed, writeSealed } from "./sealed";

export interface NewRun {
  workflow: string;
  name: string;
  params: Fields;
  seed?: number;
  adapter: string;
  codeVersion: string;
}

/**
 * One moment of a run: metric name to value. A value that is not finite is kept as null. `step`, where there is one, grows; a
 * row that is not behind the last one begins what a resumed run does again.
 */
export type MetricRow = Readonly<Record<string, number | null>>;

export interface RunStore {
  /** Starts a record in state `running` and marks it as being worked on until `finish`. */
  create(run: NewRun): Promise<RunRecord>;
  /** Newest first. Records that cannot be read are left out and named by `broken`. */
  list(): Promise<RunRecord[]>;
  /** Ids whose record is damaged: they can only be removed. */
  broken(): Promise<string[]>;
  /** @throws TesseraError `run-missing`. */
  get(id: string): Promise<RunRecord>;
  update(
    id: string,
    change: Partial<Pick<RunRecord, "name" | "state" | "summary" | "adapter">>,
  ): Promise<RunRecord>;
  rename(id: string, name: string): Promise<RunRecord>;
  /**
   * Takes up a run that was interrupted, paused, cancelled or failed: state `running` again.
   * @throws TesseraError `run-held` when another tab or process works on it.
   */
  resume(id: string, adapter: string): Promise<RunRecord>;
  finish(
    id: string,
    state: Extract<RunState, "done" | "failed" | "cancelled">,
    error?: ErrorRecord,
  ): Promise<RunRecord>;
  remove(id: string): Promise<void>;
  appendMetrics(id: string, rows: readonly MetricRow[]): Promise<void>;
  /** All rows that were written whole, in order; steps that were done again only as they were the last time. */
  metrics(id: string): Promise<MetricRow[]>;
  /**
   * Stores or replaces a named file: the old content stays until the new one is complete, and with `keepsBefore`, for states
   * of long work, until the next but one: it is read when the newest is damaged.
   */
  writeArtefact(
    id: string,
    name: string,
    bytes: Uint8Array,
    type: string,
    options?: { keepsBefore?: boolean },
  ): Promise<void>;
  /** @throws TesseraError `run-artefact` when there is none of that name. */
  readArtefact(id: string, name: string): Promise<Uint8Array<ArrayBuffer>>;
  removeArtefact(id: string, name: string): Promise<void>;
  /** Adds a complete run from elsewhere under a free id. See transfer.ts. */
  adopt(
    record: RunRecord,
    metrics: Uint8Array,
    artefacts: ReadonlyMap<string, Uint8Array>,
  ): Promise<RunRecord>;
}

export interface StoreOptions {
  liveness?: Liveness;
  now?(): number;
  newId?(): string;
}

const recordPath = (id: string): string => `${id}/record`;
const metricsPath = (id: string): string => `${id}/metrics.jsonl`;
const artefactPath = (id: string, name: string): string => `${id}/artefacts/${name}`;

export function runStore(folder: Folder, options: StoreOptions = {}): RunStore {
  const { liveness = platformLiveness(folder), now = Date.now, newId = () => crypto.randomUUID() } = options;
  const held = new Map<string, () => void>();
  let turn: Promise<unknown> = Promise.resolve();
  /** Changes of records take turns, or two of them could read the same old state. */
  const inTurn = <R>(job: () => Promise<R>): Promise<R> => {
    const run = turn.then(job);
    turn = run.catch(() => {});
    return run;
  };

  const load = async (id: string): Promise<RunRecord> => {
    const bytes = await readSealed(folder, recordPath(id));
    if (!bytes)
      throw new TesseraError("run-missing", `There is no run ${id}; it may have been removed.`, { id });
    return parseRecord(bytes);
  };
  const seen = async (record: RunRecord): Promise<RunRecord> => {
    const isActive = record.state === "running" || record.state === "paused";
    return isActive && !held.has(record.id) && !(await liveness.isHeld(record.id))
      ? { ...record, state: "interrupted" }
      : record;
  };
  const save = async (record: RunRecord): Promise<RunRecord> => {
    await writeSealed(folder, recordPath(record.id), serialiseRecord(record));
    return record;
  };
  const change = (id: string, edit: (old: RunRecord) => RunRecord): Promise<RunRecord> =>
    inTurn(async () => save({ ...edit(await load(id)), updatedAt: now() }));
  const release = (id: string): void => {
    held.get(id)?.();
    held.delete(id);
  };
  const ids = async (): Promise<string[]> => [
    ...new Set((await folder.list("")).map((path) => path.split("/")[0])),
  ];
  const loadAll = async (): Promise<{ records: RunRecord[]; broken: string[] }> => {
    const records: RunRecord[] = [];
    const broken: string[] = [];
    for (const id of await ids()) {
      try {
        records.push(await seen(await load(id)));
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        broken.push(id);
      }
    }
    return { records: records.sort((a, b) => b.createdAt - a.createdAt), broken };
  };

  return {
    async create(run) {
      const id = newId();
      held.set(id, await liveness.hold(id));
      const at = now();
      const fresh = {
        createdAt: at,
        updatedAt: at,
        state: "running",
        summary: {},
        artefacts: [],
        metricNames: [],
      } as const;
      try {
        return await inTurn(() => save({ version: RECORD_VERSION, id, ...run, ...fresh }));
      } catch (error) {
        release(id);
        throw error;
      }
    },
    list: async () => (await loadAll()).records,
    broken: async () => (await loadAll()).broken,
    get: async (id) => seen(await load(id)),
    update: (id, edits) => change(id, (old) => ({ ...old, ...edits })),
    rename: (id, name) => change(id, (old) => ({ ...old, name })),
    async resume(id, adapter) {
      if (!held.has(id)) held.set(id, await liveness.hold(id));
      return change(id, ({ error: _, ...old }) => ({ ...old, adapter, state: "running" }));
    },
    async finish(id, state, error) {
      const record = await change(id, (old) => ({ ...old, state, ...(error && { error }) }));
      release(id);
      return record;
    },
    async remove(id) {
      release(id);
      await inTurn(() => folder.remove(id));
    },
    async appendMetrics(id, rows) {
      if (rows.length === 0) return;
      // Each batch begins on a line of its own, so that a line torn by a crash spoils none that follows.
      const text = `\n${rows.map((row) => JSON.stringify(row)).join("\n")}\n`;
      await inTurn(() => folder.append(metricsPath(id), new TextEncoder().encode(text)));
      const names = new Set(rows.flatMap((row) => Object.keys(row)));
      const known = await load(id);
      if ([...names].some((name) => !known.metricNames.includes(name))) {
        await change(id, (old) => ({ ...old, metricNames: [...new Set([...old.metricNames, ...names])] }));
      }
    },
    async metrics(id) {
      return withoutRedone(parseMetrics(await folder.read(metricsPath(id))));
    },
    async writeArtefact(id, name, bytes, type, { keepsBefore } = {}) {
      if (!isValidName(name))
        throw new TesseraError(
          "run-artefact",
          `An artefact cannot be named "${name}": use letters, digits, dot, dash and underscore.`,
          { name },
        );
      await inTurn(() => writeSealed(folder, artefactPath(id, name), bytes, keepsBefore));
      const entry = { name, bytes: bytes.length, type };
      await change(id, (old) => ({
        ...old,
        artefacts: [...old.artefacts.filter((a) => a.name !== name), entry],
      }));
    },
    async readArtefact(id, name) {
      const bytes = isValidName(name) ? await readSealed(folder, artefactPath(id, name)) : undefined;
      if (!bytes)
        throw new TesseraError("run-artefact", `Run ${id} has no complete file named ${name}.`, { id, name });
      return bytes;
    },
    async removeArtefact(id, name) {
      // First out of the record: a crash in between leaves a file that nobody names, not a name without a file.
      await change(id, (old) => ({ ...old, artefacts: old.artefacts.filter((a) => a.name !== name) }));
      if (isValidName(name)) await inTurn(() => removeSealed(folder, artefactPath(id, name)));
    },
    adopt: (record, metrics, artefacts) =>
      inTurn(async () => {
        const id = (await ids()).includes(record.id) ? newId() : record.id;
        for (const [name, bytes] of artefacts) await writeSealed(folder, artefactPath(id, name), bytes);
        if (metrics.length) await folder.write(metricsPath(id), metrics);
        return save({ ...record, id });
      }),
  };
}

/** Rows of a metrics log; lines torn by a crash are left out. */
export function parseMetrics(bytes: Uint8Array | undefined): MetricRow[] {
  if (!bytes) return [];
  const rows: MetricRow[] = [];
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    if (!line) continue;
    try {
      rows.push(JSON.parse(line) as MetricRow);
    } catch {
      // Torn in the middle of a write: the values are gone, the rest of the log is whole.
    }
  }
  return rows;
}

function withoutRedone(rows: readonly MetricRow[]): MetricRow[] {
  const kept: MetricRow[] = [];
  const isRedone = (old: MetricRow | undefined, step: number): boolean =>
    typeof old?.step === "number" && old.step >= step;
  for (const row of rows) {
    if (typeof row.step === "number") while (isRedone(kept.at(-1), row.step)) kept.pop();
    kept.push(row);
  }
  return kept;
}
