// Frequencies of rotary positions as config.json describes them: plain, stretched, or Llama 3's mixture of both.
import { isObject, type JsonObject } from "../model/config";
import { fault } from "./faults";

export type Rope = { theta: number } & (
  | { kind: "default" }
  | { kind: "linear"; factor: number }
  | { kind: "llama3"; factor: number; low: number; high: number; original: number }
);

/**
 * `rope_parameters` as transformers 5 writes it, or `rope_theta` and `rope_scaling` as those before it.
 * @throws TesseraError `model-unsupported` for another kind of scaling, `model` for a number that is missing.
 */
export function readRope(json: JsonObject, context: number, where: string): Rope {
  const old = isObject(json.rope_scaling) ? json.rope_scaling : {};
  const all: JsonObject = { ...old, ...(isObject(json.rope_parameters) ? json.rope_parameters : {}) };
  const number = (key: string, otherwise?: unknown): number => {
    const value = all[key] ?? otherwise;
    if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
    throw fault(
      "model",
      `config.json: ${key} of the positions must be above 0, it is ${JSON.stringify(value)}`,
      where,
    );
  };
  const theta = number("rope_theta", json.rope_theta ?? 10_000);
  const part = all.partial_rotary_factor ?? json.partial_rotary_factor ?? 1;
  if (part !== 1)
    throw fault("model-unsupported", `Positions turn a part of each head (${JSON.stringify(part)})`, where);
  const kind = all.rope_type ?? all.type ?? "default";
  switch (kind) {
    case "default":
      return { kind: "default", theta };
    case "linear":
      return { kind: "linear", theta, factor: number("factor") };
    case "llama3":
      return {
        kind: "llama3",
        theta,
        factor: number("factor"),
        low: number("low_freq_factor"),
        high: number("high_freq_factor"),
        original: number("original_max_position_embeddings", context),
      };
    default:
      throw fault(
        "model-unsupported",
        `Positions are scaled by ${JSON.stringify(kind)}; default, linear and llama3 are offered`,
        where,
      );
  }
}

/** Radians a position for each pair of features of a head. */
export function ropeFrequencies(rope: Rope, headWidth: number): number[] {
  const pairs = headWidth / 2;
  const plain = Array.from({ length: pairs }, (_, i) => rope.theta ** (-i / pairs));
  switch (rope.kind) {
    case "default":
      return plain;
    case "linear":
      return plain.map((f) => f / rope.factor);
    case "llama3":
      // Long waves are stretched, short ones stay, those between are mixed (Llama 3.1's rule, as transformers has it).
      return plain.map((f) => {
        const waves = (rope.original * f) / (2 * Math.PI); // of this pair in the length of the first training
        if (waves < rope.low) return f / rope.factor;
        if (waves > rope.high) return f;
        const share = (waves - rope.low) / (rope.high - rope.low);
        return (1 - share) * (f / rope.factor) + share * f;
      });
  }
}
