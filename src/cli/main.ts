// The command line without its process: finds the command, runs it, prints one object, gives the exit status.
import { TesseraError, throwIfCancelled, toRecord } from "../base/errors";
import { plainContext } from "../base/task";
import type { Command, Workflow } from "../workflows/define";
import { checkFiles, parseFlags, unknownWord, usageError } from "./flags";
import type { NodeHost } from "./host";
import type { NodeAdapter } from "./node-gpu";
import { printable, readable } from "./print";
import { progressLines } from "./progress";
import { commandUsage, mainUsage, workflowUsage } from "./usage";

export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
  /** True when progress may rewrite its line. */
  isTerminal: boolean;
}

export interface JobSetup {
  workflows: readonly Workflow[];
  host(adapter: NodeAdapter | undefined): NodeHost;
  io: Io;
  signal: AbortSignal;
}

/** Exit status: 0 done, 1 failed (the error object is on stdout), 2 wrong usage. */
export async function runJob(words: readonly string[], setup: JobSetup): Promise<number> {
  const { io } = setup;
  const ends = words.indexOf("--");
  const isGlobal = (word: string, at: number): boolean =>
    (ends < 0 || at < ends) && (word === "--json" || word === "--help" || word === "-h");
  const json = words.some((word, at) => isGlobal(word, at) && word === "--json");
  const help = words.some((word, at) => isGlobal(word, at) && word !== "--json");
  let usage = mainUsage(setup.workflows);
  try {
    const { rest, adapter } = takeAdapter(words.filter((word, at) => !isGlobal(word, at)));
    const [id, name, ...flags] = rest;
    const workflow = id === undefined ? undefined : find(id, setup.workflows);
    const commands = workflow ? (await workflow.commands()).commands : {};
    if (workflow) usage = workflowUsage(workflow, commands);
    const command = workflow && name !== undefined ? findCommand(name, commands) : undefined;
    if (workflow && command) usage = commandUsage(workflow, name, command);
    if (help) {
      io.stdout(json ? JSON.stringify({ usage }) : usage);
      return 0;
    }
    if (!workflow) throw usageError("A workflow is needed");
    if (!command) throw usageError("A command is needed");
    const { values, files } = parseFlags(command.params, flags);
    checkFiles(command.files, files);
    const result = await run(command, { params: values, files }, setup, adapter);
    const whole = { workflow: id, command: name, params: values, ...result };
    io.stdout(json ? JSON.stringify(whole, printable) : readable(workflow.title, whole));
    return 0;
  } catch (error) {
    const { code, message, fields, stack } = toRecord(error);
    const isUsage = code === "usage" || code === "params";
    if (json || !isUsage) io.stdout(JSON.stringify({ error: { ...fields, code, message } }, printable));
    io.stderr(isUsage ? `${message}\n\n${usage}` : `Failed (${code}): ${message}`);
    if (code === "internal" && stack) io.stderr(stack);
    return isUsage ? 2 : 1;
  }
}

async function run(
  command: Command,
  args: Parameters<Command["run"]>[0],
  { io, signal, host: makeHost }: JobSetup,
  adapter: NodeAdapter | undefined,
): Promise<object> {
  const host = makeHost(adapter);
  const progress = progressLines(io);
  const started = performance.now();
  try {
    const context = plainContext({
      signal,
      report: progress.report,
      emit: (name, data) => progress.note(`${name} ${JSON.stringify(data, printable)}`),
    });
    throwIfCancelled(signal);
    const result: { timings?: object } = await command.run(args, host, context);
    throwIfCancelled(signal);
    return {
      ...result,
      adapter: host.adapter(),
      timings: { ...result.timings, totalMs: performance.now() - started },
    };
  } catch (error) {
    // Whatever breaks after Ctrl-C broke because of it.
    if (signal.aborted) throw new TesseraError("cancelled", "Cancelled by the user.");
    throw error;
  } finally {
    progress.end();
    await host.close();
  }
}

function takeAdapter(words: readonly string[]): { rest: string[]; adapter: NodeAdapter | undefined } {
  const rest = [...words];
  const at = rest.findIndex((word) => word === "--adapter" || word.startsWith("--adapter="));
  if (at < 0) return { rest, adapter: undefined };
  const inline = rest[at].startsWith("--adapter=");
  const value = inline ? rest[at].slice("--adapter=".length) : rest[at + 1];
  rest.splice(at, inline ? 1 : 2);
  if (value === "auto" || value === "lavapipe" || value === "swiftshader") return { rest, adapter: value };
  throw usageError(
    `--adapter must be auto, lavapipe or swiftshader, got ${value === undefined ? "nothing" : `"${value}"`}`,
  );
}

function find(id: string, workflows: readonly Workflow[]): Workflow {
  const found = workflows.find((w) => w.id === id);
  if (!found)
    throw unknownWord(
      "workflow",
      id,
      workflows.map((w) => w.id),
    );
  return found;
}

function findCommand(name: string, commands: Readonly<Record<string, Command>>): Command {
  if (Object.hasOwn(commands, name)) return commands[name];
  if (name.startsWith("--")) throw usageError(`A command is needed before ${name}`);
  throw unknownWord("command", name, Object.keys(commands));
}

/** Names that a command's own parameters cannot have. */
export const RESERVED: readonly string[] = ["json", "help", "adapter"];
