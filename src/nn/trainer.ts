// A training step on the device: forward, reverse sweep, update. The first step runs as it is recorded, the second is
// captured, all later ones replay it. It knows no model: the caller gives the loss and writes each batch.

import { Tape } from "../autograd/tape";
import { TesseraError } from "../base/errors";
import type { Recording } from "../gpu/recording";
import { scopedSync } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import type { ControlSettings } from "./control";
import {
  adamwUpdate,
  beginUpdate,
  collectGradients,
  createState,
  HISTORY_ROWS,
  type OptimiserState,
  writeSettings,
} from "./optimiser";
import { nameOfChunk, type Parameters } from "./parameters";
import { learningRate, type Schedule } from "./schedules";

export interface TrainerOptions {
  parameters: Parameters;
  /**
   * Records the forward pass on tensors that the caller keeps and gives the loss, f32 of one element. It is called
   * twice at most, so what changes from step to step must be in tensors.
   */
  loss(): Tensor;
  schedule: Schedule;
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  weightDecay?: number;
  /** Global norm that gradients are clipped to; 0 does not clip. */
  maxNorm?: number;
  /** Share of the running average of the weights that a step keeps; left out, no average is kept. */
  emaDecay?: number;
}

/** One step as the device saw it. */
export interface StepMetrics {
  /** Counted from 0. */
  step: number;
  loss: number;
  gradientNorm: number;
  learningRate: number;
  /** Name of the first tensor with an infinite or NaN gradient ("loss" when only the loss was), or null: a good step. */
  bad: string | null;
}

export interface Trainer {
  readonly state: OptimiserState;
  /** Steps asked for so far. */
  readonly steps: number;
  /** Dispatches and pipelines of one step; null before the second step. */
  readonly cost: { dispatches: number; pipelines: number } | null;
  /** Records one step behind what is recorded already (the batch) and submits it; it does not wait for its end. */
  step(signal?: AbortSignal): Promise<void>;
  /** The steps since the last call, read in one readback. @throws TesseraError `history` when some were overwritten. */
  metrics(): Promise<StepMetrics[]>;
  /** Goes on counting from here; for a resumed run whose state was written into `state`. */
  resumeAt(steps: number): void;
  /** Gives the recording's buffers back. The state belongs to the scope in which the trainer was made. */
  dispose(): void;
}

/** Makes a trainer; its optimiser state belongs to the current scope. */
export function createTrainer(options: TrainerOptions): Trainer {
  const { parameters, schedule } = options;
  const { gpu } = parameters;
  const { weightDecay = 0.01 } = options;
  const state = createState(parameters, {
    group: (name) => ({ rate: 1, weightDecay: parameters.specs[name].decay === false ? 0 : weightDecay }),
    average: options.emaDecay !== undefined,
  });
  let steps = 0;
  let told = 0;
  let warm = false;
  let recording: Recording | undefined;

  const settings = (): ControlSettings => ({
    learningRate: learningRate(schedule, steps),
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.999,
    epsilon: options.epsilon ?? 1e-8,
    maxNorm: options.maxNorm ?? 0,
    gradientScale: 1,
    emaDecay: options.emaDecay ?? 0,
    momentum: 0,
  });
  const record = (): void => {
    scopedSync(gpu, () => {
      const tape = new Tape(gpu);
      const loss = tape.run(options.loss, parameters.tensors);
      collectGradients(state, tape.backward(loss, parameters.tensors));
      beginUpdate(state, loss);
      adamwUpdate(state);
    });
  };

  return {
    state,
    get steps() {
      return steps;
    },
    get cost() {
      return recording ? { dispatches: recording.dispatches, pipelines: recording.pipelines } : null;
    },
    async step(signal) {
      writeSettings(state, settings());
      if (!warm) {
        record();
        warm = true;
      } else {
        if (!recording) {
          await gpu.flush({ signal });
          record();
          recording = await gpu.queue.capture();
        }
        gpu.queue.record({ kind: "replay", recording });
      }
      steps++;
      await gpu.flush(signal ? { signal } : {});
    },
    async metrics() {
      if (steps - told > HISTORY_ROWS)
        throw new TesseraError(
          "history",
          `Only the last ${HISTORY_ROWS} steps are kept, ${steps - told} were run`,
        );
      if (steps === told) return [];
      const rows = await state.history.readFloats();
      const found: StepMetrics[] = [];
      for (; told < steps; told++) {
        const [loss, gradientNorm, rate, bad] = rows.subarray(
          4 * (told % HISTORY_ROWS),
          4 * (told % HISTORY_ROWS) + 4,
        );
        const name = bad > 0 ? nameOfChunk(parameters, bad - 1) : "loss";
        found.push({ step: told, loss, gradientNorm, learningRate: rate, bad: bad === 0 ? null : name });
      }
      return found;
    },
    resumeAt(at) {
      steps = at;
      told = at;
    },
    dispose() {
      recording?.dispose();
      recording = undefined;
    },
  };
}
