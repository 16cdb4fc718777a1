// A run as one file, and back. Importing validates everything and never overwrites a run that exists.
import { type Unzipped, unzipSync, zipSync } from "fflate";
import { TesseraError } from "../base/errors";
import { isValidName, parseRecord, type RunRecord, serialiseRecord } from "./record";
import { parseMetrics, type RunStore } from "./store";

const ARTEFACTS = "artefacts/";

/** A zip (stored, not compressed) with record.json, metrics.jsonl and artefacts/. */
export async function exportRun(store: RunStore, id: string): Promise<Uint8Array> {
  const record = await store.get(id);
  const rows = await store.metrics(id);
  const files: Record<string, Uint8Array> = {};
  const artefacts = [];
  for (const artefact of record.artefacts) {
    const bytes = await store.readArtefact(id, artefact.name);
    files[ARTEFACTS + artefact.name] = bytes;
    // A crash between a checkpoint and its entry leaves an old size in the record.
    artefacts.push({ ...artefact, bytes: bytes.length });
  }
  files["record.json"] = serialiseRecord({ ...record, artefacts });
  files["metrics.jsonl"] = new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return zipSync(files, { level: 0 });
}

/**
 * Adds an exported run; it gets a new id when its own is taken. A run exported while it ran comes in as interrupted.
 * @throws TesseraError `run-file` or `run-record` saying what is wrong; nothing is stored then.
 */
export async function importRun(store: RunStore, bytes: Uint8Array): Promise<RunRecord> {
  const files = unpack(bytes);
  if (!files["record.json"]) throw wrong("it has no record.json; choose a file that Tessera exported");
  const record = parseRecord(files["record.json"]);
  const artefacts = new Map<string, Uint8Array>();
  for (const { name, bytes: size } of record.artefacts) {
    const file = files[ARTEFACTS + name];
    if (!file) throw wrong(`the file ${name} that its record names is missing`);
    if (file.length !== size)
      throw wrong(`the file ${name} has ${file.length} bytes, its record says ${size}`);
    artefacts.set(name, file);
  }
  const metrics = parseMetrics(files["metrics.jsonl"]);
  const log = new TextEncoder().encode(metrics.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const isActive = record.state === "running" || record.state === "paused";
  return store.adopt(isActive ? { ...record, state: "interrupted" } : record, log, artefacts);
}

function unpack(bytes: Uint8Array): Unzipped {
  try {
    return unzipSync(bytes, {
      // Stored files only: none is larger than the zip itself, so no claimed size can make us allocate.
      filter({ name, size, originalSize, compression }) {
        if (compression !== 0 || size !== originalSize || size > bytes.length)
          throw wrong(`${name} is compressed or damaged`);
        return (
          name === "record.json" ||
          name === "metrics.jsonl" ||
          (name.startsWith(ARTEFACTS) && isValidName(name.slice(ARTEFACTS.length)))
        );
      },
    });
  } catch (error) {
    throw error instanceof TesseraError ? error : wrong((error as Error).message);
  }
}

const wrong = (what: string): TesseraError =>
  new TesseraError("run-file", `This is not a run that can be imported: ${what}.`);
