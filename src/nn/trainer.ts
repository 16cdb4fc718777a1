// A training step on the device: forward, reverse sweep, update. The first step runs as it is recorded, the second is
// captured, all later ones replay it. It knows no model: the caller gives the loss and writes each batch.
import { Tape } from "../autograd/tape";
import { TesseraError } from "../base/errors";
import type { Tensor } from "../tensor/tensor";
import type { ControlSettings } from "./control";
import { type HalfParameters, refreshHalf } from "./mixed";
import { type MuonSettings, muonUpdate } from "./muon";
import {
  adamwUpdate,
  beginUpdate,
  collectGradients,
  createState,
  HISTORY_ROWS,
  lossScale,
  type OptimiserState,
  OVERFLOWED,
  writeClock,
  writeSettings,
} from "./optimiser";
import { nameOfChunk, type Parameters } from "./parameters";
import { type Replayed, replayed } from "./replayed";
import { learningRate, type Schedule } from "./schedules";

/** Good steps after which mixed precision doubles its loss scale. */
const SCALE_GROWTH = 1000;

export interface TrainerOptions {
  parameters: Parameters;
  /**
   * Mixed precision: the f16 copy of `parameters` that `loss` computes from. A step whose gradients overflow is left out and
   * halves the loss scale. Left out, all is f32.
   */
  half?: HalfParameters;
  /** Scale that mixed precision begins with (2^16), and good steps after which it doubles (1000). */
  lossScaling?: { first?: number; growth?: number };
  /** Factor on the schedule's learning rate, asked before each step: for who wants to change it on the way. */
  rateFactor?(): number;
  /**
   * Records the forward pass on tensors that the caller keeps and gives the loss, f32 of one element. It is called
   * twice at most, so what changes from step to step must be in tensors; random ops take `clock`.
   */
  loss(clock: Tensor): Tensor;
  schedule: Schedule;
  /** AdamW when left out. Muon updates the matrices that say so, AdamW the rest. */
  optimiser?: "adamw" | "muon";
  muon?: Omit<MuonSettings, "weightDecay"> & {
    /** `weightDecay` when left out. */
    weightDecay?: number;
    /** Learning rate of the parameters that AdamW updates, as a factor on the schedule's. 1 when left out. */
    adamwRate?: number;
  };
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  weightDecay?: number;
  /** Global norm that gradients are clipped to; 0 does not clip. */
  maxNorm?: number;
  /** Share of the running average of the weights that a step keeps; left out, no average is kept. */
  emaDecay?: number;
  /** Batches whose gradients are averaged before an update. 1 when left out. */
  accumulate?: number;
}

/** One step as the device saw it. */
export interface StepMetrics {
  /** Counted from 0. */
  step: number;
  /** Mean over the accumulated batches. */
  loss: number;
  gradientNorm: number;
  learningRate: number;
  /** Name of the first tensor with an infinite or NaN gradient ("loss" when only the loss was), or null: a good step. */
  bad: string | null;
  /** Left out by mixed precision, because gradients were past the range of f16 at this loss scale. */
  skipped: boolean;
}

export interface StepOptions {
  /**
   * Records the writes of batch number `index` of this step. Needed when batches are accumulated; else a batch may as well
   * be written before the step.
   */
  batch?(index: number): void;
  signal?: AbortSignal;
}

/** What one step takes: see `Recording`. */
export interface StepCost {
  dispatches: number;
  pipelines: number;
  /** Bytes of the tensors that its dispatches bind. */
  bytes: number;
}

export interface Trainer {
  readonly state: OptimiserState;
  readonly optimiser: "adamw" | "muon";
  /** Steps asked for so far. */
  readonly steps: number;
  /** Of one step; null before the second step. */
  readonly cost: StepCost | null;
  /** Records one step behind what is recorded already and submits it; it does not wait for its end. */
  step(options?: StepOptions): Promise<void>;
  /** The steps since the last call, read in one readback. @throws TesseraError `history` when some were overwritten. */
  metrics(): Promise<StepMetrics[]>;
  /** Goes on counting from here; for a resumed run whose state was written into `state` (see checkpoint.ts). */
  resumeAt(steps: number): void;
  /** Gives the recordings' buffers back. The state belongs to the scope in which the trainer was made. */
  dispose(): void;
}

