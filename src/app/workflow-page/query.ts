// Parameters from an address and back, leaving alone what belongs to others (such as `resume`). Pure.
import { fromQuery, type ParamSpec, type ParamValues, toQuery } from "../../base/params";
import { parseRoute } from "../router";

/** Names in the address that are not parameters of the workflow, and not mistakes either. */
const OTHERS = ["resume"];

/** The values, defaults where the address has none, and one problem for each entry that does not fit. */
export function readQuery(
  spec: ParamSpec,
  query: URLSearchParams,
): { values: ParamValues; problems: string[] } {
  const { values, problems } = fromQuery(spec, query);
  for (const name of new Set(query.keys())) {
    if (!Object.hasOwn(spec, name) && !OTHERS.includes(name)) problems.push(`${name}: no such parameter`);
  }
  return { values, problems };
}

/** The query of the values, plus the other entries that the present address has. */
export function keepOthers(
  spec: ParamSpec,
  values: Readonly<Record<string, unknown>>,
  hash: string,
): URLSearchParams {
  const query = toQuery(spec, values);
  const present = parseRoute(hash).query;
  for (const name of OTHERS) {
    const value = present.get(name);
    if (value !== null) query.set(name, value);
  }
  return query;
}
