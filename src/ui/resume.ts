// Reads from the address which stored run the user wants to see or go on with. It loads nothing.

/** The run id of a `#/w/<workflow>?resume=<id>` address, or undefined. */
export function resumeId(hash: string = location.hash): string | undefined {
  const at = hash.indexOf("?");
  return at < 0 ? undefined : (new URLSearchParams(hash.slice(at + 1)).get("resume") ?? undefined);
}
