// Errors about a model that cannot be run.
import { TesseraError } from "../../../../base/errors";

/** `model`: it is broken or incomplete; `model-unsupported`: it is of a kind that is not offered. */
export const fault = (code: "model" | "model-unsupported", words: string, where: string): TesseraError =>
  new TesseraError(code, `${words}: ${where}`);
