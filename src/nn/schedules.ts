// Learning rates over steps: constant, cosine, step, and a linear warm-up before any of them. Pure functions of the step.

export interface Schedule {
  kind: "constant" | "cosine" | "step";
  /** Steps in all; a cosine ends there. */
  steps: number;
  /** Highest learning rate. */
  peak: number;
  /** Lowest, as a share of the peak: where a cosine ends. */
  floor?: number;
  /** Steps of the linear rise from peak / warmup to the peak. */
  warmup?: number;
  /** `step`: the rate is multiplied by `gamma` every `every` steps. */
  every?: number;
  gamma?: number;
}

/** Learning rate of step `step`, counted from 0. */
export function learningRate(schedule: Schedule, step: number): number {
  const { kind, steps, peak, floor = 0, warmup = 0, every = steps, gamma = 0.1 } = schedule;
  if (step < warmup) return (peak * (step + 1)) / warmup;
  const after = step - warmup;
  if (kind === "constant") return peak;
  if (kind === "step") return peak * gamma ** Math.floor(after / Math.max(1, every));
  const share = Math.min(1, after / Math.max(1, steps - warmup));
  return peak * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * share)));
}
