// Values of a method's parameters for one tensor: filters, gradients over layers, precedence, types. As mergekit's
// documentation describes them (docs/parameters.md); it reads no file.
import { TesseraError } from "../../../../base/errors";

export type Scalar = number | string | boolean;

/** What a recipe says about one parameter: the first entry whose filter fits counts. */
export interface Setting {
  entries: readonly { filter?: string; value: Scalar | readonly Scalar[] }[];
  /** file:line:column, for messages. */
  where: string;
}
export type Settings = Readonly<Record<string, Setting>>;

/** A parameter of a method as its record declares it. */
export interface MethodParameter {
  kind: "number" | "whole" | "bool";
  /** Missing: a recipe must say it. Null: not set. */
  default?: number | boolean | null;
  /** One value for all, one for each model, or one for each model but the base. */
  scope: "shared" | "input" | "task";
  help: string;
}
export type Value = number | boolean | null;

/**
 * The value at `t` in [0, 1], from the scopes in order of precedence; undefined when no scope says anything.
 * Numbers in a list are interpolated, other values are taken by index.
 * @throws TesseraError `recipe` when a value has the wrong type.
 */
export function evaluate(
  name: string,
  parameter: MethodParameter,
  scopes: readonly (Settings | undefined)[],
  tensor: string,
  t: number,
): Value | undefined {
  for (const scope of scopes) {
    const setting = scope && Object.hasOwn(scope, name) ? scope[name] : undefined;
    const entry = setting?.entries.find(
      ({ filter }) => filter === undefined || filter === "*" || tensor.includes(filter),
    );
    if (!setting || !entry) continue;
    if (typeof entry.value !== "object") return typed(name, parameter, entry.value, setting.where);
    const values = entry.value.map((value) => typed(name, parameter, value, setting.where));
    if (values.length === 0) continue;
    const at = t * (values.length - 1);
    const low = Math.floor(at);
    if (!values.every((value) => typeof value === "number")) return values[low];
    const high = Math.min(values.length - 1, low + 1);
    const value = (1 - (at - low)) * values[low] + (at - low) * values[high];
    return typed(name, parameter, value, setting.where);
  }
  return parameter.default;
}

function typed(name: string, { kind }: MethodParameter, value: Scalar, where: string): number | boolean {
  const wrong = (expected: string): TesseraError =>
    new TesseraError("recipe", `${name}: ${expected} is expected, got ${JSON.stringify(value)}: ${where}`);
  if (kind === "bool") {
    if (value === true || value === 1) return true;
    if (value === false || value === 0) return false;
    throw wrong("true or false");
  }
  // YAML 1.1 reads 1e-5 as a text; recipes written for it mean the number.
  const number = Number(value);
  if (typeof value === "boolean" || value === "" || !Number.isFinite(number)) throw wrong("a number");
  if (kind === "whole" && !Number.isInteger(number)) throw wrong("a whole number");
  return number;
}
