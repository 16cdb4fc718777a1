// What a training and a sampling will cost, by counting and at the rates measured so far. It runs nothing.
import { sizeOf } from "../../../../tensor/shape";
import type { SparseSettings, VideoConfig } from "../../protocol-video";
import { clipOf, modelOf, sparseOf, trainingOf, type VideoSettings } from "../../protocol-video-page";
import type { VideoInspection } from "../../protocol-video-session";
import { forwardCost, trainingCost, videoTokenCount } from "./cost";
import { makeGeometry, rowCounts } from "./geometry";
import { modelSpecs } from "./model";
import { planSteps, scheduleWork } from "./schedule";
import { configOf } from "./training";

/** Operations per second, measured on this device; null before. */
export interface Rates {
  train: number | null;
  sample: number | null;
}

/** Of sampling; as long as none was sampled, that of training is a rough stand-in, and the other way round. */
export const sampleRate = ({ train, sample }: Rates): number | null => sample ?? train;
const trainRate = ({ train, sample }: Rates): number | null => train ?? sample;

/**
 * `trained` are the sizes of the weights that would be sampled; without weights those that would be trained.
 * @throws TesseraError `params` for sizes or a schedule that cannot be.
 */
export function inspectVideo(
  settings: VideoSettings,
  trained: VideoConfig | undefined,
  rates: Rates,
): VideoInspection {
  const config = configOf(modelOf(settings));
  const specs = modelSpecs(config);
  const { steps, batch, accumulate } = trainingOf(settings);
  const [clip, sparse] = [clipOf(settings), sparseOf(settings)];
  const plans = planSteps(clip.steps, sparse);
  const sampled = trained ?? config;
  const entries = clip.guidance === 1 ? 1 : 2;
  const { blocks, kept } = keptShare(sampled, sparse, entries);
  const work = scheduleWork(plans, kept).attention;
  const cost = forwardCost(sampled);
  const perStep = cost.linear + cost.attention;
  const sampleFlops = clip.steps * entries * (perStep + cost.linear + cost.attention * work);
  const trainFlops = steps * batch * accumulate * trainingCost(config);
  const seconds = (flops: number, rate: number | null): number | null => (rate ? flops / rate : null);
  return {
    config,
    tokens: videoTokenCount(config),
    parameters: Object.values(specs).reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    blocks,
    kept,
    trainFlops,
    sampleFlops,
    attentionWork: work,
    trainSeconds: seconds(trainFlops, trainRate(rates)),
    sampleSeconds: seconds(sampleFlops, sampleRate(rates)),
  };
}

/** Key blocks of a row, and the share of all blocks that a sparse step computes with one budget for all heads. */
export function keptShare(
  config: VideoConfig,
  sparse: SparseSettings,
  entries: number,
): { blocks: number; kept: number } {
  const geometry = makeGeometry(config, sparse, entries);
  const counts = rowCounts(geometry, new Array<number>(geometry.heads).fill(sparse.sparsity));
  const kept = counts.reduce((a, b) => a + b, 0) / (geometry.heads * geometry.blocks ** 2);
  return { blocks: geometry.blocks, kept };
}
