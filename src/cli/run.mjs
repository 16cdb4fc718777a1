// Runs a TypeScript entry of the project in Node, with the same module rules as the browser build. It adds no logic.
//   node src/cli/run.mjs <entry.ts> [arguments]
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const [entry, ...rest] = process.argv.slice(2);
if (!entry) {
  process.stderr.write("usage: node src/cli/run.mjs <entry.ts> [arguments]\n");
  process.exit(2);
}
// The entry sees its own arguments where a program expects them.
process.argv = [process.argv[0], resolve(root, entry), ...rest];

const server = await createServer({
  root,
  configFile: false,
  appType: "custom",
  logLevel: "error",
  cacheDir: resolve(root, "node_modules/.vite-run"),
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
});
try {
  await server.ssrLoadModule(`/${entry}`, { fixStacktrace: true });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
