// Files that a command may find or not.
import { TesseraError } from "../../../../base/errors";
import type { ByteSource } from "../../../../formats/source";
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
