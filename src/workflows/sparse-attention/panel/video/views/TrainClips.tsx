// The clips that a training draws on its way, side by side: what the averaged weights make of one caption and one noise.
import { useRef } from "react";
import { Panel as Card } from "../../../../../ui/Panel";
import { EmptyState } from "../../../../../ui/states";
import type { TrainClip } from "../../../protocol-video-session";
import { frameImage } from "../clip-draw";
import type { VideoState } from "../state";
import { isVideoBusy } from "../store";
import { Picture, Playback, put, useFrames } from "./frames";
import classes from "./Video.module.css";

export function TrainClips({ state }: { state: VideoState }) {
  const { drawn, job, ran } = state;
  const every = ran.train?.previewEvery ?? 0;
  const isTraining = job.kind === "train" && isVideoBusy(job);
  if (drawn.length === 0 && !(isTraining && every > 0)) return null;
  return (
    <Card
      title="Clips on the way"
      note={drawn.length > 0 ? `“${drawn[0].caption}”, always from the same noise` : undefined}
      help="What “Sample” would give densely with the averaged weights of that moment, by the settings under “Clip”. The latest six are kept, and not stored with the run."
    >
      {drawn.length > 0 ? (
        <Strip drawn={drawn} />
      ) : (
        <EmptyState
          compact
          title="No clip was drawn yet"
          why={`The first one comes after ${every === 1 ? "the first step" : `${every.toLocaleString("en")} steps`}, or at the end.`}
        />
      )}
    </Card>
  );
}

function Strip({ drawn }: { drawn: readonly TrainClip[] }) {
  const { size } = drawn[0];
  const canvases = useRef(new Map<number, HTMLCanvasElement | null>());
  const frames = useFrames(size.frames, (at) => {
    for (const { step, clip } of drawn) put(canvases.current.get(step), frameImage(clip, at, size));
  });
  return (
    <div>
      <div className={classes.strip}>
        {drawn.map(({ step }) => (
          <Picture
            key={step}
            name={`Step ${step.toLocaleString("en")}`}
            size={size}
            has
            canvas={(element) => void canvases.current.set(step, element)}
          />
        ))}
      </div>
      <Playback of={frames} frames={size.frames} />
    </div>
  );
}
