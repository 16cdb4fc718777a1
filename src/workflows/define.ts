// What a workflow is to the app and the command line: one manifest, found by folder. It knows no workflow by name.
import type { ComponentType } from "react";
import type { ParamSpec, ParamValues } from "../base/params";
import type { TaskContext } from "../base/task";

export type { Progress } from "../base/task";
/** What a session command gets beside its parameters: cancel, pause, progress, events. */
export type CommandContext = TaskContext;

/** Files and folders as the command line sees them; a workflow's commands never touch Node directly. */
export interface CommandHost {
  /** Opens a file for reading by slices. */
  open(path: string): Promise<import("../formats/source").ByteSource>;
  /** Creates or replaces a file as a whole. `before`: what stood there stays under this name. */
  write(path: string, bytes: Uint8Array, options?: { before?: string }): Promise<void>;
  /** Opens a folder for reading. @throws TesseraError `file` when there is none. */
  folder(path: string): Promise<import("../formats/folder").InputFolder>;
  /** Opens a folder for writing; makes it when there is none. */
  outputFolder(path: string): Promise<import("../formats/folder").OutputFolder>;
  /** Asks for a GPU of its own, opened through the device gate. */
  gpu(): Promise<import("../gpu/gpu").Gpu>;
}

/** One command of `npm run job -- <workflow> <command>`. The value it returns is printed as JSON. */
export interface Command<S extends ParamSpec = ParamSpec> {
  summary: string;
  params: S;
  /** Names of positional files, e.g. ["FILE"]. */
  files: readonly string[];
  run(
    args: { params: ParamValues<S>; files: readonly string[] },
    host: CommandHost,
    context: CommandContext,
  ): Promise<object>;
}

export interface PanelProps {
  params: ParamValues;
  setParams(change: Partial<ParamValues>): void;
}

export interface Workflow {
  /** Equals the folder name. */
  id: string;
  title: string;
  /** One sentence for the gallery card. */
  summary: string;
  paper: { title: string; authors: string; link: string; claim: string };
  params: ParamSpec;
  /** Missing: the workflow has commands only, and no card in the gallery. */
  panel?: () => Promise<{ default: ComponentType<PanelProps> }>;
  commands: () => Promise<{ commands: Readonly<Record<string, Command>> }>;
}

/** Checks nothing at run time: the type is the contract. */
export function defineWorkflow(workflow: Workflow): Workflow {
  return workflow;
}
/** Keeps the parameter types of a command while storing it among others. */
export function defineCommand<S extends ParamSpec>(command: Command<S>): Command {
  return command as unknown as Command;
}
