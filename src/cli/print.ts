// How results look: as JSON values, and as short text for a person. It chooses no numbers and leaves none out in JSON.

/** JSON replacer: typed arrays become lists, big integers text; NaN and infinities become null, as JSON has none. */
export function printable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as unknown as ArrayLike<number>);
  return value;
}

/** One line per value; a list of records becomes a table. */
export function readable(title: string, whole: object): string {
  const lines = [title];
  for (const [key, value] of Object.entries(JSON.parse(JSON.stringify(whole, printable)) as object)) {
    if (isTable(value)) lines.push(`${key}:`, ...table(value));
    else lines.push(`${key}: ${cell(value)}`);
  }
  return lines.join("\n");
}

type Row = Record<string, unknown>;

const isTable = (value: unknown): value is Row[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((v) => typeof v === "object" && v !== null && !Array.isArray(v));

function table(rows: readonly Row[]): string[] {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [keys, ...rows.map((row) => keys.map((key) => cell(row[key])))];
  const widths = keys.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  return cells.map((row) => `  ${row.map((text, i) => text.padStart(widths[i])).join("  ")}`);
}

function cell(value: unknown): string {
  if (typeof value === "number")
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.length > 8 ? `${value.length} values` : value.map(cell).join(", ");
  if (typeof value !== "object" || value === null) return String(value ?? "none");
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${cell(inner)}`)
    .join(", ");
}
