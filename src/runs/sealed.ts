// Files that are whole or absent, on storage without an atomic rename: two slots, each with sequence number and checksum.
import { crc32 } from "../base/crc32";
import type { Folder } from "./folder";

const MAGIC = 0x31535354; // "TSS1"
const HEADER_BYTES = 24; // magic u32, checksum u32, sequence f64, length f64
const SLOTS = [".0", ".1"] as const;

/** The newest complete content of a file, or undefined when there is none. */
export async function readSealed(folder: Folder, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const slots = await Promise.all(SLOTS.map(async (slot) => unseal(await folder.read(path + slot))));
  return slots.reduce((a, b) => ((b?.sequence ?? -1) > (a?.sequence ?? -1) ? b : a))?.payload;
}

/**
 * Replaces a file. Until the new content is complete the old one stays readable, also after a crash in between.
 * One writer at a time for each path. `keepsBefore`: it stays for good, and is read where the new one is damaged later.
 */
export async function writeSealed(
  folder: Folder,
  path: string,
  payload: Uint8Array,
  keepsBefore = false,
): Promise<void> {
  const old = await Promise.all(
    SLOTS.map(async (slot) => unseal(await folder.read(path + slot))?.sequence ?? -1),
  );
  const target = old[0] <= old[1] ? 0 : 1;
  await folder.write(path + SLOTS[target], seal(payload, Math.max(...old) + 1));
  if (!keepsBefore) await folder.remove(path + SLOTS[1 - target]);
}

export async function removeSealed(folder: Folder, path: string): Promise<void> {
  for (const slot of SLOTS) await folder.remove(path + slot);
}

function seal(payload: Uint8Array, sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, crc32(payload), true);
  view.setFloat64(8, sequence, true);
  view.setFloat64(16, payload.length, true);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function unseal(
  bytes: Uint8Array<ArrayBuffer> | undefined,
): { sequence: number; payload: Uint8Array<ArrayBuffer> } | undefined {
  if (!bytes || bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const payload = bytes.subarray(HEADER_BYTES);
  if (view.getUint32(0, true) !== MAGIC || view.getFloat64(16, true) !== payload.length) return undefined;
  if (view.getUint32(4, true) !== crc32(payload)) return undefined;
  return { sequence: view.getFloat64(8, true), payload };
}
