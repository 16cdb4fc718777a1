// The first load of the built app: what it weighs, and that no GPU code is in it.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_BYTES = 250 * 1024;

interface Chunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  css?: string[];
}

/** The entry and everything it imports at once, in bytes after gzip. @throws Error when too large or not clean. */
export function firstLoad(): string {
  const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8")) as Record<string, Chunk>;
  const seen = new Set<string>();
  const visit = (key: string): void => {
    if (seen.has(key)) return;
    seen.add(key);
    for (const next of manifest[key].imports ?? []) visit(next);
  };
  for (const [key, chunk] of Object.entries(manifest)) if (chunk.isEntry) visit(key);
  const chunks = [...seen].map((key) => manifest[key]);
  const files = [...new Set(chunks.flatMap((chunk) => [chunk.file, ...(chunk.css ?? [])]))];
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0);
  const compute = files.filter((file) =>
    /createComputePipeline|@compute/.test(readFileSync(`dist/${file}`, "utf8")),
  );
  if (bytes > FIRST_LOAD_BYTES)
    throw new Error(`first load is ${bytes} bytes gzip, at most ${FIRST_LOAD_BYTES}`);
  if (compute.length > 0) throw new Error(`GPU code in the first load: ${compute.join(", ")}`);
  return `first load ${(bytes / 1024).toFixed(1)} KB gzip of ${FIRST_LOAD_BYTES / 1024}`;
}
