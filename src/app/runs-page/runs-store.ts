// The page's hold on stored runs: loading, changing, deleting with a way back. Storage itself is src/runs.
import { createStore } from "zustand/vanilla";
import { busy } from "../../base/idle";
import { opfsFolder } from "../../runs/opfs-folder";
import type { RunRecord } from "../../runs/record";
import { type RunStore, runStore } from "../../runs/store";
import { exportRun, importRun } from "../../runs/transfer";
import { fileStem } from "../../ui/csv";
import { saveBytes } from "../../ui/save";
import { toast } from "../../ui/toasts";

interface State {
  /** undefined until the first load. */
  records?: readonly RunRecord[];
  broken: readonly string[];
  error?: unknown;
}

/** How long a deleted run can be brought back. A page closed before that keeps the run. */
const UNDO_MS = 12_000;

export const runsState = createStore<State>(() => ({ broken: [] }));

let opened: Promise<RunStore> | undefined;
const leaving = new Map<string, ReturnType<typeof setTimeout>>();

/** @throws TesseraError `storage-missing` when the browser gives a page no private files. */
export function openRuns(): Promise<RunStore> {
  opened ??= opfsFolder().then((folder) => runStore(folder));
  opened.catch(() => {
    opened = undefined;
  });
  return opened;
}

/** Reads the list anew; a failure becomes the state `error`. */
export async function loadRuns(): Promise<void> {
  const end = busy();
  try {
    const store = await openRuns();
    const [records, broken] = await Promise.all([store.list(), store.broken()]);
    runsState.setState({ records: records.filter((r) => !leaving.has(r.id)), broken, error: undefined });
  } catch (error) {
    runsState.setState({ error });
  } finally {
    end();
  }
}

/** Does one thing to the store, tells of its failure, and reads the list anew. */
async function act(what: string, job: (store: RunStore) => Promise<void>): Promise<void> {
  const end = busy();
  try {
    await job(await openRuns());
  } catch (error) {
    toast.error(error, { title: what });
  } finally {
    end();
  }
  await loadRuns();
}

export const renameRun = (id: string, name: string): Promise<void> =>
  act("The run was not renamed", async (store) => {
    await store.rename(id, name);
  });

export const removeBroken = (ids: readonly string[]): Promise<void> =>
  act("The damaged runs were not removed", async (store) => {
    for (const id of ids) await store.remove(id);
  });

/** Takes runs out of the list at once and out of storage after a while, unless they are brought back. */
export function removeRuns(records: readonly RunRecord[]): void {
  const key = `removed-${records.map((r) => r.id).join("-")}`;
  const timer = setTimeout(() => {
    void act("The runs were not deleted", async (store) => {
      for (const { id } of records) {
        await store.remove(id);
        leaving.delete(id);
      }
    });
  }, UNDO_MS);
  for (const { id } of records) leaving.set(id, timer);
  const undo = (): void => {
    if (!records.every(({ id }) => leaving.get(id) === timer)) {
      toast.warn("It is too late: the runs have been deleted.");
      return;
    }
    clearTimeout(timer);
    for (const { id } of records) leaving.delete(id);
    void loadRuns();
  };
  const words = records.length === 1 ? `Deleted “${records[0].name}”.` : `Deleted ${records.length} runs.`;
  toast.info(words, { key, action: { label: "Undo", run: undo } });
  runsState.setState(({ records: all }) => ({ records: all?.filter((r) => !leaving.has(r.id)) }));
}

/** Saves each run as one file. */
export const exportRuns = (records: readonly RunRecord[]): Promise<void> =>
  act("The run was not exported", async (store) => {
    for (const { id, name, workflow } of records) {
      saveBytes(`${workflow}-${fileStem(name)}.tessera.zip`, await exportRun(store, id), "application/zip");
    }
  });

/** Adds exported runs. @throws TesseraError naming what is wrong with the first file that is not one. */
export async function importRuns(files: readonly File[]): Promise<void> {
  const store = await openRuns();
  const names: string[] = [];
  try {
    for (const file of files) {
      names.push((await importRun(store, new Uint8Array(await file.arrayBuffer()))).name);
    }
  } finally {
    if (names.length > 0)
      toast.good(names.length === 1 ? `Imported “${names[0]}”.` : `Imported ${names.length} runs.`);
    await loadRuns();
  }
}
