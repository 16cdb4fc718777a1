// Entry of `npm run job`: real streams, Ctrl-C, exit status. Everything else is in main.ts.
import type { Workflow } from "../workflows/define";
import { nodeHost } from "./host";
import { runJob } from "./main";

const manifests: Record<string, Workflow> = import.meta.glob("../workflows/*/index.ts", {
  eager: true,
  import: "default",
});
const workflows = Object.values(manifests).sort((a, b) => (a.id < b.id ? -1 : 1));

// stdout belongs to the one result; whatever a library prints goes beside it.
console.log = console.info = console.debug = console.error;

const controller = new AbortController();
process.on("SIGINT", () => {
  if (controller.signal.aborted) process.exit(130); // pressed twice: do not wait for a clean end
  controller.abort();
});

const status = await runJob(process.argv.slice(2), {
  workflows,
  host: nodeHost,
  signal: controller.signal,
  io: {
    stdout: (text) => process.stdout.write(`${text}\n`),
    stderr: (text) => process.stderr.write(`${text}\n`),
    isTerminal: process.stderr.isTTY === true,
  },
});
// A pipe may still hold output, and Dawn keeps the process alive: leave when both streams are empty.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))),
);
process.exit(status);
