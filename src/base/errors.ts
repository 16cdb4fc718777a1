// The one error class of the project: a stable code, data as fields, and a message for a person. It does not log.

/** Plain data that survives a worker boundary and JSON. */
export type Field = string | number | boolean | null | readonly Field[] | { readonly [key: string]: Field };
export type Fields = Readonly<Record<string, Field>>;

/** Every expected failure. `message` says what was asked, what was got and what to do; paths come last. */
export class TesseraError extends Error {
  readonly code: string;
  readonly fields: Fields;

  constructor(code: string, message: string, fields: Fields = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "TesseraError";
    this.code = code;
    this.fields = fields;
  }
}

/** Error as plain data: what crosses the worker boundary and what the command line prints. */
export interface ErrorRecord {
  code: string;
  message: string;
  fields: Fields;
  stack?: string;
}

/**
 * Turns anything thrown into a record; unknown errors get the code `internal`, aborts get `cancelled`, and arrays that
 * the engine could not allocate `out-of-memory`.
 */
export function toRecord(error: unknown): ErrorRecord {
  if (error instanceof TesseraError) {
    return { code: error.code, message: error.message, fields: error.fields, stack: error.stack };
  }
  if (error instanceof RangeError && /alloc|array length|out of memory/i.test(error.message)) {
    const message = `There is not enough memory for this (${error.message}). Choose a smaller size, or close other tabs.`;
    return { code: "out-of-memory", message, fields: {}, stack: error.stack };
  }
  if (error instanceof Error) {
    const code = error.name === "AbortError" ? "cancelled" : "internal";
    return { code, message: error.message, fields: {}, stack: error.stack };
  }
  return { code: "internal", message: String(error), fields: {} };
}

/** The reverse of `toRecord`; the stack of the other side is kept as the cause. */
export function fromRecord(record: ErrorRecord): TesseraError {
  return new TesseraError(record.code, record.message, record.fields, { cause: record.stack });
}

/** Throws `cancelled` when the signal has fired. Call between slices of long work. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TesseraError("cancelled", "Cancelled by the user.");
}

/** States an invariant of our own code; a failure here is a defect of Tessera, not of the input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new TesseraError("internal", `Internal error: ${message}. Please report it.`);
}