/** Makes a trainer; its optimiser state belongs to the current scope. */
export function createTrainer(options: TrainerOptions): Trainer {
  const {
    parameters,
    half,
    lossScaling = {},
    schedule,
    muon = {},
    weightDecay = 0.01,
    accumulate = 1,
  } = options;
  const { gpu } = parameters;
  const withMuon = options.optimiser === "muon";
  const state = createState(parameters, {
    group: (name) => ({
      rate: withMuon ? (muon.adamwRate ?? 1) : 1,
      weightDecay: parameters.specs[name].decay === false ? 0 : weightDecay,
    }),
    skip: (name) => withMuon && parameters.specs[name].muon === true,
    average: options.emaDecay !== undefined,
    accumulates: accumulate > 1,
    half,
    firstScale: lossScaling.first,
  });
  let steps = 0;
  let told = 0;

  const settings = (): ControlSettings => ({
    learningRate: learningRate(schedule, steps) * (options.rateFactor?.() ?? 1),
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.999,
    epsilon: options.epsilon ?? 1e-8,
    maxNorm: options.maxNorm ?? 0,
    gradientScale: 1 / accumulate,
    emaDecay: options.emaDecay ?? 0,
    momentum: muon.momentum ?? 0.95,
    lossShare: 1 / accumulate,
    scaleGrowth: half ? (lossScaling.growth ?? SCALE_GROWTH) : 0,
  });
  const sweep = (): void => {
    const tape = new Tape(gpu);
    if (!half) {
      const loss = tape.run(() => options.loss(state.clock), parameters.tensors);
      collectGradients(state, loss, tape.backward(loss, parameters.tensors));
      return;
    }
    refreshHalf(half);
    const loss = tape.run(() => options.loss(state.clock), half.tensors);
    collectGradients(state, loss, tape.pull(loss, lossScale(state, loss.shape), half.tensors));
  };
  const update = (): void => {
    beginUpdate(state);
    if (withMuon) muonUpdate(state, { weightDecay, ...muon });
    adamwUpdate(state);
  };
  // Several batches share one recording, and the update has its own; a single batch goes with it.
  const parts: { batch: Replayed; update?: Replayed } =
    accumulate > 1
      ? { batch: replayed(gpu, sweep), update: replayed(gpu, update) }
      : {
          batch: replayed(gpu, () => {
            sweep();
            update();
          }),
        };

  return {
    state,
    optimiser: options.optimiser ?? "adamw",
    get steps() {
      return steps;
    },
    get cost() {
      const [batch, last] = [parts.batch.recording, parts.update?.recording];
      if (!batch || (parts.update && !last)) return null;
      return {
        dispatches: accumulate * batch.dispatches + (last?.dispatches ?? 0),
        pipelines: batch.pipelines + (last?.pipelines ?? 0),
        bytes: Math.round(accumulate * batch.bytes + (last?.bytes ?? 0)),
      };
    },
    async step({ batch, signal } = {}) {
      writeSettings(state, settings());
      for (let i = 0; i < accumulate; i++) {
        writeClock(state, steps, i);
        batch?.(i);
        await parts.batch.run(signal);
      }
      await parts.update?.run(signal);
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
        const skipped = bad === OVERFLOWED;
        const name = bad > 0 ? nameOfChunk(parameters, bad - 1) : "loss";
        const isGood = bad === 0 || skipped;
        found.push({
          step: told,
          loss,
          gradientNorm,
          learningRate: rate,
          bad: isGood ? null : name,
          skipped,
        });
      }
      return found;
    },
    resumeAt(at) {
      steps = at;
      told = at;
    },
    dispose() {
      parts.batch.dispose();
      parts.update?.dispose();
    },
  };
}
