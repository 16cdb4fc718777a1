// Trains the video transformer on clips made on the fly. All that a step reads follows from (seed, step), so a checkpoint is
// the optimiser's state and the step. It writes no file; the caller is handed what to write.
import { toRecord } from "../../../../base/errors";
import type { ParamValues } from "../../../../base/params";
import type { TaskContext } from "../../../../base/task";
import type { TensorFile } from "../../../../formats/tensor-data";
import type { Gpu } from "../../../../gpu/gpu";
import { encodeTraining, resumeTraining } from "../../../../nn/checkpoint";
import { expectGood } from "../../../../nn/divergence";
import { halfParameters } from "../../../../nn/mixed";
import {
  createParameters,
  type Parameters,
  type ParameterValues,
  readParameters,
  windowsOn,
} from "../../../../nn/parameters";
import { createTrainer, type StepMetrics, type Trainer } from "../../../../nn/trainer";
import { sum } from "../../../../ops/reduce";
import { square } from "../../../../ops/unary";
import type { Pace } from "../../../../runs/pace";
import { scoped, scopedSync } from "../../../../tensor/scope";
import type { Tensor } from "../../../../tensor/tensor";
import type { trainParams, VideoConfig } from "../../protocol-video";
import type { TrainingCost } from "../../protocol-video-session";
import { trainingCost } from "./cost";
import { expectFits } from "./fits";
import { createBatches, flowLoss } from "./flow";
import { createModel, modelSpecs } from "./model";
import { encodeNotes, notesFor, TOLD_LOSSES } from "./state-file";

export type TrainSettings = ParamValues<typeof trainParams>;

export interface TrainRequest {
  config: VideoConfig;
  settings: TrainSettings;
  /** Weights to begin with instead of fresh ones. */
  values?: ReadonlyMap<string, ParameterValues>;
  /** Computes each block again in the reverse sweep: about a third more work for a fraction of the memory. */
  lean: boolean;
  /** Steps between two reports. */
  every: number;
  /** Factor on the learning rate: whoever holds it may change it on the way; a state that is gone on from sets it. */
  rate?: { factor: number };
  /** Draws a clip now and then; training takes the same steps, bit for bit, as without. */
  preview?: {
    /** Steps between two clips; the last step has one in any case. */
    every: number;
    /** Is given the running average as it is on the device, after so many good steps. */
    draw(average: Parameters, steps: number): Promise<void>;
  };
  checkpoint?: {
    /** When a state is handed out on the way. */
    pace: Pace;
    /** Takes the bytes of the state after so many good steps: when one is due, at the end, and when cancelled. */
    save(bytes: Uint8Array<ArrayBuffer>, steps: number): Promise<void>;
    /** A state to go on from. */
    resume?: TensorFile;
  };
}

/** Progress of training; `steps` since the last report. */
export interface TrainReport {
  steps: StepMetrics[];
  /** Of those steps, without pauses, states that were stored, and, where later steps are among them, compiling. */
  stepsPerSecond: number;
  /** Operations of those steps by counting, per second. */
  flops: number;
  /** Kernels were compiled and tuned in all of these steps: their pace says nothing about the others. */
  isCompiling: boolean;
  /** Root of the sum of all squared weights. */
  parameterNorm: number;
  /** Null before the second step. */
  cost: TrainingCost | null;
}

/** The first step of a call compiles and tunes, the second is captured; the later ones replay it. */
const COMPILING_STEPS = 2;

export interface Trained {
  /** The running average of the weights. */
  values: Map<string, ParameterValues>;
  /** Of each step since the start or the checkpoint that was gone on from. */
  losses: number[];
  /** Steps done before this call, by the checkpoint. */
  resumedAt: number;
  /** Mean of the last tenth of all steps, at most `TOLD_LOSSES`, those before a checkpoint included; null when none was done. */
  loss: number | null;
  /** Of the averaged weights, on clips that training never draws. */
  validationLoss: number;
  seconds: number;
  parameters: number;
  cost: Trainer["cost"];
  peakBytes: number;
}

