// Keeps analyses as run records, so that they show up in the runs list and can be opened again. It stores results and
// parameters, never tensors, and a failure to store is the caller's to show.
import { version as codeVersion } from "../../../../package.json";
import { TesseraError, toRecord } from "../../../base/errors";
import { busy } from "../../../base/idle";
import { opfsFolder } from "../../../runs/opfs-folder";
import { type MetricRow, type RunStore, runStore } from "../../../runs/store";
import type { Analysis, HeadResult } from "../protocol";
import type { Settings } from "../protocol-params";
import { writesInTurn } from "./in-turn";
import type { Job, LabState, Snapshot } from "./state";

const WORKFLOW = "sparse-attention";
const ARTEFACT = "results.json";

export interface Ended {
  job: Job;
  snapshot: Snapshot | undefined;
  summary: Analysis["summary"] | undefined;
  adapter: string;
}

/** One run that is being stored. All methods may throw what the storage throws. */
export interface Keeping {
  /** One metric row per head, and the results so far: a closed tab then loses nothing that was finished. */
  head(result: HeadResult, snapshot: Snapshot | undefined): Promise<void>;
  save(snapshot: Snapshot): Promise<void>;
  /** Marks a run that had ended as running again. */
  resume(adapter: string): Promise<void>;
  finish(ended: Ended): Promise<void>;
}

export interface Keeper {
  begin(run: { settings: Settings; name: string }): Keeping;
  /** Goes on storing into a run that was opened. */
  again(id: string): Keeping;
  /** @throws TesseraError `run-missing`, or `run-artefact` when the run ended before its first head. */
  open(id: string): Promise<{ run: NonNullable<LabState["saved"]>; snapshot: Snapshot }>;
}

/** The runs in the browser's private files, opened at the first use. */
export function browserRuns(): () => Promise<RunStore> {
  let opened: Promise<RunStore> | undefined;
  return async () => {
    opened ??= opfsFolder().then((folder) => runStore(folder));
    opened.catch(() => {
      opened = undefined;
    });
    return opened;
  };
}

/** Keeps runs in the store that `open` gives; it is asked at the first use. */
export function storeKeeper(open: () => Promise<RunStore>): Keeper {
  const keep = (id: Promise<string>): Keeping => {
    const inTurn = writesInTurn(open, id);
    const write = (store: RunStore, own: string, snapshot: Snapshot): Promise<void> =>
      store.writeArtefact(
        own,
        ARTEFACT,
        new TextEncoder().encode(JSON.stringify(snapshot)),
        "application/json",
      );
    // Heads that finish while a write is under way go out together: a write of all results per head would cost more
    // than the heads themselves.
    const rows: MetricRow[] = [];
    let latest: Snapshot | undefined;
    let flush: Promise<void> | undefined;
    return {
      head(result, snapshot) {
        rows.push(metricsOf(result));
        latest = snapshot;
        flush ??= inTurn(async (store, own) => {
          flush = undefined;
          await store.appendMetrics(own, rows.splice(0));
          if (latest) await write(store, own, latest);
        });
        return flush;
      },
      save: (snapshot) => inTurn((store, own) => write(store, own, snapshot)),
      resume: (adapter) => inTurn((store, own) => store.resume(own, adapter)),
      finish: ({ job, snapshot, summary, adapter }) =>
        inTurn(async (store, own) => {
          if (snapshot) await write(store, own, snapshot);
          await store.update(own, { adapter, summary: summary ? summaryOf(summary) : {} });
          const state = job.state === "done" || job.state === "cancelled" ? job.state : "failed";
          await store.finish(own, state, job.error === undefined ? undefined : toRecord(job.error));
        }),
    };
  };
  return {
    begin: ({ settings, name }) =>
      keep(
        open()
          .then((store) =>
            store.create({
              workflow: WORKFLOW,
              name,
              params: settings,
              seed: settings.seed,
              adapter: "",
              codeVersion,
            }),
          )
          .then((record) => record.id),
      ),
    again: (id) => keep(Promise.resolve(id)),
    async open(id) {
      const end = busy();
      try {
        const store = await open();
        const { name, state } = await store.get(id);
        const bytes = await store.readArtefact(id, ARTEFACT);
        return { run: { id, name, state }, snapshot: readSnapshot(bytes, name) };
      } finally {
        end();
      }
    },
  };
}

/** Reads stored results; they may come from a file that someone edited. @throws TesseraError `run-artefact`. */
function readSnapshot(bytes: Uint8Array, name: string): Snapshot {
  const wrong = (what: string): TesseraError =>
    new TesseraError("run-artefact", `The results of run “${name}” cannot be shown: ${what}.`, { name });
  let value: Partial<Snapshot> | null;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Snapshot> | null;
  } catch {
    throw wrong("they are damaged; remove the run");
  }
  if (value?.version !== 1) throw wrong("another version of Tessera wrote them");
  const lists = [
    value.heads,
    value.chosen,
    value.curves,
    value.curvesAt,
    value.left,
    value.times,
    value.info?.triples,
    value.info?.tensors,
  ];
  if (!lists.every(Array.isArray) || typeof value.ran !== "object") throw wrong("parts of them are missing");
  return value as Snapshot;
}

/** The figures of a head by the names that the runs list draws. */
function metricsOf(head: HeadResult): Record<string, number | null> {
  const { step, layer, recall, kept, skipped, outputError, maxError, bound, times } = head;
  return {
    head: head.head,
    layer,
    ...(step === null ? {} : { denoising: step }),
    recall,
    kept,
    skipped,
    outputError,
    maxError,
    bound,
    ...times,
  };
}

function summaryOf(summary: Analysis["summary"]): Record<string, number> {
  const { recall, kept, skipped, outputError, heads } = summary;
  return { recall, kept, skipped, ...(outputError === null ? {} : { outputError }), heads };
}
