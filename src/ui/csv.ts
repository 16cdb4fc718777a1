// Rows of cells as CSV text, and titles as file names. Pure; saving is save.ts.

export type CsvCell = string | number | boolean | null;

/** RFC 4180 text with full-precision numbers; null becomes an empty cell. */
export function toCsv(header: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  const cell = (value: CsvCell): string => {
    if (value === null) return "";
    const plain = String(value);
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  return `${[header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** A title as a file name: "Block mass, head 3" → "block-mass-head-3". */
export function fileStem(title: string): string {
  const stem = title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, "-")
    .replaceAll(/^-+|-+$/g, "");
  return stem || "tessera";
}
