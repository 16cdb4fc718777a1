// Files that a command may find or not.
import { TesseraError, toRecord } from "../../../../base/errors";
import { openSafetensors } from "../../../../formats/safetensors";
import type { ByteSource } from "../../../../formats/source";
import type { TensorFile } from "../../../../formats/tensor-data";
import type { CommandHost } from "../../../define";

/** Undefined when there is no such file; every other failure is passed on. */
export async function openIfThere(host: CommandHost, path: string): Promise<ByteSource | undefined> {
  try {
    return await host.open(path);
  } catch (error) {
    if (error instanceof TesseraError && error.fields.reason === "ENOENT") return undefined;
    throw error;
  }
}

/** Where the state of before stays while the newest one is at `path`. */
export const beforePath = (path: string): string => `${path}.before`;
const DAMAGED: readonly string[] = ["file-corrupt", "file-truncated"];

/** The state of a training at `path`; where it is missing, cut short or damaged, the one before it, if there is one. */
export async function openState(host: CommandHost, path: string): Promise<TensorFile | undefined> {
  let damage: unknown;
  for (const place of [path, beforePath(path)]) {
    const source = await openIfThere(host, place);
    try {
      if (source) return await openSafetensors(source);
    } catch (error) {
      if (!DAMAGED.includes(toRecord(error).code)) throw error;
      damage ??= error;
    }
  }
  if (damage !== undefined) throw damage;
  return undefined;
}
