// Training as the command and the page share it: sizes from a form, weights with their origin, lines of metrics. It writes
// no file; train.ts does the steps.
import type { ParamValues } from "../../../../base/params";
import type { TaskContext } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import { type modelParams, SIZES, trainParams, type VideoConfig } from "../../protocol-video";
import type { VideoMetrics } from "../../protocol-video-session";
import { type Trained, type TrainReport, type TrainRequest, train } from "./train";
import type { VideoWeights } from "./weights";

/** The sizes asked for: the named ones, with single numbers changed. */
export function configOf(flags: ParamValues<typeof modelParams>): VideoConfig {
  const named = SIZES[flags.size];
  const take = (key: keyof VideoConfig): number => flags[key] || named[key];
  return {
    frames: take("frames"),
    height: take("height"),
    width: take("width"),
    dim: take("dim"),
    layers: take("layers"),
    heads: take("heads"),
  };
}

/** The flags that are settings of training. */
export const settingsOf = <S extends Record<keyof typeof trainParams, unknown>>(
  flags: S,
): Pick<S, keyof typeof trainParams> =>
  Object.fromEntries(Object.keys(trainParams).map((name) => [name, flags[name as keyof S]])) as Pick<
    S,
    keyof typeof trainParams
  >;

/** One line of metrics: the mean loss since the last one, the rest of the last step. */
export function metricsOf(report: TrainReport): VideoMetrics {
  const { steps } = report;
  const loss = steps.reduce((sum, s) => sum + s.loss, 0) / steps.length;
  return { ...stepRows(report)[steps.length - 1], loss };
}

/** A line for each step, with the pace of all of them. */
export function stepRows({ steps, stepsPerSecond, flops, parameterNorm }: TrainReport): VideoMetrics[] {
  const of = { stepsPerSecond, gflops: flops / 1e9, parameterNorm };
  return steps.map(({ step, loss, gradientNorm, learningRate }) => {
    return { step: step + 1, loss, gradientNorm, learningRate, ...of };
  });
}

export interface TrainedWeights {
  weights: Omit<VideoWeights, "id">;
  account: Omit<Trained, "values" | "losses"> & { stepsPerSecond: number };
}

/** Trains and gives the averaged weights with how they came about. @throws TesseraError as `train` does. */
export async function trainWeights(
  gpu: Gpu,
  request: TrainRequest,
  context: TaskContext,
  onReport: (report: TrainReport) => void | Promise<void>,
): Promise<TrainedWeights> {
  const { values, losses, ...account } = await train(gpu, request, context, onReport);
  const { config, settings } = request;
  const { loss, validationLoss } = account;
  const origin = { steps: settings.steps, seed: settings.seed, loss, validationLoss, settings };
  return {
    weights: { config, values, origin },
    account: { ...account, stepsPerSecond: losses.length / account.seconds },
  };
}