/** Weights and clips must not share numbers: both are drawn from streams of a seed. */
const WEIGHT_SEED = 0x5eed_0001;
const VALIDATION_SEED = 0x5eed_0002;
const VALIDATION_BATCHES = 4;
/** Beside Muon at its usual rate of 0.02, AdamW's parameters want about a tenth of it. */
const MUON_ADAMW_RATE = 0.1;

/**
 * Runs all steps. @throws TesseraError `too-large` before anything is allocated, `diverged` when a step has no finite loss
 * or gradient or an exploded loss (the state that was handed out last is then the last good one), `checkpoint`, `cancelled`.
 */
export async function train(
  gpu: Gpu,
  request: TrainRequest,
  context: TaskContext,
  onReport: (report: TrainReport) => void | Promise<void> = () => {},
): Promise<Trained> {
  const { config, settings, lean, every } = request;
  const specs = modelSpecs(config);
  expectFits(gpu, config, settings.batch);
  return scoped(gpu, async () => {
    const source = request.values ? { values: request.values } : { seed: settings.seed ^ WEIGHT_SEED };
    const weights = createParameters(gpu, specs, source);
    const half = settings.precision === "mixed" ? halfParameters(weights) : undefined;
    const model = createModel(gpu, config, half ?? weights);
    const batches = createBatches(gpu, model, settings);
    const rate = request.rate ?? { factor: 1 };
    const trainer = createTrainer({
      rateFactor: () => rate.factor,
      parameters: weights,
      half,
      optimiser: settings.optimiser,
      muon: { adamwRate: MUON_ADAMW_RATE },
      accumulate: settings.accumulate,
      loss: () => flowLoss(model, batches.batch, lean),
      schedule: {
        kind: "cosine",
        steps: settings.steps,
        peak: settings.learningRate,
        floor: 0.1,
        warmup: Math.min(settings.warmup, Math.ceil(settings.steps / 10)),
      },
      weightDecay: settings.weightDecay,
      maxNorm: settings.maxNorm,
      beta2: 0.99,
      // An average over more than a tenth of the run would still hold the first weights.
      emaDecay: Math.min(settings.emaDecay, Math.max(0, 1 - 10 / settings.steps)),
    });
    const { checkpoint, preview } = request;
    const parameterNorm = async (): Promise<number> => {
      const squares = scopedSync(gpu, (keep) => keep(sum(square(weights.flat))));
      const [value] = await squares.readFloats();
      squares.free();
      return Math.sqrt(value);
    };
    // The trainer keeps an average because it is given a decay.
    const average = windowsOn(weights, trainer.state.average!);
    let before: readonly number[] = [];
    let untrained: number | undefined;
    if (checkpoint?.resume) {
      ({ losses: before, untrained, rateFactor: rate.factor } = notesFor(checkpoint.resume, config));
      await resumeTraining(trainer, checkpoint.resume);
    }
    const resumedAt = trainer.steps;
    const losses: number[] = [];
    const lastLosses = (): number[] => [...before, ...losses.slice(-TOLD_LOSSES)].slice(-TOLD_LOSSES);
    const save = async (): Promise<void> => {
      const from = performance.now();
      const notes = encodeNotes({
        config,
        settings,
        losses: lastLosses(),
        untrained: untrained ?? 0,
        rateFactor: rate.factor,
      });
      const bytes = await encodeTraining(trainer, notes);
      checkpoint?.pace.handedOut(performance.now() - from);
      await checkpoint?.save(bytes, trainer.steps);
    };
    const started = performance.now();
    let peakBytes = 0;
    /** When the steps that are not told yet began, and how many were done then. */
    let since = { at: started, step: resumedAt };
    const timeFromHere = (): void => {
      since = { at: performance.now(), step: trainer.steps };
    };
    const timed = { ms: 0, steps: 0 };
    const drawn = { ms: 0, clips: 0 };
    const draw = async (): Promise<void> => {
      const from = performance.now();
      const what = `Drawing a clip after step ${trainer.steps}`;
      context.report({ done: trainer.steps, total: settings.steps, what, secondsLeft: secondsLeft() });
      await preview?.draw(average, trainer.steps);
      drawn.ms = performance.now() - from;
      drawn.clips++;
    };
    /** At the pace of the steps and clips so far, the first ones left out: they compiled. */
    const secondsLeft = (): number | null => {
      if (timed.steps === 0) return null;
      const count = (steps: number): number => (preview ? Math.floor(steps / preview.every) : 0);
      const clips = drawn.clips > 1 ? count(settings.steps) - count(trainer.steps) : 0;
      return (((settings.steps - trainer.steps) * timed.ms) / timed.steps + clips * drawn.ms) / 1000;
    };
    /** Reads the steps since the last call and tells of them. */
    const tell = async (): Promise<void> => {
      const steps = await trainer.metrics();
      if (steps.length === 0) return;
      untrained ??= steps[0].loss;
      expectGood(steps, untrained);
      losses.push(...steps.map((s) => s.loss));
      const [ms, count] = [performance.now() - since.at, trainer.steps - since.step];
      const perSecond = (1000 * count) / ms;
      const isCompiling = trainer.steps - resumedAt <= COMPILING_STEPS;
      if (!isCompiling) {
        timed.ms += ms;
        timed.steps += count;
      }
      peakBytes = Math.max(peakBytes, gpu.pool.stats().allocatedBytes);
      context.report({
        done: trainer.steps,
        total: settings.steps,
        what: `Training, loss ${losses[losses.length - 1].toFixed(4)}, ${perSecond.toPrecision(3)} steps a second`,
        secondsLeft: secondsLeft(),
      });
      const flops = perSecond * settings.batch * settings.accumulate * trainingCost(config);
      const { cost } = trainer;
      await onReport({
        steps,
        stepsPerSecond: perSecond,
        flops,
        isCompiling,
        parameterNorm: await parameterNorm(),
        cost: cost && { ...cost, peakBytes },
      });
      timeFromHere();
    };
    try {
      while (trainer.steps < settings.steps) {
        // Asked for while the last step was told: a pause at the gate below must not keep it waiting.
        if (checkpoint?.pace.isAsked && trainer.steps > resumedAt) {
          await tell();
          await save();
          timeFromHere();
        }
        const from = performance.now();
        await context.gate();
        since.at += performance.now() - from; // a pause is no part of the pace
        const first = trainer.steps * settings.accumulate;
        await trainer.step({ batch: (i) => batches.write(first + i) });
        const done = trainer.steps === settings.steps;
        const saves = checkpoint && (done || checkpoint.pace.isDue(trainer.steps));
        const draws = preview && (done || trainer.steps % preview.every === 0);
        if (done || saves || draws || trainer.steps % every === 0) await tell();
        else if (trainer.steps - resumedAt === COMPILING_STEPS) {
          await gpu.queue.finish({ signal: context.signal });
          timeFromHere();
        }
        if (saves) await save();
        if (draws) await draw();
        if (saves || draws) timeFromHere();
      }
      const values = await readParameters(average);
      const tail = lastLosses().slice(-Math.ceil(settings.steps / 10));
      return {
        values,
        losses,
        resumedAt,
        loss: tail.length ? tail.reduce((a, b) => a + b, 0) / tail.length : null,
        validationLoss: await validate(gpu, config, values, settings),
        seconds: (performance.now() - started) / 1000,
        parameters: weights.count,
        cost: trainer.cost,
        peakBytes,
      };
    } catch (error) {
      if (checkpoint && trainer.steps > resumedAt && toRecord(error).code === "cancelled") {
        await tell();
        await save();
      }
      throw error;
    } finally {
      trainer.dispose();
    }
  });
}

/** Mean loss of weights on clips that training never draws. */
export function validate(
  gpu: Gpu,
  config: VideoConfig,
  values: ReadonlyMap<string, ParameterValues>,
  settings: TrainSettings,
): Promise<number> {
  return scoped(gpu, async () => {
    const model = createModel(gpu, config, createParameters(gpu, modelSpecs(config), { values }));
    const seed = settings.seed ^ VALIDATION_SEED;
    const { batch, write } = createBatches(gpu, model, { ...settings, seed, times: "uniform" });
    let sum = 0;
    for (let i = 0; i < VALIDATION_BATCHES; i++) {
      write(i);
      const loss: Tensor = scopedSync(gpu, (keep) => keep(flowLoss(model, batch)));
      sum += (await loss.readFloats())[0];
      loss.free();
    }
    return sum / VALIDATION_BATCHES;
  });
}
