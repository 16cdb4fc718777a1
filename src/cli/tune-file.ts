// Keeps tuning winners in a file of the user's cache folder, so that a device is timed once and not at every command.
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { TuneStore } from "../gpu/tune";

/** Where the winners of this user's devices lie: `$XDG_CACHE_HOME`, `%LOCALAPPDATA%` or `~/.cache`, under `tessera/`. */
export function tunePath(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.XDG_CACHE_HOME || env.LOCALAPPDATA || join(homedir(), ".cache");
  return join(cache, "tessera", "tuning.json");
}

/** A store over a JSON file; the tuner treats every failure (no home, a full disk) as “nothing remembered”. */
export function fileTuneStore(path = tunePath()): TuneStore {
  const load = async (): Promise<Record<string, string>> => {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter((pair) => typeof pair[1] === "string"));
  };
  return {
    load,
    async save(winners) {
      // Commands that run side by side each add what they found; a reader never meets half a file.
      const all = { ...(await load().catch(() => ({}))), ...winners };
      const next = `${path}.part-${process.pid}`;
      await mkdir(dirname(path), { recursive: true });
      await writeFile(next, JSON.stringify(all));
      await rename(next, path);
    },
  };
}
