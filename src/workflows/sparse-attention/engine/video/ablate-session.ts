// The ablation as the page asks for it: what a grid will cost, and the grid itself by the code of the command. It keeps no
// rows; the caller says which points are done.
import { type TaskContext, withoutEvents } from "../../../../base/task";
import type { Gpu } from "../../../../gpu/gpu";
import { type AblatedVideo, type AblationPlan, rowKey } from "../../protocol-video-ablate";
import { clipOf, gridSettingsOf, type VideoSettings } from "../../protocol-video-page";
import type { VideoEvents } from "../../protocol-video-session";
import { deviceInfo } from "../device-info";
import { ablate, gridOf, gridPoints } from "./ablate";
import { forwardCost } from "./cost";
import { keptShare, type Rates, sampleRate } from "./inspect";
import { planSteps, scheduleWork, trialPlans } from "./schedule";
import type { VideoWeights } from "./weights";

/** Runs nothing. @throws TesseraError `params` for lists or points that cannot be. */
export function planAblation(
  weights: VideoWeights,
  settings: VideoSettings,
  done: ReadonlySet<string>,
  rates: Rates,
): AblationPlan {
  const clip = clipOf(settings);
  const { clips, ...lists } = gridSettingsOf(settings);
  const points = gridPoints(gridOf(lists), clip.steps);
  const keys = points.map((point) => rowKey(weights.id, point, clip, clips));
  const missing = points.filter((_, i) => !done.has(keys[i]));
  const cost = forwardCost(weights.config);
  const entries = clip.guidance === 1 ? 1 : 2;
  const dense = clip.steps * (cost.linear + cost.attention);
  const orders = new Set(missing.map((point) => point.order)).size;
  const flops = missing.reduce((sum, point) => {
    const { kept } = keptShare(weights.config, point, entries);
    const plans = planSteps(clip.steps, point);
    const run = [trialPlans(plans), plans].map(
      (steps) => steps.length * (cost.linear + cost.attention * scheduleWork(steps, kept).attention),
    );
    return sum + run[0] + run[1];
  }, orders * dense);
  const total = flops * clips * entries;
  const rate = sampleRate(rates);
  return { keys, left: missing.length, flops: total, seconds: rate && total / rate };
}

/**
 * Runs the points that are not done; emits `points` first and a `row` for each. @throws TesseraError as `runClip` does, and
 * `params` for a grid that cannot be.
 */
export async function ablateGrid(
  weights: VideoWeights,
  gpu: Gpu,
  settings: VideoSettings,
  done: ReadonlySet<string>,
  rates: Rates,
  context: TaskContext<VideoEvents>,
): Promise<AblatedVideo> {
  const started = performance.now();
  const clip = clipOf(settings);
  const { clips, ...lists } = gridSettingsOf(settings);
  const points = gridPoints(gridOf(lists), clip.steps);
  const { keys, left, seconds } = planAblation(weights, settings, done, rates);
  context.emit("points", { keys });
  const entries = clip.guidance === 1 ? 1 : 2;
  const finished = new Set(done);
  /** By the plan, which knows neither compiling nor points that take longer than the others. */
  let rest = { seconds, from: started };
  const secondsLeft = (): number | null =>
    rest.seconds && Math.max(0, rest.seconds - (performance.now() - rest.from) / 1000);
  const inner: TaskContext = {
    ...withoutEvents(context),
    report: (progress) => context.report({ ...progress, secondsLeft: secondsLeft() }),
  };
  await ablate(gpu, weights, points, clip, clips, done, inner, async (row) => {
    rates.sample = (1000 * clip.steps * entries * forwardCost(weights.config).total) / row.denseMs;
    finished.add(row.key);
    rest = { seconds: planAblation(weights, settings, finished, rates).seconds, from: performance.now() };
    context.emit("row", row);
  });
  return {
    points: keys.length,
    run: left,
    seconds: (performance.now() - started) / 1000,
    device: deviceInfo(gpu),
  };
}
