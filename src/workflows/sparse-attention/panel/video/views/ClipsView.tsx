// What was sampled: both clips in step with their difference, and how close they are frame by frame.
import { useMemo } from "react";
import { formatNumber } from "../../../../../ui/format";
import { LineChart } from "../../../../../ui/LineChart";
import { Panel as Card } from "../../../../../ui/Panel";
import { Stat, StatRow } from "../../../../../ui/Stat";
import type { VideoComparison } from "../../../protocol-video";
import classes from "../../views/Views.module.css";
import type { VideoState } from "../state";
import { isVideoBusy } from "../store";
import { wholeTick } from "../words";
import { type ClipPair, ClipPlayer } from "./ClipPlayer";
import { BarelyTrained, MissingClip, type VideoViewProps, weightsNote } from "./shared";

export function ClipsView({ state }: VideoViewProps) {
  const { sampled, sampledWith } = state;
  const clips = useMemo(() => clipPair(state), [state]);
  const comparison = sampled?.comparison;
  return (
    <>
      {clips && <BarelyTrained info={sampledWith} />}
      <Card
        title={sampled ? "The two clips" : "The two clips, as they come"}
        note={
          clips
            ? [sampled && `“${sampled.caption}”`, weightsNote(sampledWith)].filter(Boolean).join(". ")
            : undefined
        }
        help="Both start from the same noise and follow the same caption. The dense sampler computes all blocks in all steps."
      >
        {clips ? <ClipPlayer clips={clips} /> : <MissingClip state={state} />}
      </Card>
      {comparison && <QualityCards comparison={comparison} note={weightsNote(sampledWith)} />}
    </>
  );
}

/** The clips that are there: the finished ones, else those under way. */
function clipPair({ sampled, live, job }: VideoState): ClipPair | undefined {
  if (sampled) {
    const { dense, sparse, config, comparison } = sampled;
    const ms = (value: number | undefined): string => (value ? `${formatNumber(value / 1000)} s` : "");
    return {
      dense,
      sparse,
      size: config,
      notes: {
        dense: `All blocks in every step; ${ms(comparison?.denseMs)}`,
        sparse: `${keptWords(comparison)}; ${ms(comparison?.sparseMs)}`,
      },
    };
  }
  const any = live.dense ?? live.sparse;
  if (!any) return undefined;
  const goesOn = job.kind === "sample" && isVideoBusy(job);
  const note = (preview: typeof any | undefined): string => {
    if (!preview) return "Not begun";
    const { step, of } = preview;
    if (step === of) return "Done";
    return `${goesOn ? "After step" : "Stopped after step"} ${step} of ${of}: still part noise`;
  };
  return {
    dense: live.dense?.clip,
    sparse: live.sparse?.clip,
    size: any.size,
    notes: { dense: note(live.dense), sparse: note(live.sparse) },
  };
}

function keptWords(comparison: VideoComparison | null | undefined): string {
  const kept = comparison?.kept ?? null;
  if (kept === null) return "No step was sparse";
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  return `Sparse steps kept ${percent(kept)} of all blocks and skipped ${percent(1 - kept)}`;
}

function QualityCards({ comparison, note }: { comparison: VideoComparison; note: string | undefined }) {
  const { psnr, ssim, meanPsnr, meanSsim, qualityDefinition, speedup, bound } = comparison;
  const x = psnr.map((_, frame) => frame + 1);
  return (
    <>
      <Card title="Sparse against dense" note={note}>
        <StatRow>
          <Stat
            label="Mean PSNR"
            value={meanPsnr ?? "∞"}
            unit="dB"
            hint={
              meanPsnr === null
                ? "All frames are equal: the ratio is infinite."
                : "Over the frames that differ."
            }
          />
          <Stat label="Mean SSIM" value={meanSsim} />
          <Stat
            label="Speed-up"
            value={speedup}
            unit="×"
            hint="Dense time over sparse time of the whole clip."
          />
          <Stat
            label="Amdahl’s bound"
            value={bound}
            unit="×"
            hint="Most that can be gained with attention’s measured share and the blocks really kept."
          />
        </StatRow>
        <p className={classes.text}>{qualityDefinition}</p>
      </Card>
      <Card title="PSNR of each frame">
        <LineChart
          title="PSNR of each frame"
          xLabel="frame"
          yLabel="decibels"
          series={meanPsnr === null ? [] : [{ name: "PSNR, sparse against dense", x, y: psnr, points: true }]}
          height={220}
          formatX={wholeTick}
          empty="Every frame of both clips is equal: PSNR is infinite."
        />
      </Card>
      <Card title="SSIM of each frame">
        <LineChart
          title="SSIM of each frame"
          xLabel="frame"
          yLabel="SSIM"
          series={[{ name: "SSIM, sparse against dense", x, y: ssim, points: true }]}
          yRange={[Math.floor(Math.min(...ssim) * 10 - 1) / 10, 1]}
          height={220}
          formatX={wholeTick}
        />
      </Card>
    </>
  );
}
