// The help texts of all three levels, made from the manifests and parameter declarations alone.
import type { Param, ParamSpec } from "../base/params";
import type { Command, Workflow } from "../workflows/define";
import { flagName } from "./flags";

const CALL = "npm run --silent job --";

const GLOBAL = [
  ["--json", "print exactly one JSON object on stdout"],
  ["--adapter NAME", "auto, lavapipe or swiftshader (default auto)"],
  ["--help", "show this text"],
];

export function mainUsage(workflows: readonly Workflow[]): string {
  return [
    `Usage: ${CALL} WORKFLOW COMMAND [--flag value] [FILE] [--json]`,
    "",
    "Workflows:",
    ...columns(workflows.map((w) => [w.id, w.summary])),
    "",
    "Always:",
    ...columns(GLOBAL),
    "",
    `More: ${CALL} WORKFLOW --help`,
  ].join("\n");
}

export function workflowUsage(workflow: Workflow, commands: Readonly<Record<string, Command>>): string {
  return [
    `${workflow.title}: ${workflow.summary}`,
    `Usage: ${CALL} ${workflow.id} COMMAND [--flag value] [FILE] [--json]`,
    "",
    "Commands:",
    ...Object.entries(commands).flatMap(([name, command]) => [
      `  ${[name, ...command.files].join(" ")}`,
      `    ${command.summary}`,
      ...specLines(command.params).map((line) => `  ${line}`),
    ]),
  ].join("\n");
}

export function commandUsage(workflow: Workflow, name: string, command: Command): string {
  return [
    `${command.summary}`,
    `Usage: ${[CALL, workflow.id, name, ...command.files].join(" ")} [--flag value] [--json]`,
    ...(Object.keys(command.params).length ? ["", "Flags:", ...specLines(command.params)] : []),
    "",
    "Always:",
    ...columns(GLOBAL),
  ].join("\n");
}

function specLines(spec: ParamSpec): string[] {
  return columns(Object.entries(spec).map(([name, p]) => [flagWords(name, p), `${p.help} (${facts(p)})`]));
}

function flagWords(name: string, param: Param): string {
  if (param.kind === "bool") return `--[no-]${flagName(name)}`;
  return `--${flagName(name)} ${param.kind.toUpperCase()}`;
}

/** Type, range, step, unit and default: "whole number, 16 to 128 tokens, step 16; default 64". */
function facts(param: Param): string {
  const standard = `default ${param.kind === "text" ? `"${param.default}"` : param.default}`;
  const unit = param.unit ? ` ${param.unit}` : "";
  switch (param.kind) {
    case "int":
    case "float": {
      const kind = param.kind === "int" ? "whole number" : "number";
      const step = param.step ? `, step ${param.step}` : "";
      return `${kind}, ${param.min} to ${param.max}${unit}${step}; ${standard}`;
    }
    case "bool":
      return `yes or no; ${standard}`;
    case "choice":
      return `one of ${param.options.join(", ")}; ${standard}`;
    case "text":
      return `text${param.pattern ? ` like ${param.pattern.source}` : ""}; ${standard}`;
  }
}

const LINE = 110;

/** Two columns, the second one aligned and wrapped at words. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(0, ...rows.map(([head]) => head.length));
  return rows.flatMap(([head, text]) =>
    wrapped(text, LINE - width - 4).map((line, i) =>
      `  ${(i === 0 ? head : "").padEnd(width)}  ${line}`.trimEnd(),
    ),
  );
}

function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] === "") lines[last] = word;
    else if (lines[last].length + 1 + word.length <= width) lines[last] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}
