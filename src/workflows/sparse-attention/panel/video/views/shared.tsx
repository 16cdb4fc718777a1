// What the views of the video transformer share: their props, what they show before there are results, notes on weights.
import { EmptyState, Loading, Warning } from "../../../../../ui/states";
import type { DeviceInfo } from "../../../protocol";
import type { VideoSettings } from "../../../protocol-video-page";
import type { WeightsInfo } from "../../../protocol-video-session";
import type { VideoState } from "../state";
import { isVideoBusy, type VideoLab } from "../store";
import { BARELY_TRAINED, isBarelyTrained, sizeWords, trainingWords } from "../words";

export interface VideoViewProps {
  lab: VideoLab;
  state: VideoState;
  settings: VideoSettings;
  setParams(change: Partial<VideoSettings>): void;
}

/** The note of every card that shows results of weights. */
export function weightsNote(info: WeightsInfo | undefined): string | undefined {
  return info && `Weights: ${trainingWords(info)}; ${sizeWords(info)}. Clips are synthetic: moving shapes.`;
}

/** Says what few steps of training mean for what is shown. */
export function BarelyTrained({ info }: { info: WeightsInfo | undefined }) {
  if (!info) return null;
  if (!info.origin)
    return (
      <Warning title="Nobody knows how well these weights are trained">
        The file does not say by how many steps or to which loss. Look at the dense clip before you read the
        quality.
      </Warning>
    );
  if (!isBarelyTrained(info)) return null;
  return (
    <Warning title="These weights are barely trained">
      {trainingWords(info)}. Clips of 2,400 steps of four were still blotches without shapes: below{" "}
      {BARELY_TRAINED.toLocaleString("en")} steps PSNR and SSIM say little about the method. Times and the
      schedule are as they are.
    </Warning>
  );
}

/** Stands above times that say nothing about a GPU. */
export function SoftwareTimes({ device }: { device: DeviceInfo | undefined }) {
  if (!device?.software) return null;
  return (
    <Warning title="A software adapter">
      These times come from a driver that computes on the CPU. They say nothing about any GPU.
    </Warning>
  );
}

/** Shown by a view of a sampled clip while there is none. */
export function MissingClip({ state }: { state: VideoState }) {
  const { job, weights } = state;
  if (job.kind === "sample" && isVideoBusy(job))
    return <Loading label="Compiling and tuning on a run that is thrown away" height={160} />;
  if (job.kind === "sample" && job.state === "cancelled")
    return <EmptyState title="No whole clip" why="Sampling was cancelled before both clips were done." />;
  if (job.kind === "sample" && job.state === "failed")
    return <EmptyState title="No clip" why="Sampling stopped. The bar below says why." />;
  return weights.value ? (
    <EmptyState
      title="Nothing was sampled yet"
      why="Press “Sample” below: one clip is made twice from the same noise, with dense attention and with AdaSpa."
    />
  ) : (
    <EmptyState
      title="No weights yet"
      why="Press “Train” below, or drop weights that were trained before. Then “Sample” makes one clip by both samplers."
    />
  );
}
