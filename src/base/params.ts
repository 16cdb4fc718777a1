// Parameter records: declared once, and from that come the form, the URL state, the command-line flags and validation.
import { TesseraError } from "./errors";

interface Common<V> {
  default: V;
  /** One sentence shown beside the field and in `--help`. */
  help: string;
  label?: string;
  unit?: string;
  /** Groups fields in the form; fields without a group come first. */
  group?: string;
}
export type IntParam = Common<number> & { kind: "int"; min: number; max: number; step?: number };
export type FloatParam = Common<number> & { kind: "float"; min: number; max: number; step?: number };
export type BoolParam = Common<boolean> & { kind: "bool" };
export type TextParam = Common<string> & { kind: "text"; pattern?: RegExp };
export type ChoiceParam<C extends string = string> = Common<C> & {
  kind: "choice";
  options: readonly C[];
  labels?: Partial<Record<C, string>>;
};
export type Param = IntParam | FloatParam | BoolParam | TextParam | ChoiceParam;
export type ParamSpec = Readonly<Record<string, Param>>;

/** The value type of a spec: `ParamValues<typeof params>`. */
export type ParamValues<S extends ParamSpec = ParamSpec> = {
  [K in keyof S]: S[K] extends ChoiceParam<infer C>
    ? C
    : S[K] extends BoolParam
      ? boolean
      : S[K] extends TextParam
        ? string
        : number;
};

export const int = (value: number, rest: Omit<IntParam, "kind" | "default">): IntParam => ({
  kind: "int",
  default: value,
  ...rest,
});
export const float = (value: number, rest: Omit<FloatParam, "kind" | "default">): FloatParam => ({
  kind: "float",
  default: value,
  ...rest,
});
export const bool = (value: boolean, rest: Omit<BoolParam, "kind" | "default">): BoolParam => ({
  kind: "bool",
  default: value,
  ...rest,
});
export const text = (value: string, rest: Omit<TextParam, "kind" | "default">): TextParam => ({
  kind: "text",
  default: value,
  ...rest,
});
export const choice = <const C extends string>(
  value: NoInfer<C>,
  options: readonly C[],
  rest: Omit<ChoiceParam<C>, "kind" | "default" | "options">,
): ChoiceParam<C> => ({ kind: "choice", default: value, options, ...rest });

/** The defaults of a spec. */
export function defaults<S extends ParamSpec>(spec: S): ParamValues<S> {
  return Object.fromEntries(Object.entries(spec).map(([name, p]) => [name, p.default])) as ParamValues<S>;
}

/** What is wrong with one value, or undefined. The message names the field, what was got and what is allowed. */
export function problem(name: string, param: Param, value: unknown): string | undefined {
  const got = `got ${typeof value === "string" ? `"${value}"` : String(value)}`;
  switch (param.kind) {
    case "int":
    case "float": {
      const unit = param.unit ? ` ${param.unit}` : "";
      if (typeof value !== "number" || !Number.isFinite(value)) return `${name}: a number is needed, ${got}`;
      if (param.kind === "int" && !Number.isInteger(value))
        return `${name}: a whole number is needed, ${got}`;
      if (value < param.min || value > param.max) {
        return `${name}: must lie between ${param.min} and ${param.max}${unit}, ${got}`;
      }
      if (param.kind === "int" && param.step && (value - param.min) % param.step !== 0) {
        return `${name}: must be ${param.min} plus a multiple of ${param.step}${unit}, ${got}`;
      }
      return undefined;
    }
    case "bool":
      return typeof value === "boolean" ? undefined : `${name}: true or false is needed, ${got}`;
    case "choice":
      return param.options.includes(value as string)
        ? undefined
        : `${name}: one of ${param.options.join(", ")} is needed, ${got}`;
    case "text":
      if (typeof value !== "string") return `${name}: text is needed, ${got}`;
      return param.pattern && !param.pattern.test(value)
        ? `${name}: must match ${param.pattern.source}, ${got}`
        : undefined;
  }
}

/** Fills in defaults and checks everything. @throws TesseraError `params` listing every problem at once. */
export function validate<S extends ParamSpec>(
  spec: S,
  values: Readonly<Record<string, unknown>>,
): ParamValues<S> {
  const problems: string[] = [];
  for (const name of Object.keys(values)) {
    if (!(name in spec))
      problems.push(`${name}: no such parameter; known are ${Object.keys(spec).join(", ")}`);
  }
  const full: Record<string, unknown> = {};
  for (const [name, param] of Object.entries(spec)) {
    full[name] = values[name] ?? param.default;
    const wrong = problem(name, param, full[name]);
    if (wrong) problems.push(wrong);
  }
  if (problems.length) throw new TesseraError("params", problems.join("; "), { problems });
  return full as ParamValues<S>;
}

/** Reads one value from text (URL or command line). @throws TesseraError `params` when it does not parse. */
export function parseValue(name: string, param: Param, source: string): string | number | boolean {
  let value: string | number | boolean = source;
  if (param.kind === "int" || param.kind === "float")
    value = source.trim() === "" ? Number.NaN : Number(source);
  if (param.kind === "bool" && (source === "true" || source === "false")) value = source === "true";
  const wrong = problem(name, param, value);
  if (wrong) throw new TesseraError("params", wrong, { problems: [wrong] });
  return value;
}

/** Query string of the values that differ from the defaults; the same values always give the same text. */
export function toQuery(spec: ParamSpec, values: Readonly<Record<string, unknown>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, param] of Object.entries(spec)) {
    if (values[name] !== undefined && values[name] !== param.default) query.set(name, String(values[name]));
  }
  return query;
}

/** Reads a query string; unknown or broken entries are returned as problems, never thrown, so that old links open. */
export function fromQuery<S extends ParamSpec>(
  spec: S,
  query: URLSearchParams,
): { values: ParamValues<S>; problems: string[] } {
  const values: Record<string, unknown> = defaults(spec);
  const problems: string[] = [];
  for (const [name, source] of query) {
    const param = spec[name];
    if (!param) continue;
    try {
      values[name] = parseValue(name, param, source);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { values: values as ParamValues<S>, problems };
}
