// Keeps tuning winners in IndexedDB, so that a device is timed once and not at every visit. Browser only.
import type { TuneStore } from "./tune";

const DATABASE = "tessera-tuning";
const STORE = "winners";
const KEY = "all";

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function transact<R>(
  mode: IDBTransactionMode,
  use: (store: IDBObjectStore) => IDBRequest<R>,
): Promise<R> {
  const database = await open();
  try {
    return await new Promise<R>((resolve, reject) => {
      const request = use(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** A store over IndexedDB; the tuner treats every failure (private mode, full disk) as “nothing remembered”. */
export function browserTuneStore(): TuneStore {
  return {
    load: async () =>
      (await transact<Record<string, string> | undefined>("readonly", (s) => s.get(KEY))) ?? {},
    save: async (winners) => {
      await transact("readwrite", (s) => s.put(winners, KEY));
    },
  };
}
